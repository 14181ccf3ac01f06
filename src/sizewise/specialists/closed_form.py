"""Heads where fitting each fold by small steps would take hours: ridge regression, solved once for each fold.

A head that is fitted step by step costs rows × labels × dimensions multiplications for each of some 40 steps, once a
fold. Ridge regression needs the features' products with one another and with the targets, both of which are sums
over rows: those of all folds but one are the whole's less that fold's, so that five folds cost hardly more than one
fit (the update behind the leave-one-out formula of Allen 1974, for groups of rows instead of single ones).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from sizewise.specialists.heads import Head, Ints, Singles, Target, centred, enough, fit_temperature, probability_of

Table = NDArray[np.floating[Any]]
MOST_PRODUCTS = 8e9
GAIN = 12.0
BLOCK = 8_192


def called_for(rows: int, labels: int, dimensions: int) -> bool:
    """Whether rows × labels × dimensions exceeds eight thousand million: some minutes for two heads in five folds.

    >>> called_for(10_003, 77, 768), called_for(94_000, 1_000, 512)
    (False, True)
    """
    return rows * labels * dimensions > MOST_PRODUCTS


@dataclass(frozen=True, slots=True)
class _Sums:
    """Products of features with features (d, d) and with centred targets (d, labels), over some rows."""

    gram: Table
    moment: Table

    @classmethod
    def of(cls, features: Singles, target: Target, rows: Ints, precision: type[np.floating[Any]]) -> _Sums:
        dimensions = features.shape[1]
        gram, moment = np.zeros((dimensions, dimensions), precision), np.zeros((dimensions, target.size), precision)
        for start in range(0, len(rows), BLOCK):
            part = rows[start : start + BLOCK]
            block = features[part]
            gram += block.T @ block
            ones = np.ones(len(part), dtype=np.float32)
            chosen = csr_matrix((ones, (target.numbers[part], np.arange(len(part)))), (target.size, len(part)))
            moment += (chosen @ block).T - block.sum(axis=0)[:, None] / target.size
        return cls(gram, moment)

    def without(self, other: _Sums) -> _Sums:
        return _Sums(self.gram - other.gram, self.moment - other.moment)

    def head(self, penalty: float) -> Head:
        from scipy.linalg import cho_factor, cho_solve

        gram = self.gram.copy()
        gram[np.diag_indices(len(gram))] += gram.dtype.type(penalty)
        weights = cho_solve(cho_factor(gram, overwrite_a=True, check_finite=False), self.moment, check_finite=False)
        return Head(np.asarray(weights, dtype=np.float32), np.zeros(weights.shape[1], dtype=np.float32))


def cross_scores(
    features: Singles,
    target: Target,
    folds: Ints,
    penalties: Sequence[float] = (1.0,),
    precision: type[np.floating[Any]] = np.float64,
) -> tuple[Head, Singles]:
    """A head fitted on all rows, and the (n, labels) scores of heads that did not learn from each row's fold.

    Of several ``penalties`` that one is taken whose out-of-fold scores make the targets most likely. Head and
    scores are multiplied by the factor at which they do, so that they are logits. Single ``precision`` takes half the
    time and memory, and will do where penalties are no less than some hundred-thousandth of the features' sum of squares.
    """
    parts = [
        _Sums.of(features, target, np.flatnonzero((folds == fold) & target.taught), precision)
        for fold in range(int(folds.max()) + 1)
    ]
    whole = _Sums(sum_of([p.gram for p in parts]), sum_of([p.moment for p in parts]))
    taught = enough(np.flatnonzero(target.taught), target.size)
    best: tuple[float, float, float, Singles] | None = None
    for penalty in penalties:
        scores = _held_out(features, folds, whole, parts, penalty)
        factor = GAIN * fit_temperature(GAIN * scores[taught], target.numbers[taught])
        chances = probability_of(factor * scores[taught], target.numbers[taught])
        likelihood = float(np.log(np.maximum(chances, 1e-12)).mean())
        if best is None or likelihood > best[0]:
            best = likelihood, penalty, factor, scores
    assert best is not None
    _, penalty, factor, scores = best
    scores *= np.float32(factor)
    head = whole.head(penalty)
    return Head(head.weights * np.float32(factor), head.bias), scores


def _held_out(features: Singles, folds: Ints, whole: _Sums, parts: Sequence[_Sums], penalty: float) -> Singles:
    """(n, labels) scores of each fold's rows by the ridge head of all other folds."""
    scores = np.empty((len(folds), whole.moment.shape[1]), dtype=np.float32)
    for fold, part in enumerate(parts):
        head = whole.without(part).head(penalty)
        held = np.flatnonzero(folds == fold)
        for start in range(0, len(held), BLOCK):
            rows = held[start : start + BLOCK]
            scores[rows] = centred(features[rows] @ head.weights)
    return scores


def sum_of(arrays: list[Table]) -> Table:
    """The sum of arrays of one shape."""
    total = arrays[0].copy()
    for array in arrays[1:]:
        total += array
    return total
