"""What kind of file a log is, by its content first and its name second, and its rows."""

from __future__ import annotations

import csv
import json
import zlib
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Literal

from sizewise.core.errors import DataError
from sizewise.data.formats.csv_rows import DELIMITERS, csv_rows
from sizewise.data.formats.json_document import document_rows, is_document
from sizewise.data.formats.json_lines import json_lines
from sizewise.data.formats.parquet import MAGIC, parquet_rows
from sizewise.data.formats.source import Record, Source, require_file, unpacked

HEAD = 1 << 20
Kind = Literal["lines", "document", "csv", "parquet", "recorded"]

#: what a file begins with that is none of ours: what it is, and what to do
_OTHERS = {
    b"\xff\xfe\x00\x00": "UTF-32, not UTF-8 text: iconv converts it",
    b"\x00\x00\xfe\xff": "UTF-32, not UTF-8 text: iconv converts it",
    b"\xff\xfe": "UTF-16, not UTF-8 text: iconv converts it",
    b"\xfe\xff": "UTF-16, not UTF-8 text: iconv converts it",
    b"\x1f\x8b": "packed with gzip twice: unpack it once",
    b"PK\x03\x04": "a zip archive or an Excel workbook: unpack it, or save the sheet as CSV",
    b"BZh": "packed with bzip2: unpack it, or use gzip",
    b"\xfd7zXZ": "packed with xz: unpack it, or use gzip",
    b"\x28\xb5\x2f\xfd": "packed with zstd: unpack it, or use gzip",
    b"SQLite format 3": "an SQLite database: export the table as CSV",
}
_TOO_MANY_NULS = 0.1
_JSON_NAMES = (".json", ".jsonl", ".ndjson")
_CSV_NAMES = (".csv", ".tsv")


def kind_of(path: Source) -> Kind:
    """What the file holds. Raises ``DataError`` where it is none of what we read."""
    if not isinstance(path, Path):
        return "recorded"
    require_file(path)
    with explained(path), path.open("rb") as raw:
        if raw.peek(4)[:4] == MAGIC:
            return "parquet"
        head = _head(raw)
    for magic, what in _OTHERS.items():
        if head.startswith(magic):
            raise DataError(f"{path} is {what}.")
    if head.startswith(MAGIC):
        raise DataError(f"{path} is a Parquet file packed with gzip: unpack it (Parquet packs its columns itself).")
    if head.count(0, 0, 4_096) > _TOO_MANY_NULS * len(head[:4_096]):
        raise DataError(f"{path} is not UTF-8 text. A log is JSON lines, JSON, CSV (iconv converts others) or Parquet.")
    text = head.decode("utf-8", "replace").removeprefix("\ufeff")
    name = path.name.casefold().removesuffix(".gz")
    if text.lstrip().startswith(("{", "[")) and not (name.endswith(_CSV_NAMES) and not _starts_with_json(text)):
        return "document" if is_document(text, whole=len(head) < HEAD) else "lines"
    if name.endswith(_CSV_NAMES):
        return "csv"
    first = text.lstrip().partition("\n")[0]
    return "csv" if not name.endswith(_JSON_NAMES) and any(d in first for d in DELIMITERS) else "lines"


def records(path: Source, kind: Kind | None = None) -> Generator[Record]:
    """Every row of ``path`` that is not blank, in order. Raises ``DataError`` where it cannot be read at all."""
    if not isinstance(path, Path):
        yield from path.records()
        return
    kind = kind or kind_of(path)
    with explained(path):
        if kind == "parquet":
            yield from parquet_rows(path)
            return
        with path.open("rb") as raw, unpacked(raw) as file:
            reader = {"lines": json_lines, "document": document_rows, "csv": csv_rows}[kind]
            yield from _named(path, reader(file))


def _named(path: Path, rows: Iterator[Record]) -> Iterator[Record]:
    try:
        yield from rows
    except DataError as error:
        raise DataError(f"{path}: {error}. Repair it, or export it as JSON lines.") from error


class explained:  # noqa: N801 - read as a statement
    """What the system or a decoder says of ``path``, as one clear message."""

    def __init__(self, path: Path | str) -> None:
        self._path = path

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        if isinstance(error, csv.Error):
            raise DataError(f"{self._path}: its first line is not CSV: {error}.") from error
        if isinstance(error, OSError | EOFError | zlib.error):
            raise DataError(
                f"cannot read {self._path}: {error}. If it is a .gz, it may be cut short: make it again."
            ) from error


def _head(raw: object) -> bytes:
    with unpacked(raw) as file:  # type: ignore[arg-type]
        return file.read(HEAD)


def _starts_with_json(text: str) -> bool:
    """Whether the first line is a JSON object or the beginning of an array, whatever the file is called."""
    first = text.lstrip().partition("\n")[0]
    try:
        return isinstance(json.loads(first), dict | list)
    except (ValueError, RecursionError):
        return first.strip() in ("[", "{")
