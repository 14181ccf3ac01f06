"""How many rows each class has, from the largest to the smallest."""

from __future__ import annotations

from typing import Any

from sizewise.core.record import CheckRecord, RunRecord
from sizewise.report.pictures.frame import ACCENT, Picture, draw
from sizewise.report.words import Words

MOST_BARS = 200


def class_picture(record: RunRecord | CheckRecord, words: Words) -> Picture | None:
    """The picture, or ``None`` with fewer than two classes."""
    sizes = sorted(record.data_check.class_sizes.values(), reverse=True)
    if len(sizes) < 2:
        return None
    title, count = words("picture.classes_title"), words.numbers.count
    said = words("picture.classes_said", n=count(len(sizes)), largest=count(sizes[0]), smallest=count(sizes[-1]))
    shown = sizes if len(sizes) <= MOST_BARS else [sizes[i * len(sizes) // MOST_BARS] for i in range(MOST_BARS)]

    def paint(axes: Any) -> None:
        from matplotlib.ticker import FuncFormatter, MaxNLocator

        axes.bar(range(len(shown)), shown, width=0.7, color=ACCENT)
        axes.set_xticks([])
        axes.grid(False, axis="x")
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda v, _: count(v)))
        axes.set_xlabel(words("picture.classes_axis"))
        axes.set_ylabel(words("picture.rows_axis"))

    return Picture(draw("classes", title, said, paint, (7.2, 2.1)), title, (said,))
