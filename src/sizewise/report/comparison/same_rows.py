"""The two runs on the test rows that they share: a paired comparison, or why there can be none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.core.record import Prediction
from sizewise.evaluate.paired import Paired, paired
from sizewise.report.comparison.side import Side
from sizewise.report.table import Cell, Group, Row, Table, answer, figure
from sizewise.report.visible import identifier
from sizewise.report.words import Words

SHOWN = 20
Pair = tuple[Prediction, Prediction]


@dataclass(frozen=True, slots=True)
class Shared:
    """Test rows of the same id in both runs; ``why_not`` names why nothing can be compared on them."""

    pairs: Sequence[Pair]
    why_not: Literal["", "no_ids", "other_references", "older"] = ""


def shared(one: Side, other: Side) -> Shared:
    """The rows that both runs tested, if what they are held against shows that they are the same rows."""
    theirs = {row.id: row for row in other.predictions}
    pairs = [(row, theirs[row.id]) for row in one.predictions if row.id in theirs]
    if not pairs:
        return Shared((), "no_ids")
    known = [(a, b) for a, b in pairs for name in ("gold", "llm") if _both(a, b, name)]
    if not known:
        return Shared(pairs, "older")
    if any(a.gold != b.gold for a, b in pairs if _both(a, b, "gold")) or any(
        a.llm != b.llm for a, b in pairs if _both(a, b, "llm")
    ):
        return Shared(pairs, "other_references")
    return Shared(pairs)


def _both(one: Prediction, other: Prediction, name: str) -> bool:
    return getattr(one, name) is not None and getattr(other, name) is not None


def comparisons(rows: Shared, one: Side, other: Side) -> Iterator[tuple[str, Paired]]:
    """Accuracy and agreement where both know them, then who answers itself, and is wrong where it does."""
    for name, column in (("accuracy", "gold"), ("agreement", "llm")):
        known = [(a, b) for a, b in rows.pairs if _both(a, b, column)]
        found = paired(
            _bools([a.answer == getattr(a, column) for a, _ in known]),
            _bools([b.answer == getattr(b, column) for _, b in known]),
        )
        if found is not None:
            yield name, found
    own = [_bools([pair[i].route == "small" for pair in rows.pairs]) for i in (0, 1)]
    if not (own[0].any() or own[1].any()):
        return
    found = paired(own[0], own[1])
    if found is not None:
        yield "coverage", found
    reference = one.record.verdict.reference
    if reference == other.record.verdict.reference:
        column = "gold" if reference == "gold" else "llm"
        wrong = [_bools([pair[i].answer != getattr(pair[i], column) for pair in rows.pairs]) for i in (0, 1)]
        found = paired(own[0] & wrong[0], own[1] & wrong[1])
        if found is not None:
            yield "risk", found


def _bools(values: Sequence[bool]) -> NDArray[np.bool_]:
    return np.array(values, dtype=bool)


def same_rows(rows: Shared, one: Side, other: Side, words: Words) -> Table:
    """A row a measure: both shares, the difference with its interval, where it comes from, and the test."""
    table_rows = [
        Row(Cell(words(f"comparison.{name}")), _cells(found, words)) for name, found in comparisons(rows, one, other)
    ]
    columns = [words(f"comparison.{c}") for c in ("measure", "paired_difference", "only_this", "only_other", "mcnemar")]
    return Table(words("comparison.paired_caption"), columns, [Group(table_rows)], wide=True)


def _cells(found: Paired, words: Words) -> list[Cell]:
    write, n = words.numbers.write, words.numbers.count(found.difference.n)
    rows = words("comparison.of_rows", n=n)
    sides = words("comparison.shares", this=write(found.one, "share"), other=write(found.other, "share"))
    return [
        figure(found.difference, "points", words, sides),
        Cell(words.numbers.count(found.only_one), rows, "number"),
        Cell(words.numbers.count(found.only_other), rows, "number"),
        Cell(_p(found.p_value, words), words(_told(found)), "number"),
    ]


def _p(p: float, words: Words) -> str:
    if p < 0.0001:
        return f"p <\u00a0{words.numbers.plain(0.0001, 4)}"
    return f"p =\u00a0{words.numbers.plain(p, 2 if p >= 0.1 else 4)}"


def _told(found: Paired) -> str:
    if found.p_value >= 0.05:
        return "comparison.not_told_apart"
    return "comparison.this_more" if found.difference.value > 0 else "comparison.other_more"


def changed_rows(rows: Shared, one: Side, words: Words) -> Table:
    """Rows on which the two runs answer differently, the surest of this run first."""
    column = "gold" if one.record.verdict.reference == "gold" else "llm"
    differing = sorted((p for p in rows.pairs if p[0].answer != p[1].answer), key=lambda p: -p[0].confidence)[:SHOWN]
    listed = [
        Row(Cell(identifier(a.id), kind="label"), [_known(getattr(a, column), words), _answer(a, column, words), _answer(b, column, words)])
        for a, b in differing
    ]  # fmt: skip
    names = ("row", f"reference_{one.record.verdict.reference}", "this_answer", "other_answer")
    columns = [words(f"comparison.{name}") for name in names]
    return Table(words("comparison.changed_caption"), columns, [Group(listed)])


def _known(text: str | None, words: Words) -> Cell:
    return Cell("—", kind="missing") if text is None else answer(text, words)


def _answer(row: Prediction, column: str, words: Words) -> Cell:
    cell = _known(row.answer, words)
    right = row.answer == getattr(row, column)
    return Cell(cell.text, words("comparison.same" if right else "comparison.differs_from_it"), cell.kind)
