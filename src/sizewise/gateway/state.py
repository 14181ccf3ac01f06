"""Which run serves each task, and in which mode: one small file beside the store that every worker follows.

The file is written whole and under a lock, so that a reader, a crash or a second writer never meets half of it.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sizewise.core.errors import RunError
from sizewise.core.exchange import Mode
from sizewise.store.disk import explained, write_whole

STATE_NAME, TALLIES_NAME = "sizewise-serve.json", "sizewise-shadow.json"
VERSION = 1


class TaskState(msgspec.Struct, frozen=True, kw_only=True):
    """``run`` is a run's folder and ``run_id`` its identity; ``given`` is that of the run which ``serve`` was called with.

    A run that was promoted while serving stays until ``serve`` is called with another one than back then. ``forced``
    says that the mode was set against the verdict, ``before`` is the run (and its mode) that was served before.
    """

    run: str
    run_id: str
    mode: Mode
    since: str
    given: str | None = None
    forced: bool = False
    before: str | None = None


def state_folder(store: str) -> Path | None:
    """The folder in which the state lies: the SQLite file's own, else the working directory; ``None`` for no store.

    >>> state_folder("sqlite:////var/lib/sizewise/traffic.db"), state_folder("none")
    (PosixPath('/var/lib/sizewise'), None)
    >>> state_folder("traffic.db") == state_folder("postgresql://db/traffic") == Path.cwd()
    True
    """
    if store == "none":
        return None
    kind, _, place = store.rpartition(":///")
    if kind.startswith("sqlite") or "://" not in store:
        return Path(place).absolute().parent
    return Path.cwd()


class Versioned(msgspec.Struct, frozen=True, kw_only=True):
    """The form in which a file was written."""

    version: int = VERSION


class State(Versioned, frozen=True):
    """Every task's state by its name."""

    tasks: dict[str, TaskState] = {}

    def having(self, name: str, task: TaskState) -> State:
        """This state with one task's set."""
        return State({**self.tasks, name: task})


class Tally(msgspec.Struct, frozen=True):
    """How often a run's specialist and the LLM said the same in shadow mode.

    ``compared`` requests, ``agreed`` on; ``answered`` are those that the specialist would have answered, ``answered_agreed``
    of them with the LLM's answer.
    """

    compared: int = 0
    agreed: int = 0
    answered: int = 0
    answered_agreed: int = 0

    def plus(self, other: Tally) -> Tally:
        """Both together."""
        return Tally(
            self.compared + other.compared,
            self.agreed + other.agreed,
            self.answered + other.answered,
            self.answered_agreed + other.answered_agreed,
        )


class Tallies(Versioned, frozen=True):
    """Every run's tally by its run id."""

    runs: dict[str, Tally] = {}


Held = TypeVar("Held", bound=Versioned)


class StateFile(Generic[Held]):
    """A file that several processes read and now and then change."""

    def __init__(self, path: Path, kind: type[Held]) -> None:
        self._path, self._kind = path, kind
        self._seen: tuple[int, int, int] | None = None

    @property
    def path(self) -> Path:
        return self._path

    def read(self) -> Held:
        """What the file holds; nothing where there is none yet. Raises ``RunError`` where it cannot be read."""
        try:
            self._seen = self._stamp()
            raw = self._path.read_bytes()
            held = msgspec.json.decode(raw, type=self._kind)
        except FileNotFoundError:
            return self._kind()
        except (OSError, msgspec.DecodeError, UnicodeDecodeError) as error:
            raise RunError(
                f"{self._path} cannot be read ({error}): which runs are served is not known. Restore it, or remove it "
                "to begin anew with the runs that `sizewise serve` is called with."
            ) from error
        if held.version > VERSION:
            raise RunError(f"{self._path} was written by a later version of Sizewise: install that one.")
        return held

    def has_changed(self) -> bool:
        """Whether it was written since it was last read."""
        return self._stamp() != self._seen

    def update(self, change: Callable[[Held], Held]) -> Held:
        """Read, change and write as one step, whoever else does the same."""
        with self._lock():
            held = change(self.read())
            write_whole(self._path, msgspec.json.format(msgspec.json.encode(held), indent=1) + b"\n")
            self._seen = self._stamp()
        return held

    def _stamp(self) -> tuple[int, int, int] | None:
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_ino, found.st_mtime_ns, found.st_size

    @contextmanager
    def _lock(self) -> Iterator[None]:
        beside = self._path.with_name(f".{self._path.name}.lock")
        with explained(beside):
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)
