"""``sizewise report``: write a run's report anew."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sizewise.cli.options import Lang, Language, Texts


def report(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    lang: Lang = Language.en,
    texts: Texts = False,
) -> None:
    """Write a finished run's report.html anew, in either language."""
    from sizewise.cli.terminal_text import plain
    from sizewise.run import Run
    from sizewise.stages.saving import write_report
    from sizewise.stages.source_texts import source_texts

    opened = Run.open(run)
    shown = source_texts(opened) if texts else None
    write_report(run, opened.record, lang.value, shown)
    typer.echo(plain(run / "report.html"))
