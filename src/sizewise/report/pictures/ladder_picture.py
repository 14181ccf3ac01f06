"""Quality against latency: where each rung stands, and the large model with its price."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sizewise.core.measurement import Latency, Measured
from sizewise.core.record import RunRecord
from sizewise.report.pictures.frame import ACCENT, INK, MUTED, Picture, draw
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
        words("picture.point", name=p.label, quality=words.numbers.share(p.quality.value), latency=_ms(p, words)) for p in points
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
    return shown if price is None else words("picture.priced", name=shown, price=words.numbers.write(price.value, "usd"))


def _ms(point: Point, words: Words) -> str:
    return words.numbers.write(point.milliseconds, "ms")


_MARKS = {"rung": ("o", MUTED, "none"), "chosen": ("D", ACCENT, ACCENT), "large": ("s", INK, "none")}


def _paint(axes: Any, points: list[Point], quality: str, words: Words) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    for point in points:
        marker, edge, face = _MARKS[point.kind]
        q = point.quality
        if q.low is not None and q.high is not None:
            axes.plot([point.milliseconds] * 2, [100 * q.low, 100 * q.high], color=edge, linewidth=1.4)
        axes.plot(point.milliseconds, 100 * q.value, marker=marker, markersize=8, color=edge, markerfacecolor=face)
    axes.set_xscale("log")
    times = [p.milliseconds for p in points]
    axes.set_xlim(min(times) / 2.5, max(times) * 2.5)
    _set_quality_limits(axes, points)
    _write_labels(axes, points)
    axes.xaxis.set_major_locator(LogLocator(base=10, numticks=12))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: words.numbers.write(v, "ms")))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: f"{words.numbers.plain(v, 0)}\u00a0%"))
    axes.set_xlabel(words("picture.latency_axis"))
    axes.set_ylabel(quality)


def _set_quality_limits(axes: Any, points: list[Point]) -> None:
    lows = [100 * (p.quality.value if p.quality.low is None else p.quality.low) for p in points]
    highs = [100 * (p.quality.value if p.quality.high is None else p.quality.high) for p in points]
    room = max(4.0, 0.14 * (max(highs) - min(lows)))
    axes.set_ylim(min(lows) - room, max(highs) + room)


def _write_labels(axes: Any, points: list[Point]) -> None:
    """Each label beside its point, on the side where there is room, moved up or down past its neighbours."""
    low, high = axes.get_ylim()
    gap, taken = 0.065 * (high - low), dict[str, list[float]](left=[], right=[])
    middle = (axes.get_xlim()[0] * axes.get_xlim()[1]) ** 0.5
    for point in sorted(points, key=lambda p: p.quality.value):
        side = "left" if point.milliseconds < middle else "right"
        at = 100 * point.quality.value
        while any(abs(at - other) < gap for other in taken[side]):
            at += gap / 4
        taken[side].append(at)
        away = 10 if side == "left" else -10
        axes.annotate(
            point.label, (point.milliseconds, at), xytext=(away, 0), textcoords="offset points", va="center", ha=side,
            fontweight="bold" if point.kind == "chosen" else "normal",
        )  # fmt: skip
