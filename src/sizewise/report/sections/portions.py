"""Labels, slices and lengths: where the small model is weaker than the average says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from sizewise.core.measurement import Measured
from sizewise.core.record import Portion, RunRecord
from sizewise.report.table import Cell, Details, Group, Row, Table, answer, figure
from sizewise.report.visible import visible
from sizewise.report.words import Words

WORST = 12


def worst_labels(record: RunRecord, words: Words) -> Table:
    """The labels that are surely weak, weakest first: those whose interval ends lowest."""
    labels = sorted(_of(record, "label"), key=lambda p: (_high(p), -p.rows, p.name))[:WORST]
    return _table("labels", labels, words)


def all_labels(record: RunRecord, words: Words) -> Details | None:
    """Every label, by name; ``None`` where the worst are all."""
    labels = sorted(_of(record, "label"), key=lambda p: p.name)
    if len(labels) <= WORST:
        return None
    table = _table("all_labels", labels, words)
    return Details(words("portions.all_summary", n=words.numbers.count(len(labels))), table)


def slices(record: RunRecord, words: Words) -> Table:
    """The slices of the log and the quarters of the lengths, a group each, weakest first."""
    parts = {"slice": sorted(_of(record, "slice"), key=_high), "length": _of(record, "length")}
    groups = [
        Group([_row(p, words) for p in portions], words(f"portions.by_{by}"))
        for by, portions in parts.items()
        if portions
    ]
    names = ("part", f"right_{record.verdict.reference}", "answered", "answered_right")
    columns = [words(f"portions.{name}") for name in names]
    return Table(words("portions.slices_caption"), columns, groups)


def _table(kind: str, portions: Sequence[Portion], words: Words) -> Table:
    columns = ["label", "recall", "precision", "answered", "answered_right"]
    rows = [_row(portion, words) for portion in portions]
    return Table(words(f"portions.{kind}_caption"), [words(f"portions.{c}") for c in columns], [Group(rows)])


def _row(portion: Portion, words: Words) -> Row:
    measured = [portion.right, *([portion.precision] if portion.by == "label" else [])]
    cells = [_or_none(m, words) for m in measured]
    head = answer(portion.name, words)
    if portion.by == "length":
        head = Cell(words("portions.characters", range=visible(portion.name)))
    return Row(head, [*cells, _or_none(portion.answered, words), _or_none(portion.answered_right, words)])


def _or_none(measured: Measured | None, words: Words) -> Cell:
    """A share of no rows at all is no share."""
    return Cell("—", words("portions.no_rows"), "missing") if measured is None else figure(measured, "share", words)


def _of(record: RunRecord, by: Literal["label", "slice", "length"]) -> list[Portion]:
    return [p for p in record.portions if p.by == by]


def _high(portion: Portion) -> float:
    if portion.right is None:
        return 2.0
    return portion.right.value if portion.right.high is None else portion.right.high
