"""A file as it lies on the disk: refused where it is no regular file, hashed, unpacked, its lines of bounded length."""

from __future__ import annotations

import gzip
import hashlib
import io
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

from sizewise.core.errors import DataError
from sizewise.data.text import readable

#: a row above this is not read: it is passed over, and becomes a reject (bytes in binary files, else characters)
LONGEST_ROW = 64 * 1024**2
#: of a reject's raw text this much is kept; the file and the line say where the whole of it stands
KEPT_RAW = 1024**2

#: where the row begins (its line, or its number where the format has no lines), its raw text, and the row or why not
Record = tuple[int, str, Mapping[str, Any] | str]


class Recorded(Protocol):
    """A log that lies in no file of a known format, such as the gateway's capture; read as a chat log is.

    ``name`` and ``str()`` say what it is called, ``records`` gives the same each time, in order, ``sha256`` is of all
    that ``records`` gives, and ``found`` says what was left out of it, and why.
    """

    @property
    def name(self) -> str: ...
    @property
    def found(self) -> Sequence[str]: ...
    def sha256(self) -> bytes: ...
    def records(self) -> Iterator[Record]: ...


#: what can be read: a file, or a recording
Source = Path | Recorded

_KINDS = {
    stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket", stat.S_IFCHR: "a device", stat.S_IFBLK: "a device",
}  # fmt: skip


def require_file(path: Path) -> None:
    """Raise ``DataError`` unless ``path`` is a regular file that may be opened without waiting for anybody."""
    if readable(str(path)) != str(path):
        raise DataError(f"{path}: the name is not UTF-8 text, so it cannot be written down. Rename the file.")
    if "\0" in str(path):
        raise DataError(f"{path} is no file name: it holds a NUL.")
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        raise DataError(
            f"no file {path}. Check the path; a log is JSON lines, JSON, CSV, Parquet or an export (docs/logs.md)."
        ) from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error
    if stat.S_ISDIR(mode):
        raise DataError(f"{path} is a folder. Name the log file in it.")
    if not stat.S_ISREG(mode):
        raise DataError(f"{path} is {_KINDS.get(stat.S_IFMT(mode), 'no file')}. Save it as a file, and name that.")


def file_hash(path: Path) -> bytes:
    """SHA-256 of the file as it lies there."""
    require_file(path)
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error


def source_hash(source: Source) -> bytes:
    """SHA-256 of a file as it lies there, or of all that a recording gives."""
    return file_hash(source) if isinstance(source, Path) else source.sha256()


def unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    """``raw`` itself, or what is in it where it is gzip (all its members, one after another)."""
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    return io.BufferedReader(gzip.GzipFile(fileobj=raw), 1 << 16) if packed else raw


def lines(file: io.BufferedReader) -> Iterator[tuple[int, bytes, int]]:
    """Each line with its number and its length in bytes; of one longer than ``LONGEST_ROW`` only the beginning."""
    number = 0
    while line := file.readline(LONGEST_ROW + 1):
        number += 1
        length = len(line)
        if length > LONGEST_ROW and not line.endswith(b"\n"):
            line = line[:KEPT_RAW]
            while rest := file.readline(1 << 20):
                length += len(rest)
                if rest.endswith(b"\n"):
                    break
        yield number, line, length


def raw_text(line: bytes) -> str:
    """``line`` as a reject keeps it: bytes that are no UTF-8 as escapes, the end of the line dropped."""
    return cut_raw(line[: KEPT_RAW + 4].decode("utf-8", "backslashreplace").rstrip("\r\n"), len(line))


def cut_raw(text: str, length: int | None = None) -> str:
    """``text``, or its beginning and its whole length where a reject would hold too much of it."""
    length = length or len(text)
    return text if length <= KEPT_RAW else f"{text[:KEPT_RAW]}… (cut: {length:,} in all)"
