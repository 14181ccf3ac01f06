"""CSV and its kin with semicolons, tabs or bars (RFC 4180, any line ending). A broken record costs its own line only."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from typing import IO

from sizewise.data.formats.source import KEPT_RAW, LONGEST_ROW, Record, cut_raw, raw_text

DELIMITERS = ",;\t|"
#: the line with which a spreadsheet says what separates its cells
_SAID = re.compile(r"\ufeff*\"?sep=(.)\"?\s*$")


def csv_rows(file: io.BufferedReader) -> Iterator[Record]:
    """Every record that is not blank, in order. Raises ``csv.Error`` where the header cannot be trusted."""
    with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
        yield from _records(_Lines(text))


class _Lines:
    """The lines of a text, with those of the record being read, so that a broken one can be read again."""

    def __init__(self, text: IO[str]) -> None:
        self._text = text
        self._waiting: deque[str] = deque()
        self.taken: list[str] = []
        self._characters = 0

    def begin(self) -> None:
        """The next line begins a new record."""
        self.taken.clear()
        self._characters = 0

    def first(self) -> tuple[str, int]:
        """The first line that is not blank, still to be read, and the number of blank ones before it."""
        passed = 0
        for line in iter(lambda: self._text.readline(LONGEST_ROW), ""):
            if line.strip():
                self._waiting.append(line)
                return line, passed
            passed += 1
        return "", passed

    def again(self) -> None:
        """All lines taken but the first are to be read again: an open quote may have run over sound rows."""
        self._waiting.extendleft(reversed(self.taken[1:]))

    def __iter__(self) -> Iterator[str]:
        while line := self._waiting.popleft() if self._waiting else self._text.readline(LONGEST_ROW):
            if len(line) == LONGEST_ROW and not line.endswith(("\n", "\r")):
                self._pass_over(line)
            self.taken.append(line)
            self._characters += len(line)
            if self._characters > LONGEST_ROW and len(self.taken) > 1:
                raise csv.Error(f"a quote is not closed within {LONGEST_ROW:,} characters")
            yield line

    def _pass_over(self, line: str) -> None:
        """Drop the rest of a line that is too long for a row."""
        self.taken.append(line[:KEPT_RAW])
        while not (rest := self._text.readline(1 << 20)).endswith(("\n", "\r")) and rest:
            pass
        raise csv.Error(f"longer than {LONGEST_ROW:,} characters")


def _records(lines: _Lines) -> Iterator[Record]:
    csv.field_size_limit(LONGEST_ROW)
    first, passed = lines.first()
    said = _SAID.match(first)
    if said:
        next(iter(lines))
        first, more = lines.first()
        passed += more + len(lines.taken)
        lines.begin()
    delimiter = said[1] if said else max(DELIMITERS, key=first.count)
    reader = csv.reader(lines, delimiter=delimiter, strict=True)
    header = _header(next(reader, []))
    passed += len(lines.taken)
    while True:
        lines.begin()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            lines.again()
            yield passed + 1, raw_text(lines.taken[0].encode("utf-8", "surrogateescape")), _why(error)
            passed += 1
            reader = csv.reader(lines, delimiter=delimiter, strict=True)
            continue
        start, passed = passed + 1, passed + len(lines.taken)
        if any(cells):
            row = _cells(header, cells)
            yield start, _raw(lines.taken, row), row


def _why(error: csv.Error) -> str:
    return str(error) if str(error).startswith("longer") else f"not CSV: {error}"


def _raw(taken: Sequence[str], row: Mapping[str, str] | str) -> str:
    text = "".join(taken)
    if row == "not UTF-8":
        return raw_text(text.encode("utf-8", "surrogateescape"))
    return cut_raw(text.rstrip("\r\n")) if isinstance(row, str) else text.rstrip("\r\n")


def _header(cells: Sequence[str]) -> list[str]:
    names = [name.strip("\ufeff \t\r\n") for name in cells]
    repeated = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if repeated:
        raise csv.Error(f"it names the column {repeated[0]!r} twice")
    if any(map(_was_not_utf8, names)):
        raise csv.Error("it is not UTF-8 (iconv converts other encodings)")
    return names


def _cells(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str] | str:
    if any(map(_was_not_utf8, cells)):
        return "not UTF-8"
    if len(cells) != len(header):
        return f"{len(cells)} cells under {len(header)} columns"
    return dict(zip(header, cells, strict=True))


def _was_not_utf8(text: str) -> bool:
    return not text.isascii() and any("\udc80" <= character <= "\udcff" for character in text)
