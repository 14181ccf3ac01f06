"""What kind of file a log is, and its rows."""

from __future__ import annotations

import csv
import zlib
from collections.abc import Generator
from pathlib import Path

from sizewise.core.errors import DataError
from sizewise.data.formats.csv_rows import csv_rows
from sizewise.data.formats.json_lines import json_lines
from sizewise.data.formats.source import Record, require_file, unpacked

HEAD = 4_096


def records(path: Path) -> Generator[Record]:
    """Every row of ``path`` that is not blank, in order. Raises ``DataError`` where it cannot be read at all."""
    require_file(path)
    try:
        with path.open("rb") as raw, unpacked(raw) as file:
            head = file.peek(HEAD)[:HEAD]
            if b"\0" in head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise DataError(
                    f"{path} is not UTF-8 text. A log is JSON lines or CSV in UTF-8 (iconv converts others)."
                )
            yield from csv_rows(file) if is_csv(path) else json_lines(file)
    except csv.Error as error:
        raise DataError(f"{path}: its first line is not CSV: {error}.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}. If it is a .gz, it may be cut short: make it again.") from error


def is_csv(path: Path) -> bool:
    """Whether the name says that the file is CSV."""
    return path.name.casefold().removesuffix(".gz").endswith((".csv", ".tsv"))
