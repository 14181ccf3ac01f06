"""Each measured value of the two runs beside each other, with the difference."""

from __future__ import annotations

from collections.abc import Iterator
from math import hypot

from sizewise.core.measurement import Measured
from sizewise.core.record import RunRecord
from sizewise.report.comparison.side import Side
from sizewise.report.table import Cell, Group, Row, Table, figure
from sizewise.report.words import Words


def values(one: Side, other: Side, words: Words) -> Table:
    """A row a measure that either run has. The differences are as of unlike rows: cautious where rows are shared."""
    first, second = dict(_measures(one.record)), dict(_measures(other.record))
    rows = [
        Row(
            Cell(words(f"comparison.{name}")),
            [figure(a, unit, words), figure(b, unit, words), _difference(a, b, unit, words)],
        )
        for name, (a, unit) in first.items()
        for b in (second[name][0],)
        if a is not None or b is not None
    ]
    columns = [words(f"comparison.{c}") for c in ("measure", "this", "other", "difference")]
    return Table(words("comparison.values_caption"), columns, [Group(rows)], wide=True)


def _measures(record: RunRecord) -> Iterator[tuple[str, tuple[Measured | None, str]]]:
    verdict = record.verdict
    small, large, cascade = verdict.small, verdict.large, verdict.cascade
    yield "coverage", (cascade.coverage if cascade else None, "share")
    yield "risk", (cascade.risk if cascade else None, "share")
    yield "answered_agreement", (cascade.answered_agreement if cascade else None, "share")
    yield "answered_accuracy", (cascade.answered_accuracy if cascade else None, "share")
    yield "system_accuracy", (cascade.system_accuracy if cascade else None, "share")
    yield "accuracy", (small.accuracy if small else None, "share")
    yield "agreement", (small.agreement if small else None, "share")
    yield "macro_f1", (small.macro_f1 if small else None, "score")
    yield "large_accuracy", (large.accuracy if large else None, "share")
    yield "latency", (small.latency_ms.p50 if small and small.latency_ms else None, "ms")
    yield "memory", (small.peak_memory_mb if small else None, "MiB")
    yield "size", (small.artifact_mb if small else None, "MiB")
    yield "fit", (small.fit_seconds if small else None, "s")
    yield "cost", ((cascade.cost_per_1k_usd if cascade else None), "usd")
    yield "large_cost", (verdict.costs.large_per_1k_usd, "usd")


def difference(one: Measured, other: Measured) -> Measured:
    """The difference of two independent values; its interval by MOVER (Zou and Donner 2008) from theirs."""
    value, n = one.value - other.value, min(one.n, other.n)
    if one.low is None or one.high is None or other.low is None or other.high is None:
        return Measured(value, None, None, n)
    low = value - hypot(one.value - one.low, other.high - other.value)
    high = value + hypot(one.high - one.value, other.value - other.low)
    return Measured(value, low, high, n)


def _difference(one: Measured | None, other: Measured | None, unit: str, words: Words) -> Cell:
    if one is None or other is None:
        return Cell("—", words("comparison.one_sided"), "missing")
    return figure(difference(one, other), "points" if unit == "share" else unit, words)
