"""Two ways' totals as lines with bands, drawn as SVG on logarithmic axes; told apart without colour too."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from html import escape

from sizewise.advice.ownership import Point

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 300, 120, 12, 12, 34
Sides = tuple[Sequence[Point], Sequence[Point], Sequence[Point]]  # assumptions that favour small, neither, large


def chart(sides: Sides, title: str, horizontal: Callable[[float], str], vertical: Callable[[float], str]) -> str:
    """The SVG. ``horizontal`` and ``vertical`` write the axes' numbers."""
    amounts = [amount for side in sides for p in side for amount in (p.small, p.large)]
    scale = _Scale([p.value for p in sides[1]], amounts)
    parts = [
        f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img" aria-label="{escape(title)}" xmlns="http://www.w3.org/2000/svg">'
    ]
    parts += _grid(scale, horizontal, vertical)
    for way in ("small", "large"):
        amounts_by_side = list(zip(*[[getattr(p, way) for p in side] for side in sides], strict=True))
        values = [p.value for p in sides[1]]
        least = [(value, min(three)) for value, three in zip(values, amounts_by_side, strict=True)]
        most = [(value, max(three)) for value, three in zip(values, amounts_by_side, strict=True)]
        middle = [(p.value, getattr(p, way)) for p in sides[1]]
        parts.append(f'<path class="band {way}" d="{_closed(scale, least, most)}"/>')
        parts.append(f'<path class="line {way}" d="{_line(scale, middle)}"/>')
    return "".join([*parts, "</svg>"])


class _Scale:
    """From values to places, both axes logarithmic."""

    def __init__(self, values: Sequence[float], amounts: Sequence[float]) -> None:
        self.x0, self.x1 = math.log10(min(values)), math.log10(max(values))
        positive = [a for a in amounts if a > 0] or [1.0]
        self.y0 = math.floor(math.log10(min(positive)))
        self.y1 = max(math.ceil(math.log10(max(positive)) - 1e-9), self.y0 + 1)
        self.floor = 10.0**self.y0

    def x(self, value: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(value) - self.x0) / (self.x1 - self.x0)

    def y(self, amount: float) -> float:
        share = (math.log10(max(amount, self.floor)) - self.y0) / (self.y1 - self.y0)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share


def _grid(scale: _Scale, horizontal: Callable[[float], str], vertical: Callable[[float], str]) -> list[str]:
    parts = []
    for power in range(scale.y0, scale.y1 + 1):
        y = scale.y(10.0**power)
        parts.append(f'<line class="grid" x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}"/>')
        parts.append(f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{escape(vertical(10.0**power))}</text>')
    steps = 4
    for step in range(steps + 1):
        value = 10 ** (scale.x0 + (scale.x1 - scale.x0) * step / steps)
        anchor = "start" if step == 0 else "end" if step == steps else "middle"
        text = escape(horizontal(value))
        parts.append(f'<text x="{scale.x(value):.1f}" y="{HEIGHT - 10}" text-anchor="{anchor}">{text}</text>')
    return parts


def _line(scale: _Scale, points: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{scale.x(value):.1f} {scale.y(amount):.1f}" for value, amount in points)


def _closed(scale: _Scale, low: Sequence[tuple[float, float]], high: Sequence[tuple[float, float]]) -> str:
    return _line(scale, [*low, *reversed(high)]) + "Z"
