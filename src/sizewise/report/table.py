"""Tables and cards as plain data: what a section hands to the template."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from sizewise.core.measurement import Measured
from sizewise.report.visible import LABEL_LENGTH, redacted, visible
from sizewise.report.words import Words

#: what a run says in place of an answer that is no label
NO_LABEL = "(no label)"
MOST_PRINTED = 15


@dataclass(frozen=True, slots=True)
class Cell:
    """``text``, with ``detail`` (an interval and its n, a note) beneath it.

    A label is foreign text; an estimate is about one row and has no interval; what is reckoned follows from figures
    that have theirs elsewhere; what is set was chosen, not measured.
    """

    text: str
    detail: str = ""
    kind: Literal["text", "number", "label", "missing", "estimate", "reckoned", "set"] = "text"


@dataclass(frozen=True, slots=True)
class Row:
    """A row under its head. ``mark`` says in words why it stands out, ``sign`` for the eye."""

    head: Cell
    cells: Sequence[Cell]
    mark: str = ""
    sign: str = "✓"


@dataclass(frozen=True, slots=True)
class Group:
    """Rows under a common title; an empty title is not shown."""

    rows: Sequence[Row]
    title: str = ""


@dataclass(frozen=True, slots=True)
class Table:
    """A table with its caption; ``columns`` names the row heads' column first."""

    caption: str
    columns: Sequence[str]
    groups: Sequence[Group]
    wide: bool = False

    @property
    def empty(self) -> bool:
        return not any(group.rows for group in self.groups)

    @property
    def long(self) -> bool:
        """Whether it is left out in print, unless its reader has opened it."""
        return sum(len(group.rows) for group in self.groups) > MOST_PRINTED


@dataclass(frozen=True, slots=True)
class Card:
    """One key figure, or a few of a kind, with what they mean."""

    title: str
    figures: Sequence[Row]
    note: str = ""
    look: Literal["plain", "warning", "spread"] = "plain"


@dataclass(frozen=True, slots=True)
class Command:
    """A line for a terminal, with what it is for."""

    said: str
    line: str


@dataclass(frozen=True, slots=True)
class Brief:
    """The answer to one of a manager's questions: figures side by side, a few sentences, commands."""

    name: str
    title: str
    figures: Sequence[Row] = ()
    sentences: Sequence[str] = ()
    commands: Sequence[Command] = ()
    further: str = ""
    warning: bool = False


@dataclass(frozen=True, slots=True)
class Part:
    """A part of the traffic in the bar below the headline. ``share`` is its width, of 1."""

    kind: Literal["own", "differs", "away"]
    share: float
    said: str
    figure: Cell


@dataclass(frozen=True, slots=True)
class Details:
    """A long part behind its summary; what is short enough for paper is open in print."""

    summary: str
    table: Table
    note: str = ""
    paragraphs: Sequence[str] = field(default_factory=tuple)


def answer(text: str, words: Words) -> Cell:
    """A cell of an answer, which may be free text with whatever it holds, or no label at all."""
    return Cell(words("no_label") if text == NO_LABEL else visible(redacted(text[:4_000])), kind="label")


def label(text: str, length: int = LABEL_LENGTH) -> Cell:
    """A cell of foreign text: a label, an id, an answer."""
    return Cell(visible(text, length), kind="label")


def missing(words: Words) -> Cell:
    """The cell that says that something was not measured."""
    return Cell(words("not_measured"), kind="missing")


def figure(measured: Measured | None, unit: str, words: Words, note: str = "") -> Cell:
    """A measured value with its unit, its 95 % interval and its n."""
    if measured is None:
        return missing(words)
    n = words("n", n=words.numbers.count(measured.n))
    interval = words.numbers.interval(measured, unit)
    detail = "; ".join(filter(None, (interval or words("no_interval"), n, note)))
    return Cell(words.numbers.write(measured.value, unit), detail, "number")


def number(value: float | None, unit: str, words: Words, detail: str = "") -> Cell:
    """A number that is no estimate, so without an interval."""
    return missing(words) if value is None else Cell(words.numbers.write(value, unit), detail, "number")


def estimate(probability: float, words: Words) -> Cell:
    """The estimated probability of one row."""
    return Cell(words.numbers.write(probability, "share"), kind="estimate")
