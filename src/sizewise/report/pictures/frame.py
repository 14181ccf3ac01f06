"""From a drawing to an inline SVG: one size, colours from the page, words for those who cannot see it.

The same drawing gives the same bytes: no date, and ids hashed with a fixed salt. Drawn text stays text.
"""

from __future__ import annotations

import io
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

# Stand-ins that matplotlib writes as they are and that become the page's own colours.
INK, MUTED, RULE, ACCENT, WARN, PAPER = "#010101", "#020202", "#030303", "#040404", "#050505", "#060606"
_VARIABLES = {INK: "ink", MUTED: "muted", RULE: "rule", ACCENT: "accent", WARN: "warn", PAPER: "paper"}
_SETTINGS: dict[str, Any] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "font.family": ["sans-serif"],
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 10,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": MUTED,
    "axes.labelcolor": INK,
    "axes.unicode_minus": True,
    "axes.grid": True,
    "axes.axisbelow": True,
    "grid.color": RULE,
    "grid.linewidth": 0.7,
    "text.color": INK,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "path.simplify": True,
}


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG with its caption; ``alternative`` says what is to be seen."""

    svg: str
    caption: str
    note: Sequence[str] = ()


def draw(name: str, title: str, alternative: str, paint: Callable[[Any], None], inches: tuple[float, float]) -> str:
    """The SVG that ``paint`` draws on a matplotlib ``Axes``. ``name`` keeps its ids apart on a page."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings: Any = {**_SETTINGS, "svg.hashsalt": f"sizewise-{name}"}
    with rc_context(settings), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a glyph that this machine's font lacks is drawn by the reader's
        figure = Figure(figsize=inches, layout="constrained")
        paint(figure.add_subplot())
        stream = io.StringIO()
        figure.savefig(stream, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    return _inline(stream.getvalue(), name, title, alternative)


def _inline(svg: str, name: str, title: str, alternative: str) -> str:
    svg = svg[svg.index("<svg") :]
    svg = re.sub(r"<metadata>.*?</metadata>\s*", "", svg, flags=re.DOTALL)
    svg = re.sub(r'\b(id=")([^"]+)', rf"\g<1>{name}-\2", svg)
    svg = re.sub(r'(xlink:href="#|url\(#)', rf"\g<1>{name}-", svg)
    svg = re.sub(r"font: ([\d.]+)px [^;\"]*", r"font-size: \1px", svg)
    svg = re.sub(r"font-family: [^;\"]*;? ?", "", svg)  # the page's own, which is no wider than the one reckoned with
    for colour, variable in _VARIABLES.items():
        svg = svg.replace(colour, f"var(--{variable})")
    opening = re.compile(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>')
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="\\1" role="img" '
        f'aria-labelledby="{name}-title {name}-desc">'
    )
    words = f'<title id="{name}-title">{escape(title)}</title><desc id="{name}-desc">{escape(alternative)}</desc>'
    return opening.sub(lambda m: m.expand(head) + words, svg, count=1)
