"""``sizewise decide A B C --portfolio``: a run for each source, then all of them weighed together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from sizewise.cli.progress import ConsoleListener
    from sizewise.core.task import Task
    from sizewise.data.formats.source import Source
    from sizewise.run import Run

Decide = Callable[["Task", "list[Source]", Path], "Run"]


@dataclass(frozen=True, slots=True)
class One:
    """One source of the portfolio: its task, its data, and the folder of its run."""

    task: Task
    paths: list[Source]
    folder: Path


def listed(sources: Sequence[str], out: Path, set_up: Callable[[Task], Task]) -> list[One]:
    """Each source as a task of its own. Raises ``TaskError`` where two would share a run's folder."""
    from sizewise.core.errors import TaskError
    from sizewise.stages.sources import resolve

    found: list[One] = []
    for source in sources:
        task, paths = resolve([source])
        task = set_up(task)
        folder = out / (Path(task.name).name or "task")
        if any(one.folder == folder for one in found):
            raise TaskError(f"two tasks are called {task.name!r}: name them in task files ([task] name = ...).")
        found.append(One(task, paths, folder))
    return found


def decide_all(
    tasks: Sequence[One], out: Path, decide: Decide, listener: ConsoleListener, language: str, force: bool
) -> str:
    """Decide each task, or take its finished run of the same data and settings; write the page; say what follows."""
    from sizewise.advice.costs import read_assumptions
    from sizewise.advice.portfolio import measured_task, portfolio
    from sizewise.advice.portfolio_view import portfolio_page, portfolio_summary
    from sizewise.store.disk import write_whole

    assumed, lang = read_assumptions(), "ru" if language == "ru" else "en"
    entries = []
    for one in tasks:
        run = None if force else finished(one)
        if run is None:
            listener.found(f"{one.task.name} → {one.folder}")
            run = decide(one.task, one.paths, one.folder)
        entries.append(measured_task(one.task.name, run.verdict, assumed))
    found = portfolio(entries, assumed)
    page = out / "portfolio.html"
    write_whole(page, portfolio_page(found, assumed, "ru" if lang == "ru" else "en"))
    return portfolio_summary(found, assumed, "ru" if lang == "ru" else "en") + f"\n\n{page}"


def finished(one: One) -> Run | None:
    """The finished run in the task's folder, where it was made from the same data and settings."""
    import tomli_w

    from sizewise.core.errors import RunError
    from sizewise.data.formats.source import source_hash
    from sizewise.data.task_file import task_tables
    from sizewise.run import Run

    settings = one.folder / "task.toml"
    if not settings.exists():
        return None
    try:
        run = Run.open(one.folder)
    except RunError:
        return None
    same_data = len(one.paths) == 1 and run.verdict.data.sha256 == source_hash(one.paths[0]).hex()
    same_settings = settings.read_text("utf-8") == tomli_w.dumps(task_tables(one.task))
    return run if same_data and same_settings else None


def say(text: str) -> None:
    """Print what a portfolio came to."""
    from sizewise.cli.terminal_text import plain

    typer.echo(plain(text))
