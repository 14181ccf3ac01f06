"""Read a log row by row. What cannot be parsed is kept, with its reason."""

from __future__ import annotations

import contextlib
import hashlib
import re
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from math import isnan
from pathlib import Path
from typing import Any

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.core.form import TaskForm
from sizewise.data.formats.exports import Request, is_batch_request
from sizewise.data.formats.files import records
from sizewise.data.formats.layout import Layout, layout
from sizewise.data.formats.rows import COLUMNS, example, is_augmented, problem, scalar_text, within
from sizewise.data.formats.source import Record, Source, cut_raw, source_hash
from sizewise.data.moment import seconds
from sizewise.data.prompts import Prompts
from sizewise.data.requests import RequestsSeen
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

    ``rejected`` counts rows by the kind of reason; ``unreadable`` counts values that say nothing to us, by column;
    ``sha256`` is of the files; ``found`` are sentences about what was concluded from the file and not given;
    ``template`` is the one by which inputs were cut out of messages, ``None`` where the rows had inputs; ``names``
    maps our names to the files' as they were read, given or found.
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
    template: str | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Log:
    """What was read. ``unreadable`` counts values that were dropped, by column; ``sha256`` is of the files.

    ``form`` is how the requests look that the rows were cut out of. ``said`` has the answer of each example as the
    file has it, before it was read as a label; it may be empty where nobody asked for it.
    """

    examples: tuple[Example, ...]
    rejects: tuple[Reject, ...]
    sources: tuple[str, ...]
    sha256: str
    columns: tuple[str, ...]
    unreadable: Mapping[str, int]
    repeated_ids: int
    left_out: int = 0
    found: tuple[str, ...] = ()
    template: str | None = None
    answers: Mapping[str, int] = field(default_factory=dict)
    names: Mapping[str, str] = field(default_factory=dict)
    form: TaskForm = field(default_factory=TaskForm)
    said: tuple[str | None, ...] = ()

    @property
    def about(self) -> Summary:
        """What was read, without the rows."""
        return Summary(
            sources=self.sources, sha256=self.sha256, columns=self.columns, rows=len(self.examples),
            rejected=dict(Counter(_kind(r.reason) for r in self.rejects).most_common()), unreadable=self.unreadable,
            repeated_ids=self.repeated_ids, left_out=self.left_out, found=self.found,
            template=self.template, answers=self.answers, names=self.names,
        )  # fmt: skip


def _kind(reason: str) -> str:
    """A reason without what differs from row to row, or may quote it."""
    return reason.split(":")[0] if reason.startswith("not ") else _VARYING.sub("…", reason)


def read(
    paths: Sequence[Source],
    columns: Mapping[str, str] | None = None,
    only: Mapping[str, str] | None = None,
    template: str | None = None,
) -> Log:
    """Read all rows of ``paths``, in order, into memory; ``Reading`` is the same as a stream.

    ``columns`` maps our names to the file's (``metadata.label`` is the label in an object ``metadata``); ``only``
    keeps the rows whose column has that value; ``template`` says where in a message the input stands.
    Raises ``DataError`` where nothing usable is left, where one log mixes models, tasks or prompts, and where
    the requests of a log share a frame and no ``template`` is given.
    """
    rejects: list[Reject] = []
    reading = Reading(paths, columns, only, rejects.append, template)
    examples = tuple(reading.rows())
    about = reading.summary()
    return Log(
        examples=examples, rejects=tuple(rejects), sources=about.sources, sha256=about.sha256, columns=about.columns,
        unreadable=about.unreadable, repeated_ids=about.repeated_ids, left_out=about.left_out, found=about.found,
        template=about.template, names=about.names, form=reading.form,
    )  # fmt: skip


class Reading:
    """One pass over the rows of some files in bounded memory::

        reading = Reading(paths, columns, only, sink, template)   # sink: Callable[[Reject], None]
        for example in reading.rows():                            # once; each Example as soon as it is read
            ...
        summary = reading.summary()                               # afterwards; raises what ``read`` raises

    Every row that is not blank is yielded, handed to ``on_reject`` (by default only counted) or left out by
    ``only``. What grows with the rows are their ids, which must be told apart (about 0.15 KB a row). A log in which
    no row has an answer or gold is refused, unless ``needs_reference`` is false: inputs that are yet to be labelled.
    """

    def __init__(
        self,
        paths: Sequence[Source],
        columns: Mapping[str, str] | None = None,
        only: Mapping[str, str] | None = None,
        on_reject: Callable[[Reject], None] | None = None,
        template: str | None = None,
        needs_reference: bool = True,
    ) -> None:
        self._needs_reference = needs_reference
        self._paths, self._columns, self._only = list(paths), dict(columns or {}), dict(only or {})
        #: the row of the example that was yielded last, as the file has it
        self.row: Mapping[str, Any] = {}
        unknown = sorted(set(self._columns) - set(COLUMNS))
        if unknown:
            raise DataError(f"--columns: no column of ours is called {unknown[0]!r}. There are: {', '.join(COLUMNS)}.")
        self._names: list[tuple[str, str]] = []
        self._nested: list[tuple[str, str]] = []
        self._wanted, self._prompts, self._requests_seen = template, Prompts(), RequestsSeen()
        self._template: str | None = None
        self._kept = "input"
        self._resolved = self._columns
        self._found: list[str] = []
        self._bodies: dict[str, tuple[Source, int, str, Any]] = {}
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
        layouts = [layout(path, self._columns) for path in self._paths]
        if all(one.names == layouts[0].names for one in layouts):
            self._resolved = dict(layouts[0].names)
        self._found += [sentence for one in layouts for sentence in one.found]
        self._found += [said for path in self._paths if not isinstance(path, Path) for said in path.found]
        self._settle(layouts)
        for one in layouts:
            if one.is_batch_input:
                continue
            self._name_columns(one)
            for line, raw, item in self._records(one):
                if isinstance(item, str):
                    self._reject(one.path, line, item, raw)
                elif one.shape is None:
                    if (made := self._row(one.path, line, raw, item)) is not None:
                        yield made
                else:
                    yield from self._requests(one, line, raw, item)
        for path, line, raw, _ in self._bodies.values():
            self._reject(path, line, "a batch's request without its answer", raw)

    def _records(self, one: Layout) -> Generator[Record]:
        with contextlib.closing(records(one.path, one.kind)) as found:
            for line, raw, item in found:
                yield line, raw, item if isinstance(item, str) or one.kind != "csv" else self._without_blanks(item)

    def _settle(self, layouts: Sequence[Layout]) -> None:
        """Look at every request of the exports once, before the first is cut."""
        wrapped = [one for one in layouts if one.shape is not None]
        for one in wrapped:
            if one.is_batch_input:
                self._keep_bodies(one)
        for one in wrapped:
            if not one.is_batch_input:
                for _, _, item in self._records(one):
                    if not isinstance(item, str):
                        for request in one.shape.requests(self._joined(item)) if one.shape else ():
                            if not isinstance(request, str):
                                self._prompts.look(request)
        where = ", ".join(map(str, self._paths))
        if wrapped:
            self._template, said = self._prompts.settle(self._wanted, self._only.get("prompt_version"), where)
            self._found += said
        elif self._wanted is not None:
            raise DataError(f"{where} holds plain rows, no messages: there is nothing for --template to cut.")

    def _keep_bodies(self, one: Layout) -> None:
        for line, raw, item in self._records(one):
            if isinstance(item, str) or not is_batch_request(item) or str(item["custom_id"]) in self._bodies:
                why = item if isinstance(item, str) else "no request of a batch, or its custom_id was there before"
                self._reject(one.path, line, why, raw)
            else:
                self._bodies[str(item["custom_id"])] = (one.path, line, raw, item["body"])

    def _joined(self, item: Mapping[str, Any], last: bool = False) -> Mapping[str, Any]:
        """A record of a batch's output with the body of its request."""
        if self._bodies and (key := str(item.get("custom_id"))) in self._bodies:
            kept = self._bodies.pop(key) if last else self._bodies[key]
            return {**item, "body": kept[3]}
        return item

    def _requests(self, one: Layout, line: int, raw: str, item: Mapping[str, Any]) -> Iterator[Example]:
        """The examples in one record of an export; only the first reject of a record keeps its text."""
        assert one.shape is not None
        nothing = True
        for request in one.shape.requests(self._joined(item, last=True)):
            nothing = False
            row = self._prompts.row(request) if isinstance(request, Request) else request
            made = self._row(one.path, line, raw, row) if isinstance(row, dict) else None
            if isinstance(row, str):
                self._reject(one.path, line, row, raw)
            raw = f"(another request in line {line})"
            if made is not None:
                assert isinstance(request, Request)
                self._requests_seen.take(request)
                yield made
        if nothing:
            self._reject(one.path, line, "no request in it", raw)

    @property
    def form(self) -> TaskForm:
        """How the requests look whose rows were yielded so far."""
        return self._requests_seen.form(self._template)

    def _name_columns(self, one: Layout) -> None:
        self._names = [(ours, one.names.get(ours, ours)) for ours in COLUMNS]
        self._nested = [(ours, theirs) for ours, theirs in self._names if "." in theirs]
        self._kept = one.names.get("input", "input")

    def summary(self) -> Summary:
        """What was read, once ``rows`` has come to its end. Raises ``DataError`` where no use can be made of it."""
        sources = tuple(map(str, self._paths))
        where = ", ".join(sources)
        if not self._rows:
            raise DataError(self._nothing(where))
        for ours, theirs in self._columns.items():
            if theirs not in self._seen:
                raise DataError(f"{where} has no column {theirs!r} (for {ours}); it has: {_listed(self._seen)}.")
        if self._needs_reference and not self._with_reference:
            raise DataError(
                f"{where} has no answer and no gold in any row; its columns are: {_listed(self._seen)}. "
                "Say which column holds the LLM's answer or the true label, for example --columns answer=label."
            )
        for column, values in self._mixed.items():
            if len(values) > 1:
                most = values.most_common(5)
                found = ", ".join(
                    f"{value} ({count:,} rows{self._prompts.begin(value, dict(most))})" for value, count in most
                )
                best = values.most_common(1)[0][0]
                raise DataError(
                    f"{where} mixes {len(values)} values of `{column}`: {found}. One verdict is about one of them: "
                    f"choose it with --only {self._columns.get(column, column)}={best}."
                )
        return Summary(
            sources=sources, sha256=self._hash, columns=tuple(self._seen), rows=self._rows,
            rejected=dict(self._rejected.most_common()), unreadable=dict(self._unreadable),
            repeated_ids=self._repeated_ids, left_out=self._left_out, found=tuple(self._found),
            template=self._template, names=self._resolved,
        )  # fmt: skip

    def _reject(self, path: Source, line: int, reason: str, raw: str) -> None:
        reject = Reject(path.name, line, reason, cut_raw(raw))
        self._first_reject = self._first_reject or reject
        self._rejected[_kind(reason)] += 1
        if self._on_reject is not None:
            self._on_reject(reject)

    def _row(self, path: Source, line: int, raw: str, row: Mapping[str, Any]) -> Example | None:
        if not row.keys() <= self._seen.keys():
            self._name(row)
        self.row = row
        values = {ours: row.get(theirs) for ours, theirs in self._names}
        for ours, theirs in self._nested:
            if theirs not in row and (value := within(row, theirs)) is not None:
                values[ours] = value
                self._seen[theirs] = None
        why = problem(values)
        if values["input"] is not None:
            self._with_input += 1
        if why:
            self._reject(path, line, why, raw)
            return None
        written = is_augmented(values)  # by whichever model: it is not what the verdict is about
        if not written and any(scalar_text(within(row, column)) != value for column, value in self._only.items()):
            self._left_out += 1
            return None
        for column, counts in () if written else self._mixed.items():
            if (value := scalar_text(values[column])) and (value in counts or len(counts) < MOST_NAMES):
                counts[value] += 1
        made = example(self._identifier(scalar_text(values["id"]) or f"{path.name}:{line}"), values, self._unreadable)
        self._unreadable.update(["at"] if made.at is not None and isnan(seconds(made.at)) else ())
        self._rows += 1
        self._with_reference += made.answer is not None or made.gold is not None
        return made

    def _name(self, names: Iterable[str]) -> None:
        for name in map(readable, names):
            if len(self._seen) < MOST_NAMES or name in self._columns.values():
                self._seen[name] = None

    def _without_blanks(self, row: Mapping[str, Any]) -> Mapping[str, Any]:
        """CSV cannot tell empty from missing: an empty input is an input, any other empty cell is missing."""
        return {name: cell if cell or name == self._kept else None for name, cell in row.items()}

    def _identifier(self, wanted: str) -> str:
        times = self._ids[wanted] = self._ids.get(wanted, 0) + 1
        if times == 1:
            return wanted
        self._repeated_ids += 1
        return self._identifier(f"{wanted}~{times}")

    def _nothing(self, where: str) -> str:
        """Why a log of which no row could be used is refused."""
        if self._seen and not self._with_input:
            wanted = self._resolved.get("input", "input")
            why = f"has nothing in its column {wanted!r}" if wanted in self._seen else f"has no column {wanted!r}"
            return (
                f"{where} {why}; it has: {_listed(self._seen)}. "
                "Say which one holds the text, for example --columns input=text,gold=label."
            )
        if self._left_out:
            return f"{where}: no row matches --only {_listed(f'{k}={v}' for k, v in self._only.items())}."
        advice = "A log is JSON lines, JSON, CSV or Parquet with a column `input` and `answer` or `gold`, or an export of requests."
        if first := self._first_reject:
            return (
                f"{where}: none of {self._rejected.total()} rows can be used. The first, {first.source} line "
                f"{first.line}: {first.reason}. {advice}"
            )
        return f"{where} is empty. {advice}"


def _hash(paths: Sequence[Source]) -> str:
    hashes = [source_hash(path) for path in paths]
    return hashes[0].hex() if len(hashes) == 1 else hashlib.sha256(b"".join(hashes)).hexdigest()


def _listed(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:12]) + (f" and {len(shown) - 12} more" if len(shown) > 12 else "")
