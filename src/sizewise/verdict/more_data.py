"""Whether more data would do, how much of it, and of which kind: arithmetic on the forecast."""

from __future__ import annotations

import math
from collections.abc import Iterator

from sizewise.core.measurement import LearningCurve, Measured, Measurements
from sizewise.core.verdict import Constraint, Decision, MoreData, Reason
from sizewise.verdict.wording import reason

KINDS = ("calibrate", "train", "both")  # the cheapest first, where several lead to the bar: rows that only calibrate


def rows_needed(limit: float, delta: float) -> int:
    """The fewest independent calibration rows that can certify ``limit`` without a single error.

    >>> rows_needed(0.03, 0.05)
    99
    """
    return math.ceil(math.log(delta) / math.log1p(-limit) - 1e-9)


def remedy(measured: Measurements) -> LearningCurve | None:
    """The curve of certified coverage that leads to the bar with the fewest rows; one kind of row before both."""
    found = [curve for curve in coverages(measured) if curve.needed is not None]
    return min(found, key=lambda c: (c.by == "both", c.needed.rows if c.needed else 0), default=None)


def coverages(measured: Measurements) -> list[LearningCurve]:
    """The curves of certified coverage, in the order of ``KINDS``."""
    curves = measured.forecast.curves if measured.forecast else ()
    return sorted((c for c in curves if c.metric == "coverage"), key=lambda c: KINDS.index(c.by))


def would_do(curve: LearningCurve) -> Reason:
    """The reason for *more-data* that a forecast gives."""
    assert curve.needed is not None
    rows, low, high = curve.needed.rows, curve.needed.low, curve.needed.high
    if high is None:
        return reason("more_rows_may_do", kind=curve.by, rows=rows, low=low, level=curve.level)
    return reason("more_rows_would_do", kind=curve.by, rows=rows, low=low, high=high, level=curve.level)


def alone_will_not(measured: Measurements) -> Iterator[Reason]:
    """The reason that says what four times the rows, of both kinds, would still lack."""
    for curve in coverages(measured):
        if curve.by == "both" and curve.bar is not None and curve.foreseen and not curve.reached_today:
            most = curve.foreseen[-1]
            yield reason(
                "more_data_alone_will_not", times=most.times, coverage=most.value, low=most.low, high=most.high,
                level=curve.level, bar=curve.bar,
            )  # fmt: skip


def more_data(measured: Measurements, decision: Decision, binding: Constraint) -> MoreData | None:
    """What is said of more data: always under *more-data*, and under *large* where quality binds and was forecast."""
    if decision == "more-data":
        missing = max(0, *(rows_needed(c.limit, c.delta) - c.n_groups for c in measured.certificates), 0)
        if missing:
            return MoreData(missing, None, missing, None, "calibrate", None)
        curve = remedy(measured)
        if curve is None or curve.needed is None:
            return MoreData(None, None)
        needed = curve.needed
        return MoreData(needed.rows, _gain(curve), needed.low, needed.high, curve.by, True)
    if decision == "large" and binding in ("quality", "coverage"):
        for curve in coverages(measured):
            if curve.by == "both":
                return MoreData(None, _gain(curve), kind="both", enough=False)
    return None


def _gain(curve: LearningCurve) -> Measured | None:
    """What twice the rows would add, with the forecast's interval around what today's rows give."""
    now = next((f for f in curve.foreseen if f.times == 1), None)
    twice = next((f for f in curve.foreseen if f.times == 2), None)
    if now is None or twice is None:
        return None
    return Measured(twice.value - now.value, twice.low - now.value, twice.high - now.value, twice.rows)
