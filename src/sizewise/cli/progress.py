"""Progress on standard error: a line for each stage, a bar for what takes long."""

from __future__ import annotations

import sys
import time
from types import TracebackType

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeRemainingColumn

from sizewise.cli.terminal_text import plain


class ConsoleListener:
    """A ``Listener`` for a person at a terminal, and for a log where there is none."""

    def __init__(self, quiet: bool = False) -> None:
        self._console = Console(stderr=True, highlight=False, quiet=quiet)
        self._bars = Progress(
            SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn(),
            console=self._console, transient=True, disable=quiet or not sys.stderr.isatty(),
        )  # fmt: skip
        self._tasks: dict[str, int] = {}
        self._started = time.perf_counter()

    def __enter__(self) -> ConsoleListener:
        self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bars.stop()

    def stage(self, name: str) -> None:
        """Print the stage with the seconds since the start."""
        self._clear()
        self._console.print(f"[dim]{time.perf_counter() - self._started:6.1f} s[/dim]  {escape(name)}")
        self._tasks[name] = self._bars.add_task(escape(name), total=None)

    def progress(self, what: str, done: int, total: int) -> None:
        """Advance the bar of ``what``."""
        if what not in self._tasks:
            self._clear()
            self._tasks[what] = self._bars.add_task(escape(what), total=total)
        self._bars.update(self._tasks[what], total=total, advance=done)  # type: ignore[arg-type]

    def found(self, message: str) -> None:
        """Print a finding below its stage."""
        self._console.print(f"          {escape(plain(message))}")

    def _clear(self) -> None:
        for task in self._tasks.values():
            self._bars.remove_task(task)  # type: ignore[arg-type]
        self._tasks.clear()
