"""Macro-averaged F1 over the labels that the references hold, with a bootstrap interval."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from sizewise.core.measurement import Measured
from sizewise.evaluate.intervals import LEVEL

RESAMPLES = 500


def macro_f1(references: Sequence[str], answers: Sequence[str | None], seed: int = 0) -> Measured | None:
    """The unweighted mean of each reference label's F1; an answer of ``None`` is always wrong.

    >>> macro_f1(["a", "a", "b", "b"], ["a", "a", "b", "b"]).value
    1.0
    """
    n = len(references)
    if n == 0:
        return None
    labels = {label: index for index, label in enumerate(sorted(set(references)))}
    truth = np.array([labels[r] for r in references])
    said = np.array([labels.get(a, -1) if a is not None else -1 for a in answers])
    value = float(_f1(truth, said, np.ones((1, n)), len(labels))[0])
    if n == 1:
        return Measured(value, None, None, 1)
    random = np.random.default_rng(seed)
    weights = random.multinomial(n, np.full(n, 1 / n), size=RESAMPLES).astype(float)
    low, high = np.quantile(_f1(truth, said, weights, len(labels)), [(1 - LEVEL) / 2, 1 - (1 - LEVEL) / 2])
    return Measured(value, min(float(low), value), max(float(high), value), n)


def _f1(truth: np.ndarray, said: np.ndarray, weights: np.ndarray, size: int) -> np.ndarray:
    """(resamples,) macro-F1 for (resamples, n) row weights."""

    def counted(classes: np.ndarray, rows: np.ndarray) -> np.ndarray:
        table = np.zeros((len(truth), size))
        table[rows, classes[rows]] = 1.0
        return np.asarray(weights @ table)

    true = counted(truth, np.arange(len(truth)))
    positive = counted(said, np.flatnonzero(said >= 0))
    hits = counted(truth, np.flatnonzero(truth == said))
    scores = 2 * hits / np.maximum(true + positive, 1e-12)
    present = true > 0
    return np.asarray((scores * present).sum(axis=1) / np.maximum(present.sum(axis=1), 1))
