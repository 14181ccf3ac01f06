"""JSON lines written one by one into a file that is there whole or not at all."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec

from sizewise.store.disk import explained


@contextmanager
def lines_into(path: Path) -> Iterator[Callable[[Any], None]]:
    """Give a function that writes one line; ``path`` appears when the block ends without an error.

    A line is a mapping or a dataclass. Text that UTF-8 cannot hold (lone surrogates) is escaped.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    with explained(path):
        try:
            with beside.open("wb") as file:
                yield lambda row: _write(file.write, row)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)


def _write(write: Callable[[bytes], Any], row: Any) -> None:
    plain = msgspec.to_builtins(row)
    try:
        write(json.dumps(plain, ensure_ascii=False).encode() + b"\n")
    except UnicodeEncodeError:
        write(json.dumps(plain).encode() + b"\n")
