"""``sizewise check``: what a log can bear, before any model."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from sizewise.cli.options import Columns, Only, RawAnswers, ReferenceOption, Template, filters, pairs


def check(
    sources: Annotated[list[Path], typer.Argument(metavar="SOURCE...", help="A log, or a task file (.toml).")],
    reference: Annotated[ReferenceOption | None, typer.Option(help="What answers are held against.")] = None,
    columns: Columns = None,
    only: Only = None,
    template: Template = None,
    raw_answers: RawAnswers = False,
) -> None:
    """Read and check a log: labels and their merges, duplicates, unusable answers, splits. Prints JSON."""
    import msgspec

    from sizewise.api import resolve
    from sizewise.cli.terminal_text import harmless
    from sizewise.data.answers import read_log
    from sizewise.data.check import check as check_log
    from sizewise.data.split import split
    from sizewise.data.survey import Survey
    from sizewise.data.task_file import with_options
    from sizewise.specialists.ngrams import LONGEST_INPUT
    from sizewise.stages.checking import data_check

    task, paths = resolve(sources)
    task = with_options(
        task, {}, reference=reference.value if reference else None, columns=pairs("--columns", columns) or None,
        only=filters(only) or None, template=template, raw_answers=raw_answers or None,
    )  # fmt: skip
    log = read_log(task, paths)
    checked = check_log(log, task.labels, task.strict_labels)
    splits = split(checked, task.reference, task.labels, task.seed)
    found = data_check(log.about, checked.facts, splits.division, Survey(LONGEST_INPUT, log.examples))
    typer.echo(harmless(msgspec.json.format(msgspec.json.encode(found), indent=1).decode()))
