"""``sizewise export``: a finished specialist leaves Sizewise."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sizewise.cli.options import Lang, Language

LONGEST_LINE = 2_000


class To(StrEnum):
    """What a run's specialist can become."""

    folder = "folder"
    wheel = "wheel"
    onnx = "onnx"
    gguf = "gguf"


def export(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    to: Annotated[To, typer.Option("--to", help="A folder that runs, a wheel, an ONNX graph, or GGUF.")],
    out: Annotated[Path, typer.Option("--out", help="The new folder to write to.")],
    small: Annotated[
        bool, typer.Option("--small", help="For small devices: one byte a weight; what that changes is measured.")
    ] = False,
    source: Annotated[
        Path | None, typer.Option("--source", help="The log that the run was made from, where it has moved.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Take the place of an export that is there.")] = False,
    lang: Lang = Language.en,
) -> None:
    """Hand a run's specialist over, to answer where Sizewise is not installed."""
    from sizewise.export.export import export as hand_over
    from sizewise.report.visible import stripped
    from sizewise.report.words import Words

    words = Words(lang.value)
    done = hand_over(run, to.value, out, small=small, source=source, force=force, language=lang.value)
    for line in done.said(words):
        typer.echo(stripped(line, LONGEST_LINE))
