"""Quality against latency: where each rung stands, and the large model with its price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from math import log10
from typing import Any

from sizewise.core.measurement import Latency, Measured
from sizewise.core.record import RunRecord
from sizewise.report.pictures.frame import ACCENT, INK, MUTED, PAPER, Picture, draw
from sizewise.report.visible import stripped
from sizewise.report.words import Words


@dataclass(frozen=True, slots=True)
class Point:
    """One model. ``quality`` a share, ``milliseconds`` the median; ``label`` with its price, if known."""

    label: str
    quality: Measured
    milliseconds: float
    kind: str


def ladder_picture(record: RunRecord, words: Words) -> Picture | None:
    """The picture, or ``None`` where no rung has both figures."""
    points = list(_points(record, words))
    if not points:
        return None
    said = "; ".join(
        words("picture.point", name=p.label, quality=words.numbers.share(p.quality.value), latency=_ms(p, words))
        for p in points
    )
    title, quality = words("picture.ladder_title"), words(f"measure.{_metric(record)}_all")

    def paint(axes: Any) -> None:
        _paint(axes, points, quality, words)

    svg = draw("ladder", title, f"{quality}. {said}.", paint, (7.2, 3.9))
    return Picture(svg, title, (words("picture.ladder_note"),))


def _metric(record: RunRecord) -> str:
    return "accuracy" if record.verdict.reference == "gold" else "agreement"


def _points(record: RunRecord, words: Words) -> Iterator[Point]:
    verdict, metric = record.verdict, _metric(record)
    for rung in verdict.rungs:
        quality = rung.accuracy if metric == "accuracy" else rung.agreement
        if quality is None or not _drawable(rung.latency_ms):
            continue
        chosen = rung.name == record.measurements.chosen
        price = verdict.costs.small_per_1k_usd if chosen else None
        yield Point(_label(rung.name, price, words), quality, _p50(rung.latency_ms), "chosen" if chosen else "rung")
    large = verdict.large
    if large is None or not _drawable(large.latency_ms):
        return
    best = large.accuracy if metric == "accuracy" else large.self_agreement or Measured(1.0, None, None, 1)
    if best is not None:
        name = large.model or words("large_model_unnamed")
        yield Point(_label(name, verdict.costs.large_per_1k_usd, words), best, _p50(large.latency_ms), "large")


def _drawable(latency: Latency | None) -> bool:
    return latency is not None and latency.p50.value > 0


def _p50(latency: Latency | None) -> float:
    return latency.p50.value if latency else 0.0


def _label(name: str, price: Measured | None, words: Words) -> str:
    shown = stripped(name, 28)
    return (
        shown if price is None else words("picture.priced", name=shown, price=words.numbers.write(price.value, "usd"))
    )


def _ms(point: Point, words: Words) -> str:
    return words.numbers.write(point.milliseconds, "ms")


_MARKS = {"rung": ("o", MUTED, PAPER), "chosen": ("D", ACCENT, ACCENT), "large": ("s", INK, PAPER)}
_FAR_BELOW = 0.3
_PIXELS = 100 / 72  # a point, at the 100 dots an inch that positions are reckoned in
_CHARACTER, _LINE = 8.6, 18.0  # the width of a drawn character and the height of a line, in pixels, generously
Box = tuple[float, float, float, float]


def _paint(axes: Any, points: list[Point], quality: str, words: Words) -> None:
    best = max(p.quality.value for p in points)
    inside = [p for p in points if best - p.quality.value <= _FAR_BELOW or p.kind != "rung"]
    times = [p.milliseconds for p in points]
    axes.set_xscale("log")
    axes.set_xlim(min(times) / 2.5, max(times) * 2.5)
    floor = _set_quality_limits(axes, inside)
    for point in inside:
        _mark(axes, point)
    below = [p for p in points if p not in inside]
    for point in below:
        axes.plot(point.milliseconds, floor, marker="v", markersize=8, color=MUTED, markerfacecolor=PAPER)
    placed = [(p, 100 * p.quality.value, p.label) for p in inside]
    for point in below:
        said = words("picture.off", name=point.label, quality=words.numbers.share(point.quality.value))
        placed.append((point, floor, said))
    _name_axes(axes, quality, words)
    _write_labels(axes, placed)


def _mark(axes: Any, point: Point) -> None:
    marker, edge, face = _MARKS[point.kind]
    measured = point.quality
    if measured.low is not None and measured.high is not None:
        axes.plot([point.milliseconds] * 2, [100 * measured.low, 100 * measured.high], color=edge, linewidth=1.4)
    axes.plot(point.milliseconds, 100 * measured.value, marker=marker, markersize=8, color=edge, markerfacecolor=face)


def _set_quality_limits(axes: Any, points: list[Point]) -> float:
    """Limits with room for labels; returns the height at which to put what lies below, in percent."""
    lows = [100 * (p.quality.value if p.quality.low is None else p.quality.low) for p in points]
    highs = [100 * (p.quality.value if p.quality.high is None else p.quality.high) for p in points]
    room = max(3.0, 0.2 * (max(highs) - min(lows)))
    axes.set_ylim(min(lows) - 1.4 * room, max(highs) + room)
    return float(min(lows) - room)


def _name_axes(axes: Any, quality: str, words: Words) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    def milliseconds(value: float, _: int) -> str:
        return words.numbers.plain(value, max(0, -round(log10(value)))) + words.numbers.quantity("ms").after

    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=12))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(milliseconds))
    # above 100 % there is room for labels, and nothing to measure
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: "" if v > 100 else f"{words.numbers.plain(v, 0)}\u00a0%"))
    axes.set_xlabel(words("picture.latency_axis"))
    axes.set_ylabel(quality)


def _write_labels(axes: Any, placed: list[tuple[Point, float, str]]) -> None:
    """Each label beside its point where it covers neither another label nor a mark, and stays inside."""
    axes.figure.draw_without_rendering()
    spots = [tuple(axes.transData.transform((p.milliseconds, height))) for p, height, _ in placed]
    taken = [(x - 8, y - 8, x + 8, y + 8) for x, y in spots]
    frame = axes.bbox.extents
    for (point, height, text), (x, y) in zip(placed, spots, strict=True):
        align, boxes = _candidates(x, y, _CHARACTER * len(text))
        free = [
            i for i, box in enumerate(boxes) if _within(box, frame) and not any(_overlap(box, other) for other in taken)
        ]
        best = free[0] if free else 0
        taken.append(boxes[best])
        across, up, side = align[best]
        axes.annotate(
            text, (point.milliseconds, height), xytext=(across, up), textcoords="offset points", va="center", ha=side,
            fontweight="bold" if point.kind == "chosen" else "normal",
        )  # fmt: skip


def _candidates(x: float, y: float, width: float) -> tuple[list[tuple[int, int, str]], list[Box]]:
    """Where a label may stand: right, left, above, below, then above and below to each side."""
    half, high = width / 2, _LINE / 2
    align = [(10, 0, "left"), (-10, 0, "right"), (0, 15, "center"), (0, -15, "center")]
    align += [(6, 15, "left"), (-6, 15, "right"), (6, -15, "left"), (-6, -15, "right")]
    start = {"left": 0.0, "right": -width, "center": -half}
    boxes = []
    for across, up, side in align:
        left, middle = x + across * _PIXELS + start[side], y + up * _PIXELS
        boxes.append((left, middle - high, left + width, middle + high))
    return align, boxes


def _overlap(one: Box, other: Box) -> bool:
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]


def _within(box: Box, frame: Box) -> bool:
    return box[0] >= frame[0] and box[2] <= frame[2] and box[1] >= frame[1] and box[3] <= frame[3]
