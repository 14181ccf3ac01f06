"""The risk–coverage curve: how wrong the small model would be if it answered more or less."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sizewise.core.record import CurvePoint, RunRecord
from sizewise.core.verdict import Guarantee
from sizewise.report.pictures.frame import ACCENT, INK, MUTED, WARN, Picture, draw
from sizewise.report.words import Words

MOST_POINTS = 160


def curve_picture(record: RunRecord, words: Words) -> Picture | None:
    """The picture, or ``None`` where there is no curve."""
    points = _thinned(sorted(record.curve, key=lambda p: p.coverage))
    if len(points) < 2:
        return None
    title = words("picture.curve_title")

    def paint(axes: Any) -> None:
        _paint(axes, points, record, words)

    svg = draw("curve", title, _alternative(record, words), paint, (7.2, 4.4))
    return Picture(svg, title, _note(record, words))


def _thinned(points: Sequence[CurvePoint]) -> list[CurvePoint]:
    if len(points) <= MOST_POINTS:
        return list(points)
    step = (len(points) - 1) / (MOST_POINTS - 1)
    return [points[round(i * step)] for i in range(MOST_POINTS)]


def _guarantee(record: RunRecord) -> Guarantee | None:
    """The one that the curve is about: excess where that is certified, else risk."""
    verdict = record.verdict
    return next((g for g in verdict.guarantees if g.quantity == "excess"), verdict.guarantee)


def _about_excess(record: RunRecord) -> bool:
    guarantee = _guarantee(record)
    return guarantee is not None and guarantee.quantity == "excess"


def _threshold_point(record: RunRecord) -> CurvePoint | None:
    """The last point, seen from the safe end, whose threshold is still certified."""
    threshold = _threshold(record)
    if threshold is None:
        return None
    within = [p for p in record.curve if p.threshold >= threshold]
    return max(within, key=lambda p: p.coverage, default=None)


def _threshold(record: RunRecord) -> float | None:
    """The system's own threshold; without a system, what the curve's guarantee allows."""
    guarantee, cascade = _guarantee(record), record.verdict.cascade
    if cascade is not None:
        return cascade.threshold
    return None if guarantee is None else guarantee.threshold


def _alternative(record: RunRecord, words: Words) -> str:
    last = max(record.curve, key=lambda p: p.coverage)
    said = [
        words(
            "picture.curve_end",
            coverage=words.numbers.share(last.coverage),
            risk=words.numbers.write(last.risk, "bound"),
        )
    ]
    at = _threshold_point(record)
    if at is not None:
        coverage, bound = words.numbers.share(at.coverage), words.numbers.write(at.bound, "bound")
        said.append(words("picture.curve_threshold", coverage=coverage, bound=bound))
    return " ".join(said)


def _note(record: RunRecord, words: Words) -> tuple[str, ...]:
    key = "picture.curve_note_excess" if _about_excess(record) else "picture.curve_note"
    if _threshold_point(record) is None:
        key = "picture.curve_note_none"
    return (words(key), words("picture.curve_note_test"))


def _paint(axes: Any, points: list[CurvePoint], record: RunRecord, words: Words) -> None:
    from matplotlib.ticker import FuncFormatter

    covered = [100 * p.coverage for p in points]
    axes.plot(
        covered,
        [100 * p.bound for p in points],
        color=ACCENT,
        linestyle="--",
        linewidth=1.6,
        label=words("picture.bound"),
    )
    axes.plot(covered, [100 * p.risk for p in points], color=ACCENT, linewidth=2, label=words("picture.calibrate"))
    test = sorted(points, key=lambda p: p.test_coverage)
    axes.plot(
        [100 * p.test_coverage for p in test], [100 * p.test_risk for p in test], color=MUTED, linestyle=":", linewidth=2,
        label=words("picture.test"),
    )  # fmt: skip
    _paint_limit(axes, points, record, words)
    axes.set_xlim(0, 100)
    for axis in (axes.xaxis, axes.yaxis):
        axis.set_major_formatter(
            FuncFormatter(lambda v, _: f"{words.numbers.plain(v, 0 if v == round(v) else 1)}\u00a0%")
        )
    axes.set_xlabel(words("picture.coverage_axis"))
    axes.set_ylabel(
        words("quantity.excess_axis" if _about_excess(record) else f"quantity.risk_{record.verdict.reference}_axis")
    )
    axes.figure.legend(loc="outside lower center", ncols=3, frameon=False, handlelength=3)


def _paint_limit(axes: Any, points: list[CurvePoint], record: RunRecord, words: Words) -> None:
    guarantee = _guarantee(record)
    top = max(100 * max(p.bound for p in points), 0.0)
    if guarantee is None:
        return
    limit = 100 * guarantee.limit
    # the bound explodes on few rows; what is far above the limit is not worth the room
    axes.set_ylim(top=max(min(top, 100 * max(p.risk for p in points) * 1.6), limit * 2.2))
    axes.axhline(
        limit,
        color=WARN,
        linewidth=1.4,
        linestyle="-.",
        label=words("picture.limit", limit=_bound(guarantee.limit, words)),
    )
    at, threshold = _threshold_point(record), _threshold(record)
    if at is None or threshold is None:
        return
    said = words("picture.threshold", threshold=words.numbers.plain(threshold, 3 if threshold else 0))
    axes.axvline(100 * at.coverage, color=INK, linewidth=1, label=said)
    axes.plot(100 * at.coverage, 100 * at.bound, marker="D", markersize=7, color=INK, linestyle="none", clip_on=False)


def _bound(value: float, words: Words) -> str:
    return words.numbers.write(value, "bound")
