"""A learning curve: what was measured with fewer rows, what more rows would give, and the bar."""

from __future__ import annotations

from typing import Any

from sizewise.core.measurement import LearningCurve
from sizewise.report.pictures.frame import ACCENT, INK, MUTED, PAPER, WARN, Picture, draw
from sizewise.report.words import Words


def forecast_picture(curve: LearningCurve, number: int, words: Words) -> Picture | None:
    """The picture of one curve, the ``number``-th on its page; ``None`` with fewer than two measured points."""
    if len(curve.observed) < 2:
        return None
    title = words(f"forecast.picture_{curve.metric}", by=words(f"forecast.by_{curve.by}"))

    def paint(axes: Any) -> None:
        _paint(axes, curve, words)

    note = words("forecast.picture_note", level=words.numbers.write(curve.level, "level"))
    return Picture(draw(f"forecast{number}", title, _alternative(curve, words), paint, (7.2, 3.9)), title, (note,))


def _alternative(curve: LearningCurve, words: Words) -> str:
    write, count = words.numbers.write, words.numbers.count
    measured = "; ".join(
        words("forecast.point", rows=count(o.rows), score=write(o.score.value, "share")) for o in curve.observed
    )
    ahead = "; ".join(
        words(
            "forecast.range", rows=count(f.rows), score=write(f.value, "share"), low=write(f.low, "share"),
            high=write(f.high, "share"),
        )
        for f in curve.foreseen
    )  # fmt: skip
    return words("forecast.alternative", measured=measured, ahead=ahead or words("none"))


def _paint(axes: Any, curve: LearningCurve, words: Words) -> None:
    from matplotlib.ticker import FuncFormatter, NullFormatter, NullLocator

    axes.set_xscale("log")
    rows = [o.rows for o in curve.observed]
    values = [100 * o.score.value for o in curve.observed]
    for o, x in zip(curve.observed, rows, strict=True):
        if o.score.low is not None and o.score.high is not None:
            axes.plot([x, x], [100 * o.score.low, 100 * o.score.high], color=ACCENT, linewidth=1.6)
    axes.plot(rows, values, color=ACCENT, marker="o", markersize=6, linewidth=1.4, label=words("forecast.measured"))
    if ahead := curve.foreseen:
        far = [f.rows for f in ahead]
        axes.fill_between(far, [100 * f.low for f in ahead], [100 * f.high for f in ahead], facecolor="none",
                          edgecolor=MUTED, hatch="///", linewidth=0.8, label=words("forecast.band"))  # fmt: skip
        axes.plot(far, [100 * f.value for f in ahead], color=INK, linestyle="--", marker="D", markersize=5,
                  markerfacecolor=PAPER, linewidth=1.4, label=words("forecast.ahead"))  # fmt: skip
    if curve.bar is not None:
        said = words("forecast.bar", bar=words.numbers.write(curve.bar, "level"))
        axes.axhline(100 * curve.bar, color=WARN, linestyle="-.", linewidth=1.4, label=said)
    ticks = sorted({*rows[:: max(1, len(rows) // 4)], curve.rows, *(f.rows for f in curve.foreseen)})
    axes.set_xticks(_apart(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda v, _: words.numbers.count(v)))
    axes.yaxis.set_major_formatter(
        FuncFormatter(lambda v, _: f"{words.numbers.plain(v, 0 if abs(v - round(v)) < 1e-9 else 1)}\u00a0%")
    )
    axes.set_xlabel(words(f"forecast.axis_{curve.by}"))
    axes.set_ylabel(words(f"forecast.metric_{curve.metric}"))
    axes.figure.legend(loc="outside lower center", ncols=2, frameon=False, handlelength=3)


def _apart(ticks: list[int]) -> list[int]:
    """The ticks without those so near the next one that their numbers would touch."""
    kept: list[int] = []
    for tick in reversed(ticks):
        if not kept or tick * 1.35 < kept[-1]:
            kept.append(tick)
    return kept[::-1]
