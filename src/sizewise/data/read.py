"""Read a log row by row. What cannot be parsed is kept, with its reason."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.data.formats.files import kind_of, records
from sizewise.data.formats.rows import COLUMNS, example, problem, scalar_text
from sizewise.data.formats.source import cut_raw, file_hash
from sizewise.data.text import readable

MIXED_COLUMNS = ("task", "model", "prompt_version")
#: names of columns that are remembered, and values of a column that must not be mixed: hostile rows hold many
MOST_NAMES = 1_000
_VARYING = re.compile(r"'[^']*'|\d+")


@dataclass(frozen=True, slots=True)
class Reject:
    """A row that could not be used: where it stood, why, and its text as it stood there."""

    source: str
    line: int
    reason: str
    raw: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What was read, but for the rows themselves.

    ``rejected`` counts rows by the kind of reason; ``unreadable`` counts values that were dropped, by column;
    ``sha256`` is of the files; ``found`` are sentences about what was concluded from the file and not given.
    """

    sources: tuple[str, ...]
    sha256: str
    columns: tuple[str, ...]
    rows: int
    rejected: Mapping[str, int]
    unreadable: Mapping[str, int]
    repeated_ids: int
    left_out: int = 0
    found: tuple[str, ...] = ()


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
    found: tuple[str, ...] = ()

    @property
    def about(self) -> Summary:
        """What was read, without the rows."""
        return Summary(
            sources=self.sources, sha256=self.sha256, columns=self.columns, rows=len(self.examples),
            rejected=dict(Counter(_kind(r.reason) for r in self.rejects).most_common()), unreadable=self.unreadable,
            repeated_ids=self.repeated_ids, left_out=self.left_out, found=self.found,
        )  # fmt: skip


def _kind(reason: str) -> str:
    """A reason without what differs from row to row, or may quote it."""
    return reason.split(":")[0] if reason.startswith("not ") else _VARYING.sub("…", reason)


def read(paths: Sequence[Path], columns: Mapping[str, str] | None = None, only: Mapping[str, str] | None = None) -> Log:
    """Read all rows of ``paths``, in order, into memory; ``Reading`` is the same as a stream.

    ``columns`` maps our names to the file's; ``only`` keeps the rows whose column has that value.
    Raises ``DataError`` where nothing usable is left, or where one log mixes models, tasks or prompts.
    """
    rejects: list[Reject] = []
    reading = Reading(paths, columns, only, rejects.append)
    examples = tuple(reading.rows())
    about = reading.summary()
    return Log(
        examples=examples, rejects=tuple(rejects), sources=about.sources, sha256=about.sha256, columns=about.columns,
        unreadable=about.unreadable, repeated_ids=about.repeated_ids, left_out=about.left_out, found=about.found,
    )  # fmt: skip


class Reading:
    """One pass over the rows of some files in bounded memory::

        reading = Reading(paths, columns, only, on_reject=sink)   # sink: Callable[[Reject], None]
        for example in reading.rows():                            # once; each Example as soon as it is read
            ...
        summary = reading.summary()                               # afterwards; raises what ``read`` raises

    Every row that is not blank is yielded, handed to ``on_reject`` (by default only counted) or left out by
    ``only``. What grows with the rows are their ids, which must be told apart (about 0.15 KB a row).
    """

    def __init__(
        self,
        paths: Sequence[Path],
        columns: Mapping[str, str] | None = None,
        only: Mapping[str, str] | None = None,
        on_reject: Callable[[Reject], None] | None = None,
    ) -> None:
        self._paths, self._columns, self._only = list(paths), dict(columns or {}), dict(only or {})
        unknown = sorted(set(self._columns) - set(COLUMNS))
        if unknown:
            raise DataError(f"--columns: no column of ours is called {unknown[0]!r}. There are: {', '.join(COLUMNS)}.")
        self._names = [(ours, self._columns.get(ours, ours)) for ours in COLUMNS]
        self._on_reject = on_reject
        self._hash = _hash(self._paths)
        self._first_reject: Reject | None = None
        self._rejected: Counter[str] = Counter()
        self._seen: dict[str, None] = {}
        self._ids: dict[str, int] = {}
        self._unreadable: Counter[str] = Counter()
        self._mixed: dict[str, Counter[str]] = {c: Counter() for c in MIXED_COLUMNS}
        self._repeated_ids = self._left_out = self._rows = self._with_input = self._with_reference = 0

    def rows(self) -> Generator[Example]:
        """The examples, in the order of the files. Raises ``DataError`` where a file cannot be read at all."""
        for path in self._paths:
            kind = kind_of(path)
            blanks = kind == "csv"
            with contextlib.closing(records(path, kind)) as found:
                for line, raw, item in found:
                    if isinstance(item, str):
                        self._reject(path, line, item, raw)
                        continue
                    read = self._row(path, line, raw, self._without_blanks(item) if blanks else item)
                    if read is not None:
                        yield read

    def summary(self) -> Summary:
        """What was read, once ``rows`` has come to its end. Raises ``DataError`` where no use can be made of it."""
        sources = tuple(map(str, self._paths))
        where = ", ".join(sources)
        if not self._rows:
            raise DataError(self._nothing(where))
        for ours, theirs in self._columns.items():
            if theirs not in self._seen:
                raise DataError(f"{where} has no column {theirs!r} (for {ours}); it has: {_listed(self._seen)}.")
        if not self._with_reference:
            raise DataError(
                f"{where} has no answer and no gold in any row; its columns are: {_listed(self._seen)}. "
                "Say which column holds the LLM's answer or the true label, for example --columns answer=label."
            )
        for column, values in self._mixed.items():
            if len(values) > 1:
                found = ", ".join(f"{value} ({count:,} rows)" for value, count in values.most_common(5))
                best = values.most_common(1)[0][0]
                raise DataError(
                    f"{where} mixes {len(values)} values of `{column}`: {found}. One verdict is about one of them: "
                    f"choose it with --only {self._columns.get(column, column)}={best}."
                )
        return Summary(
            sources=sources, sha256=self._hash, columns=tuple(self._seen), rows=self._rows,
            rejected=dict(self._rejected.most_common()), unreadable=dict(self._unreadable),
            repeated_ids=self._repeated_ids, left_out=self._left_out,
        )  # fmt: skip

    def _reject(self, path: Path, line: int, reason: str, raw: str) -> None:
        reject = Reject(path.name, line, reason, cut_raw(raw))
        self._first_reject = self._first_reject or reject
        self._rejected[_kind(reason)] += 1
        if self._on_reject is not None:
            self._on_reject(reject)

    def _row(self, path: Path, line: int, raw: str, row: Mapping[str, Any]) -> Example | None:
        if not row.keys() <= self._seen.keys():
            self._name(row)
        values = {ours: row.get(theirs) for ours, theirs in self._names}
        why = problem(values)
        if values["input"] is not None:
            self._with_input += 1
        if why:
            self._reject(path, line, why, raw)
            return None
        if any(scalar_text(row.get(column)) != value for column, value in self._only.items()):
            self._left_out += 1
            return None
        for column, counts in self._mixed.items():
            if (value := scalar_text(values[column])) and (value in counts or len(counts) < MOST_NAMES):
                counts[value] += 1
        made = example(self._identifier(scalar_text(values["id"]) or f"{path.name}:{line}"), values, self._unreadable)
        self._rows += 1
        self._with_reference += made.answer is not None or made.gold is not None
        return made

    def _name(self, names: Iterable[str]) -> None:
        for name in map(readable, names):
            if len(self._seen) < MOST_NAMES or name in self._columns.values():
                self._seen[name] = None

    def _without_blanks(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """CSV cannot tell empty from missing: an empty input is an input, any other empty cell is missing."""
        kept = self._columns.get("input", "input")
        return {name: cell if cell or name == kept else None for name, cell in row.items()}

    def _identifier(self, wanted: str) -> str:
        times = self._ids[wanted] = self._ids.get(wanted, 0) + 1
        if times == 1:
            return wanted
        self._repeated_ids += 1
        return self._identifier(f"{wanted}~{times}")

    def _nothing(self, where: str) -> str:
        """Why a log of which no row could be used is refused."""
        if self._seen and not self._with_input:
            return (
                f"{where} has no column {self._columns.get('input', 'input')!r}; it has: {_listed(self._seen)}. "
                "Say which one holds the text, for example --columns input=text,gold=label."
            )
        if self._left_out:
            return f"{where}: no row matches --only {_listed(f'{k}={v}' for k, v in self._only.items())}."
        advice = "A log is JSON lines or CSV with a column `input` and `answer` or `gold`."
        if first := self._first_reject:
            return (
                f"{where}: none of {self._rejected.total()} rows can be used. The first, {first.source} line "
                f"{first.line}: {first.reason}. {advice}"
            )
        return f"{where} is empty. {advice}"


def _hash(paths: Sequence[Path]) -> str:
    hashes = [file_hash(path) for path in paths]
    return hashes[0].hex() if len(hashes) == 1 else hashlib.sha256(b"".join(hashes)).hexdigest()


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
