"""``sizewise check``: what a log can bear, before any model, and a cleaned copy of it."""

from __future__ import annotations

from contextlib import ExitStack
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

import sizewise
from sizewise.cli.options import (
    Columns,
    Lang,
    Language,
    Only,
    RawAnswers,
    ReferenceOption,
    StrictLabels,
    Template,
    filters,
    pairs,
)

if TYPE_CHECKING:
    from sizewise.stages.checkup import Checkup

DATA_CHECK, REJECTS, PAGE = "data-check.json", "rejects.jsonl", "check.html"


class LabelFix(StrEnum):
    """What to do with train rows whose label is probably wrong."""

    leave = "leave"
    drop = "drop"
    suggest = "suggest"


def check(
    sources: Annotated[
        list[str], typer.Argument(metavar="SOURCE...", help="A log, a traffic store, or a task file (.toml).")
    ],
    out: Annotated[
        Path | None, typer.Option("--out", help="A folder for data-check.json, rejects.jsonl and check.html.")
    ] = None,
    reference: Annotated[ReferenceOption | None, typer.Option(help="What answers are held against.")] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the split; 0 by default.")] = None,
    columns: Columns = None,
    only: Only = None,
    template: Template = None,
    raw_answers: RawAnswers = False,
    audit: Annotated[
        bool, typer.Option("--audit/--no-audit", help="Look for label errors in train, by `keywords` alone.")
    ] = True,
    fix: Annotated[
        Path | None, typer.Option("--fix", help="Write a cleaned copy (train only), and the changes beside it.")
    ] = None,
    fix_labels: Annotated[
        LabelFix, typer.Option("--fix-labels", help="With --fix: what to do with suspected label errors.")
    ] = LabelFix.leave,
    strict_labels: StrictLabels = False,
    lang: Lang = Language.en,
    as_json: Annotated[bool, typer.Option("--json", help="Print data-check.json instead of the summary.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Write --out and --fix anew where they exist.")] = False,
) -> None:
    """Check a log of any size: labels, duplicates, contradictions, personal data, encoding, suspected label errors."""
    from sizewise.cli.progress import ConsoleListener
    from sizewise.cli.terminal_text import harmless, plain
    from sizewise.core.errors import TaskError
    from sizewise.data.task_file import with_options
    from sizewise.report.check_terminal import summary
    from sizewise.stages import cleaning
    from sizewise.stages.checkup import check_up
    from sizewise.stages.sources import resolve
    from sizewise.store.lines import lines_into

    task, paths = resolve(sources)
    task = with_options(
        task, {}, reference=reference.value if reference else None, seed=seed,
        columns=pairs("--columns", columns) or None, only=filters(only) or None, strict_labels=strict_labels or None,
        template=template, raw_answers=raw_answers or None,
    )  # fmt: skip
    if fix_labels is not LabelFix.leave and not (fix and audit):
        raise TaskError("--fix-labels needs --fix FILE, and the audit.")
    if fix:
        cleaning.require_free(fix, paths, force)
    if out:
        _make(out, force)
    with ConsoleListener() as listener:
        with ExitStack() as stack:
            sink = stack.enter_context(lines_into(out / REJECTS)) if out else None
            found = check_up(task, paths, listener, audit, sink)
        if fix:
            changed = cleaning.clean(paths, found, fix, fix_labels.value, listener)
    if out:
        _save(out, found, task.name, lang.value)
    if as_json:
        typer.echo(harmless(_json(found).decode()), nl=False)
    else:
        typer.echo(summary(found.data_check, found.audit, lang.value))
        written = [str(out / name) for name in (PAGE, DATA_CHECK, REJECTS)] if out else []
        if fix:
            written += [str(fix), f"{cleaning.changes_path(fix)} ({changed:,})"]
        typer.echo(plain("".join(f"\n{line}" for line in written)), nl=bool(written))


def _make(out: Path, force: bool) -> None:
    """Make the folder. Raises ``RunError`` where a check is in it already, or what stands there is none."""
    from sizewise.core.errors import RunError
    from sizewise.store.disk import explained

    if out.exists() and not out.is_dir():
        raise RunError(f"{out} exists and is no folder. Choose another --out.")
    if (out / "state.json").exists():
        raise RunError(f"{out} holds a run, which has a data check of its own. Choose another --out.")
    if any((out / name).exists() for name in (DATA_CHECK, REJECTS, PAGE)) and not force:
        raise RunError(f"{out} holds a finished check. --force makes it anew; another --out keeps it.")
    with explained(out):
        out.mkdir(parents=True, exist_ok=True)


def _json(found: Checkup) -> bytes:
    import msgspec

    content = msgspec.to_builtins(found.data_check) | {"audit": msgspec.to_builtins(found.audit)}
    return msgspec.json.format(msgspec.json.encode(content), indent=1) + b"\n"


def _save(out: Path, found: Checkup, name: str, language: str) -> None:
    from sizewise.core.record import CheckRecord
    from sizewise.report.check_page import render
    from sizewise.store.disk import write_whole

    record = CheckRecord(name, sizewise.__version__, found.data_check, found.audit)
    write_whole(out / PAGE, render(record, "ru" if language == "ru" else "en"))
    write_whole(out / DATA_CHECK, _json(found))
