"""Read a log row by row: JSON lines or CSV, plain or gzip. What cannot be parsed is kept, with its reason."""

from __future__ import annotations

import contextlib
import csv
import gzip
import hashlib
import io
import json
import math
import zlib
from collections import Counter, deque
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.data.text import readable

TEXT_COLUMNS = ("input", "answer", "gold", "id", "task", "split", "at", "slice", "prompt_version", "model")
NUMBER_COLUMNS = ("latency_ms", "cost_usd")
COUNT_COLUMNS = ("prompt_tokens", "cached_tokens", "completion_tokens")
COLUMNS = TEXT_COLUMNS + NUMBER_COLUMNS + COUNT_COLUMNS
MIXED_COLUMNS = ("task", "model", "prompt_version")
SPLITS = {"train": "train", "calibrate": "calibrate", "test": "test"} | {
    "training": "train", "calibration": "calibrate", "validation": "calibrate", "valid": "calibrate",
    "val": "calibrate", "dev": "calibrate",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used: where it stood, why, and its text as it stood there."""

    source: str
    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Log:
    """What was read. ``unreadable`` counts values that were dropped, by column; ``sha256`` is of the files."""

    examples: tuple[Example, ...]
    rejects: tuple[Reject, ...]
    sources: tuple[str, ...]
    sha256: str
    columns: tuple[str, ...]
    unreadable: Mapping[str, int]
    repeated_ids: int
    left_out: int = 0


def read(paths: Sequence[Path], columns: Mapping[str, str] | None = None, only: Mapping[str, str] | None = None) -> Log:
    """Read all rows of ``paths``, in order.

    ``columns`` maps our names to the file's; ``only`` keeps the rows whose column has that value.
    Raises ``DataError`` where nothing usable is left, or where one log mixes models, tasks or prompts.
    """
    reading = _Reading(dict(columns or {}), dict(only or {}))
    digest = hashlib.sha256()
    for path in paths:
        digest.update(_file_hash(path))
        reading.file(path)
    return reading.log(
        tuple(str(p) for p in paths), digest.hexdigest() if len(paths) > 1 else _file_hash(paths[0]).hex()
    )


def _file_hash(path: Path) -> bytes:
    if readable(str(path)) != str(path):
        raise DataError(f"{path}: the name is not UTF-8 text, so it cannot be written down. Rename the file.")
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").digest()
    except FileNotFoundError:
        raise DataError(f"no file {path}. Check the path; a log is JSON lines (.jsonl, .jsonl.gz) or CSV.") from None
    except IsADirectoryError:
        raise DataError(f"{path} is a folder. Name the log file in it.") from None
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror}.") from error


class _Reading:
    """The rows so far; one object so that rejects and counts have one place."""

    def __init__(self, columns: dict[str, str], only: dict[str, str]) -> None:
        unknown = sorted(set(columns) - set(COLUMNS))
        if unknown:
            raise DataError(f"--columns: no column of ours is called {unknown[0]!r}. There are: {', '.join(COLUMNS)}.")
        self.columns, self.only = columns, only
        self.examples: list[Example] = []
        self.rejects: list[Reject] = []
        self.seen: dict[str, None] = {}
        self.ids: Counter[str] = Counter()
        self.unreadable: Counter[str] = Counter()
        self.mixed: dict[str, Counter[str]] = {c: Counter() for c in MIXED_COLUMNS}
        self.repeated_ids = 0
        self.left_out = 0
        self.rows_with_input = 0

    def file(self, path: Path) -> None:
        with contextlib.closing(_rows(path)) as rows:
            for line, raw, item in rows:
                if isinstance(item, str):
                    self.reject(path, line, item, raw)
                else:
                    self.row(path, line, raw, _without_blanks(item, self.columns) if _is_csv(path) else item)

    def reject(self, path: Path, line: int, reason: str, raw: str) -> None:
        self.rejects.append(Reject(path.name, line, reason, raw))

    def row(self, path: Path, line: int, raw: str, row: Mapping[str, Any]) -> None:
        self.seen.update(dict.fromkeys(map(readable, row)))
        values = {name: row.get(self.columns.get(name, name)) for name in COLUMNS}
        problem = _problem(values)
        if values["input"] is not None:
            self.rows_with_input += 1
        if problem:
            self.reject(path, line, problem, raw)
            return
        if any(_label(row.get(column)) != value for column, value in self.only.items()):
            self.left_out += 1
            return
        for column in MIXED_COLUMNS:
            if value := _label(values[column]):
                self.mixed[column][value] += 1
        self.examples.append(self.example(path, line, values))

    def example(self, path: Path, line: int, values: Mapping[str, Any]) -> Example:
        answers = values["answer"] if isinstance(values["answer"], list) else [values["answer"]]
        labels = [text for text in map(_label, answers) if text is not None]
        self.unreadable.update(name for name in TEXT_COLUMNS if _is_no_number(values[name]))
        numbers = {name: self.number(name, values[name]) for name in NUMBER_COLUMNS}
        counts = {name: self.number(name, values[name]) for name in COUNT_COLUMNS}
        split = _label(values["split"])
        return Example(
            id=self.identifier(_label(values["id"]) or f"{path.name}:{line}"),
            input=readable(values["input"]),
            answer=labels[0] if labels else None,
            gold=_label(values["gold"]) or None,
            further_answers=tuple(labels[1:]),
            split=SPLITS[split.strip().casefold()] if split and split.strip() else None,
            at=_label(values["at"]) or None,
            slice=_label(values["slice"]) or None,
            model=_label(values["model"]) or None,
            **numbers,  # type: ignore[arg-type]
            **{name: None if value is None else int(value) for name, value in counts.items()},  # type: ignore[arg-type]
        )

    def identifier(self, wanted: str) -> str:
        self.ids[wanted] += 1
        if self.ids[wanted] == 1:
            return wanted
        self.repeated_ids += 1
        return self.identifier(f"{wanted}~{self.ids[wanted]}")

    def number(self, column: str, value: Any) -> float | None:
        if value is None or value == "":
            return None
        try:
            number = float(value)
        except (TypeError, ValueError, OverflowError):
            number = math.nan
        if isinstance(value, bool) or not math.isfinite(number) or number < 0:
            self.unreadable[column] += 1
            return None
        return number

    def log(self, sources: tuple[str, ...], sha256: str) -> Log:
        wanted = self.columns.get("input", "input")
        where = ", ".join(sources)
        if not self.examples:
            if self.seen and not self.rows_with_input:
                raise DataError(
                    f"{where} has no column {wanted!r}; it has: {_listed(self.seen)}. "
                    "Say which one holds the text, for example --columns input=text,gold=label."
                )
            if self.left_out:
                raise DataError(f"{where}: no row matches --only {_listed(f'{k}={v}' for k, v in self.only.items())}.")
            if self.rejects:
                first = self.rejects[0]
                raise DataError(
                    f"{where}: none of {len(self.rejects)} rows can be used. The first, {first.source} line {first.line}: "
                    f"{first.reason}. A log is JSON lines or CSV with a column `input` and `answer` or `gold`."
                )
            raise DataError(
                f"{where} is empty. A log is JSON lines or CSV with a column `input` and `answer` or `gold`."
            )
        for name in self.columns:
            if self.columns[name] not in self.seen:
                raise DataError(
                    f"{where} has no column {self.columns[name]!r} (for {name}); it has: {_listed(self.seen)}."
                )
        if all(e.answer is None and e.gold is None for e in self.examples):
            raise DataError(
                f"{where} has no answer and no gold in any row; its columns are: {_listed(self.seen)}. "
                "Say which column holds the LLM's answer or the true label, for example --columns answer=label."
            )
        for column, values in self.mixed.items():
            if len(values) > 1:
                found = ", ".join(f"{value} ({count:,} rows)" for value, count in values.most_common(5))
                best = values.most_common(1)[0][0]
                raise DataError(
                    f"{where} mixes {len(values)} values of `{column}`: {found}. One verdict is about one of them: "
                    f"choose it with --only {self.columns.get(column, column)}={best}."
                )
        return Log(
            examples=tuple(self.examples), rejects=tuple(self.rejects), sources=sources, sha256=sha256,
            columns=tuple(self.seen), unreadable=dict(self.unreadable), repeated_ids=self.repeated_ids,
            left_out=self.left_out,
        )  # fmt: skip


def _listed(names: Any) -> str:
    shown = [str(n) for n in names]
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")


def _label(value: Any) -> str | None:
    """A scalar as text, stripped; ``None`` and NaN are missing, and an empty text stays an (unusable) answer."""
    if value is None or _is_no_number(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return readable(str(value)).strip()


def _is_no_number(value: Any) -> bool:
    return isinstance(value, float) and not math.isfinite(value)


def _problem(values: Mapping[str, Any]) -> str | None:
    if values["input"] is None:
        return "no input"
    if not isinstance(values["input"], str):
        return f"input is not text but {type(values['input']).__name__}"
    answers = values["answer"] if isinstance(values["answer"], list) else [values["answer"]]
    for column, value in [("answer", a) for a in answers] + [(c, values[c]) for c in TEXT_COLUMNS if c != "answer"]:
        if isinstance(value, dict | list):
            return f"{column} is not a label but {'an object' if isinstance(value, dict) else 'a list'}"
    split = _label(values["split"])
    if split and split.casefold() not in SPLITS:
        return f"split is {split[:40]!r}, not train, calibrate or test"
    return None


Row = tuple[int, str, Mapping[str, Any] | str]  # line, raw text, and the row or why there is none


def _rows(path: Path) -> Generator[Row]:
    """Every row that is not blank, in order."""
    try:
        with path.open("rb") as raw, _unpacked(raw) as file:
            head = file.peek(4096)[:4096]
            if b"\0" in head or head[:2] in (b"\xff\xfe", b"\xfe\xff"):
                raise DataError(
                    f"{path} is not UTF-8 text. A log is JSON lines or CSV in UTF-8 (iconv converts others)."
                )
            if not _is_csv(path):
                yield from _json_rows(file)
                return
            with io.TextIOWrapper(file, encoding="utf-8-sig", errors="surrogateescape", newline="") as text:
                yield from _csv_rows(text)
    except csv.Error as error:
        raise DataError(f"{path}: its first line is not CSV: {error}.") from error
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"cannot read {path}: {error}. If it is a .gz, it may be cut short: make it again.") from error


def _is_csv(path: Path) -> bool:
    name = path.name.casefold().removesuffix(".gz")
    return name.endswith((".csv", ".tsv"))


def _without_blanks(row: Mapping[str, Any], columns: Mapping[str, str]) -> Mapping[str, Any]:
    """CSV cannot tell empty from missing: an empty input is an input, any other empty cell is missing."""
    kept = columns.get("input", "input")
    return {name: cell if cell or name == kept else None for name, cell in row.items()}


def _unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    packed = raw.peek(2)[:2] == b"\x1f\x8b"
    return io.BufferedReader(gzip.GzipFile(fileobj=raw)) if packed else raw


def _json_rows(file: IO[bytes]) -> Iterator[Row]:
    for number, raw in enumerate(file, 1):
        line = raw.removeprefix(b"\xef\xbb\xbf") if number == 1 else raw
        if not line.strip():
            continue
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield number, _raw(line), f"not UTF-8 at byte {error.start}"
            continue
        try:
            row = json.loads(text)
        except (ValueError, RecursionError) as error:
            yield number, text, f"not JSON: {error.msg if isinstance(error, json.JSONDecodeError) else error}"
        else:
            yield number, text, row if isinstance(row, dict) else f"not an object but {type(row).__name__}"


def _csv_rows(text: IO[str]) -> Iterator[Row]:
    csv.field_size_limit(1 << 30)
    waiting: deque[str] = deque()  # lines to be read again, after a broken record had taken them in
    taken: list[str] = []  # the lines of the record being read

    def lines() -> Iterator[str]:
        while line := waiting.popleft() if waiting else text.readline():
            taken.append(line)
            yield line

    passed = 0
    for line in iter(text.readline, ""):
        if line.strip():
            waiting.append(line)
            break
        passed += 1
    delimiter = max(",;\t", key=waiting[0].count) if waiting else ","
    reader = csv.reader(lines(), delimiter=delimiter, strict=True)
    header = _header(next(reader, []))
    passed += len(taken)
    while True:
        taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            waiting.extendleft(reversed(taken[1:]))  # an open quote may have run over sound rows
            yield passed + 1, _raw(taken[0].encode("utf-8", "surrogateescape")), f"not CSV: {error}"
            passed += 1
            reader = csv.reader(lines(), delimiter=delimiter, strict=True)
            continue
        start, passed = passed + 1, passed + len(taken)
        if any(cells):
            raw = "".join(taken).encode("utf-8", "surrogateescape")
            yield start, _raw(raw), _cells(header, cells)


def _header(cells: Sequence[str]) -> list[str]:
    names = [name.strip() for name in cells]
    repeated = [name for name, count in Counter(filter(None, names)).items() if count > 1]
    if repeated:
        raise csv.Error(f"it names the column {repeated[0]!r} twice")
    if any(map(_was_not_utf8, names)):
        raise csv.Error("it is not UTF-8 (iconv converts other encodings)")
    return names


def _cells(header: Sequence[str], cells: Sequence[str]) -> Mapping[str, str] | str:
    if len(cells) != len(header):
        return f"{len(cells)} cells under {len(header)} columns"
    if any(map(_was_not_utf8, cells)):
        return "not UTF-8"
    return dict(zip(header, cells, strict=True))


def _was_not_utf8(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def _raw(line: bytes) -> str:
    return line.decode("utf-8", "backslashreplace").rstrip("\r\n")
