"""Let a process be killed, or its disk refuse, at the N-th thing that it does to a disk. No product code knows of it.

A point is reached before every opening of a file for writing, every write, sync, copy, rename, removal and
making of a folder. Written data are torn in the middle: half arrives, then the process dies or the disk refuses.
"""

from __future__ import annotations

import builtins
import errno
import io
import os
import signal
import sys
from typing import Any

COUNTED = {"os.rename", "os.remove", "os.mkdir", "os.rmdir"}
WRITES = os.O_WRONLY | os.O_RDWR


class Injection:
    """Counts the points and acts at number ``at`` (from 1; 0: never). ``act`` is ``kill`` or an error's name."""

    def __init__(self, at: int, act: str) -> None:
        self.at, self.act, self.points, self.paused = at, act, 0, False

    def reached(self) -> bool:
        """Whether this is the point."""
        if self.paused:
            return False
        self.points += 1
        return self.points == self.at

    def happen(self) -> None:
        """Die, or refuse as a disk does."""
        if self.act == "kill":
            os.kill(os.getpid(), signal.SIGKILL)
        number = getattr(errno, self.act)
        raise OSError(number, os.strerror(number))

    def heard(self, event: str, arguments: tuple[Any, ...]) -> None:
        """An audit event: it comes before what it announces, and raising stops that."""
        if event == "open":
            path, mode, flags = arguments
            writing = bool(flags & WRITES) if isinstance(flags, int) else any(c in "wax+" for c in mode or "")
            if not writing or not isinstance(path, str | bytes | os.PathLike) or os.fspath(path) == os.devnull:
                return
        elif event not in COUNTED:
            return
        if self.reached():
            self.happen()


class Torn:
    """A file opened for writing, whose writes may be torn."""

    def __init__(self, file: Any, injection: Injection) -> None:
        self._file, self._injection = file, injection

    def write(self, data: Any) -> int:
        if self._injection.reached():
            self._file.write(data[: len(data) // 2])
            self._file.flush()
            self._injection.happen()
        return int(self._file.write(data))

    def __enter__(self) -> Torn:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)


def install(at: int, act: str) -> Injection:
    """From here on, in this process."""
    injection = Injection(at, act)
    opened, synced, sent = io.open, os.fsync, os.sendfile

    def open_torn(file: Any, mode: str = "r", *args: Any, **kwargs: Any) -> Any:
        found = opened(file, mode, *args, **kwargs)
        return Torn(found, injection) if set(mode) & set("wax") and isinstance(file, str | os.PathLike) else found

    def sync(number: int) -> None:
        if injection.reached():
            injection.happen()
        synced(number)

    def send(out: int, into: int, offset: int, count: int) -> int:
        if injection.reached():
            sent(out, into, offset, max(1, os.fstat(into).st_size // 2))
            injection.happen()
        return sent(out, into, offset, count)

    for module, name, wrapped in (
        (io, "open", open_torn), (builtins, "open", open_torn), (os, "fsync", sync), (os, "sendfile", send)
    ):  # fmt: skip
        setattr(module, name, wrapped)
    sys.addaudithook(injection.heard)
    return injection
