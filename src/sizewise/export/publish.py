"""An export appears whole or not at all, and takes the place of an older export only where that is asked for."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from sizewise.core.errors import RunError
from sizewise.store.disk import copy_whole, explained, locked, write_whole

MARK = "export.json"
Content = bytes | Path


@contextmanager
def published(out: Path, force: bool) -> Iterator[Path]:
    """Give a folder to write to, which becomes ``out`` when the block ends without an error.

    Raises ``RunError`` where ``out`` exists and is not to be replaced, or is nothing that an export left.
    """
    beside, old = (out.parent / f".{out.name}.{what}" for what in ("export", "old"))
    with explained(out):
        beside.mkdir(parents=True, exist_ok=True)
    with locked(beside):
        try:
            _put_back(old, out)
            _refuse(out, force)
            _emptied(beside)
            yield beside
            with explained(out):
                if out.exists():
                    out.rename(old)
                beside.rename(out)
        finally:
            shutil.rmtree(beside, ignore_errors=True)
            if out.exists():
                shutil.rmtree(old, ignore_errors=True)


def write_files(folder: Path, files: Mapping[str, Content]) -> None:
    """Write each file below ``folder``; the content is bytes, or the file to copy."""
    for name, content in files.items():
        target = folder / name
        with explained(target):
            target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            write_whole(target, content)
        else:
            copy_whole(content, target)


def _put_back(old: Path, out: Path) -> None:
    """A process was killed between its last steps: the older export is what there is, or what is still to be removed."""
    if not old.exists():
        return
    with explained(out):
        if out.exists():
            shutil.rmtree(old)
        else:
            old.rename(out)


def _refuse(out: Path, force: bool) -> None:
    if not out.exists():
        return
    if not (out.is_dir() and ((out / MARK).is_file() or not any(out.iterdir()))):
        raise RunError(f"{out} exists and is no export of Sizewise: it is left alone. Choose another --out.")
    if not force and any(out.iterdir()):
        raise RunError(f"{out} holds an export. --force makes it anew; another --out keeps it.")


def _emptied(folder: Path) -> None:
    with explained(folder):
        for entry in folder.iterdir():
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink()
