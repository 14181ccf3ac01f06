"""The test rows by label, by slice and by length: where the small model is weaker than the average says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.core.measurement import Measured
from sizewise.core.record import Portion
from sizewise.data.split import Splits
from sizewise.evaluate.intervals import share
from sizewise.stages.calibration import Judged
from sizewise.stages.disagreements import named

LEAST_ROWS = 3
MOST_SLICES = 100
LONGEST_NAME = 80
Mask = NDArray[np.bool_]
By = Literal["label", "slice", "length"]


def portions(judged: Judged, splits: Splits, threshold: float | None) -> tuple[Portion, ...]:
    """Every label with test rows, the slices (of at least three rows, the largest first), and quarters of the lengths."""
    answered = judged.confidence >= threshold if threshold is not None else np.zeros(len(judged.answers), dtype=bool)
    return (
        *_labels(judged, answered, splits),
        *(_portion("slice", name, rows, judged, answered) for name, rows in _slices(splits).items()),
        *(_portion("length", name, rows, judged, answered) for name, rows in _lengths(splits)),
    )


def _labels(judged: Judged, answered: Mask, splits: Splits) -> Iterator[Portion]:
    labels = frozenset(splits.labels)
    known = [e.gold if splits.reference == "gold" else e.answer for e in splits.test.examples]
    references = np.array(["" if label is None else named(label, labels) for label in known], dtype=object)
    said = np.array(judged.answers, dtype=object)
    for label in sorted(set(references) - {""}):
        answers = said == label
        precision = share(int((answers & ~judged.wrong).sum()), int(answers.sum()))
        yield _portion("label", label, references == label, judged, answered, precision)


def _portion(
    by: By, name: str, rows: Mask, judged: Judged, answered: Mask, precision: Measured | None = None
) -> Portion:
    own = rows & answered
    n, n_own = int(rows.sum()), int(own.sum())
    return Portion(
        by=by, name=name, rows=n, right=share(int((rows & ~judged.wrong).sum()), n), precision=precision,
        answered=share(n_own, n), answered_right=share(int((own & ~judged.wrong).sum()), n_own),
    )  # fmt: skip


def _slices(splits: Splits) -> Mapping[str, Mask]:
    named_slices = np.array([e.slice or "" for e in splits.test.examples], dtype=object)
    found = {name: named_slices == name for name in sorted(set(named_slices) - {""}) if len(name) <= LONGEST_NAME}
    largest = sorted(found.items(), key=lambda item: -int(item[1].sum()))[:MOST_SLICES]
    return {name: rows for name, rows in largest if rows.sum() >= LEAST_ROWS}


def _lengths(splits: Splits) -> Iterator[tuple[str, Mask]]:
    """Quarters of the test inputs by length; none where they cannot be told apart."""
    lengths = np.array([len(e.input) for e in splits.test.examples])
    if len(lengths) < 4 * LEAST_ROWS:
        return
    ends = np.unique(np.quantile(lengths, (0.25, 0.5, 0.75, 1.0), method="higher"))
    if len(ends) < 2:
        return
    low = int(lengths.min())
    for end in ends:
        rows = (lengths >= low) & (lengths <= end)
        if rows.any():
            yield f"{low}–{int(end)}", rows
        low = int(end) + 1
