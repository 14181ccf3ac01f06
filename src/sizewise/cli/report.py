"""``sizewise report``: write a run's report anew, or compare it with another run."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sizewise.cli.options import Lang, Language, Texts
from sizewise.core.errors import InputError, RunError


def report(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    lang: Lang = Language.en,
    texts: Texts = False,
    against: Annotated[
        Path | None, typer.Option(help="Another finished run: write comparison.html, this run held against that one.")
    ] = None,
    out: Annotated[Path | None, typer.Option(help="With --against: the file to write instead.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write --out anew where it exists.")] = False,
) -> None:
    """Write a finished run's report.html anew, in either language, or compare the run with another."""
    from sizewise.cli.terminal_text import plain

    if against is None and out is not None:
        raise InputError("--out names the page of a comparison: give --against OTHER with it.")
    if against is not None and texts:
        raise InputError("--texts belongs to the report: a comparison shows no texts. Leave one of the two out.")
    if out is not None:
        _require_free(out, force)
    typer.echo(plain(_rewrite(run, lang, texts) if against is None else _compare(run, against, lang, out)))


def _require_free(out: Path, force: bool) -> None:
    if out.is_dir():
        raise RunError(f"--out {out}: that is a folder. Name a file.")
    if out.exists() and not force:
        raise RunError(f"{out} exists. --force writes it anew; another --out FILE keeps it.")


def _rewrite(run: Path, lang: Language, texts: bool) -> Path:
    from sizewise.run import Run
    from sizewise.stages.saving import write_report
    from sizewise.stages.source_texts import source_texts

    opened = Run.open(run)
    shown = source_texts(opened) if texts else None
    write_report(run, opened.record, lang.value, shown)
    return run / "report.html"


def _compare(run: Path, against: Path, lang: Language, out: Path | None) -> Path:
    from sizewise.report.comparison.page import compare
    from sizewise.report.comparison.side import Side
    from sizewise.run import Run
    from sizewise.store.disk import write_whole
    from sizewise.store.predictions import read_predictions

    one, other = (Side(path.resolve().name, Run.open(path).record, read_predictions(path)) for path in (run, against))
    page = out or run / "comparison.html"
    write_whole(page, compare(one, other, lang.value))
    return page
