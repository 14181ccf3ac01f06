"""Scores of rows by heads that did not learn from them, by the way of fitting that the size of the work allows."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from sizewise.core.measurement import Circumstance
from sizewise.specialists import closed_form
from sizewise.specialists.heads import Head, Ints, Singles, Target, one_hot

Fit = Callable[[Singles, Singles], Head]


def cross_scores(fit: Fit, features: Singles, target: Target, folds: Ints) -> tuple[Head, Singles]:
    """A head fitted on all rows, and the (n, labels) scores of heads that did not learn from each row's fold.

    Where the work is too much for ``fit``, every head is a ridge regression in closed form.
    """
    if closed_form.called_for(len(features), target.size, features.shape[1]):
        return closed_form.cross_scores(features, target, folds)
    wanted = one_hot(target.numbers, target.size)
    scores = np.zeros_like(wanted)
    for fold in range(int(folds.max()) + 1):
        held, rest = folds == fold, (folds != fold) & target.taught
        scores[held] = fit(features[rest], wanted[rest])(features[held])
    return fit(features[target.taught], wanted[target.taught]), scores


def cheaper(target: Target, *features: Singles) -> tuple[Circumstance, ...]:
    """What is to be said where heads on some of these ``features`` are fitted in closed form."""
    if not any(closed_form.called_for(len(x), target.size, x.shape[1]) for x in features):
        return ()
    return (Circumstance("closed_form", {"rows": len(features[0]), "labels": target.size}),)
