"""Write files whole or not at all, and say clearly when the disk does not let us."""

from __future__ import annotations

import errno
import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from sizewise.core.errors import LimitReached, RunError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_AT_A_TIME = 1 << 20  # bytes
_NO_LOCKS = {errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOSYS, errno.EBADF}


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into one clear message: a full or failing disk is a limit, the rest is input."""
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise LimitReached(
                f"no space left on the disk at {path}. What was done is kept: free some space and run the same command again."
            ) from error
        if error.errno == errno.EIO:
            raise LimitReached(
                f"the disk failed at {error.filename or path} ({error.strerror}). What was done is kept: run the same "
                "command again; if it fails again, with an --out on another disk."
            ) from error
        raise RunError(f"cannot write {error.filename or path}: {error.strerror or error}.") from error


def write_whole(path: Path, content: bytes | str) -> None:
    """Write ``content`` so that a reader, or a crash, sees the old file or the new one, never a part."""
    data = content.encode("utf-8") if isinstance(content, str) else content
    with _whole(path) as file:
        file.write(data)


def copy_whole(source: Path, target: Path) -> None:
    """Copy a file so that the target is there whole or not at all."""
    with source.open("rb") as original, _whole(target) as file:
        shutil.copyfileobj(original, file, _AT_A_TIME)


def copy_folder(source: Path, target: Path) -> None:
    """Copy every file below ``source`` into the new folder ``target``, each whole or not at all."""
    with explained(target):
        target.mkdir(parents=True)
        for entry in sorted(source.rglob("*")):
            if entry.is_dir():
                (target / entry.relative_to(source)).mkdir()
            else:
                copy_whole(entry, target / entry.relative_to(source))


@contextmanager
def _whole(path: Path) -> Iterator[IO[bytes]]:
    """A file beside ``path`` that takes its place when the block is done and all of it has reached the disk."""
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with explained(path):
        try:
            with beside.open("wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Hold ``folder`` against every other process that asks for it; the system lets go when this one ends, even killed.

    Raises ``RunError`` where another holds it. A file system that knows no locks is gone without.
    """
    with explained(folder):
        descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise RunError(
                f"another process is writing {folder}. Let it finish, or choose another folder (--out)."
            ) from None
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise
        yield
    finally:
        os.close(descriptor)
