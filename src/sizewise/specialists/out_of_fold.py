"""Scores of rows by heads that did not learn from them, by the way of fitting that the size of the work allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sizewise.core.measurement import Circumstance
from sizewise.specialists import closed_form
from sizewise.specialists.heads import Head, Ints, Singles, Target, one_hot

Fit = Callable[[Singles, Singles], Head]


def cross_scores(
    fit: Fit, features: Singles, target: Target, folds: Ints, penalty: float = 1.0, rows: int = 0
) -> tuple[Head, Singles]:
    """The mean of heads that were each fitted on all folds but one, and the (n, labels) scores of those for their own fold.

    The mean is more often right than one head fitted on all rows (bagging, Breiman 1996; benchmarks/LOG.md has the
    figures), and costs no further fit. Where the work is too much for ``fit``, every head is a ridge regression in
    closed form with that ``penalty``, and the first result a head fitted on all rows; so also where it would be for ``rows`` rows.
    """
    if closed_form.called_for(max(len(features), rows), target.size, features.shape[1]):
        return closed_form.cross_scores(features, target, folds, (penalty,))
    wanted = one_hot(target.numbers, target.size)
    scores, heads = np.zeros_like(wanted), []
    for fold in range(int(folds.max()) + 1):
        held, rest = folds == fold, (folds != fold) & target.taught
        heads.append(fit(features[rest], wanted[rest]))
        scores[held] = heads[-1](features[held])
    return Head(np.mean([h.weights for h in heads], axis=0), np.mean([h.bias for h in heads], axis=0)), scores


def cheaper(target: Target, rows: int, *features: Singles) -> tuple[Circumstance, ...]:
    """What is to be said where heads on some of these ``features`` are fitted in closed form."""
    if not any(closed_form.called_for(max(len(x), rows), target.size, x.shape[1]) for x in features):
        return ()
    return (Circumstance("closed_form", {"rows": len(features[0]), "labels": target.size}),)
