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
    openai = "openai-finetune"
    bedrock = "bedrock-finetune"
    cohere = "cohere-finetune"
    gemini = "gemini-finetune"


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
    model: Annotated[str | None, typer.Option("--model", help="The large model to be tuned, for its price.")] = None,
    training_price: Annotated[
        float | None, typer.Option("--training-price", min=0, help="US dollars per million training tokens.")
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the rows that are reckoned with.")] = 3,
    lang: Lang = Language.en,
) -> None:
    """Hand a run's specialist over, to answer where Sizewise is not installed; or its rows, to tune a large model."""
    from sizewise.export.export import export as hand_over
    from sizewise.export.tuning.tuning import Choices
    from sizewise.report.visible import stripped
    from sizewise.report.words import Words

    words = Words(lang.value)
    tuning = Choices(model, training_price, epochs)
    done = hand_over(run, to.value, out, small=small, source=source, force=force, language=lang.value, tuning=tuning)
    for line in done.said(words):
        typer.echo(stripped(line, LONGEST_LINE))
