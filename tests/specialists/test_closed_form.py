"""Ridge heads in closed form give what fitting each fold by itself gives."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from sizewise.specialists import closed_form, out_of_fold
from sizewise.specialists.heads import Head, Target, centred, fit_logistic, one_hot

Array = NDArray[Any]
ROWS, DIMENSIONS, LABELS = 400, 12, 7


def problem() -> tuple[Array, Target, Array]:
    random = np.random.default_rng(5)
    numbers = random.integers(0, LABELS, ROWS)
    centres = random.normal(size=(LABELS, DIMENSIONS))
    features = (centres[numbers] + random.normal(size=(ROWS, DIMENSIONS))).astype(np.float32)
    taught = random.random(ROWS) > 0.1
    return features, Target(numbers, taught, LABELS), random.integers(0, 5, ROWS)


def ridge(features: Array, wanted: Array, penalty: float = 1.0) -> Array:
    products = features.T @ features + penalty * np.eye(DIMENSIONS)
    return np.asarray(np.linalg.solve(products, features.T @ (wanted - 1 / LABELS)))


def test_each_fold_is_scored_as_if_fitted_alone() -> None:
    features, target, folds = problem()
    head, scores = closed_form.cross_scores(features, target, folds)
    wanted = one_hot(target.numbers, LABELS)
    everything = ridge(features[target.taught], wanted[target.taught])
    factor = (head.weights * everything).sum() / (everything**2).sum()
    np.testing.assert_allclose(head.weights, factor * everything, atol=1e-4)
    for fold in range(5):
        rest = (folds != fold) & target.taught
        alone = centred(features[folds == fold] @ ridge(features[rest], wanted[rest]))
        np.testing.assert_allclose(scores[folds == fold], factor * alone, atol=1e-3)


def test_a_folds_targets_do_not_reach_its_own_scores() -> None:
    """But for the one factor that makes all scores logits."""
    features, target, folds = problem()
    moved = Target(np.where(folds == 2, (target.numbers + 1) % LABELS, target.numbers), target.taught, LABELS)
    _, before = closed_form.cross_scores(features, target, folds)
    _, after = closed_form.cross_scores(features, moved, folds)
    before, after = before / np.linalg.norm(before[folds == 2]), after / np.linalg.norm(after[folds == 2])
    np.testing.assert_allclose(before[folds == 2], after[folds == 2], atol=1e-5)
    assert np.abs(before[folds != 2] - after[folds != 2]).max() > 1e-2


def test_the_likelier_penalty_is_taken() -> None:
    features, target, folds = problem()
    clean, strict = (closed_form.cross_scores(features, target, folds, (p,))[1] for p in (1.0, 1e6))
    for penalties in ((1.0, 1e6), (1e6, 1.0)):
        np.testing.assert_allclose(closed_form.cross_scores(features, target, folds, penalties)[1], clean, atol=1e-5)
    assert np.abs(clean - strict).max() > 1e-2


def test_logits_are_as_likely_as_scores_can_be() -> None:
    """The factor must not leave much on the table: half and twice the logits are less likely."""
    features, target, folds = problem()
    head, logits = closed_form.cross_scores(features, target, folds)

    def likelihood(scores: Array) -> float:
        raised = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        return float(raised[np.arange(ROWS), target.numbers][target.taught].mean())

    assert likelihood(logits) > max(likelihood(logits / 2), likelihood(logits * 2))
    assert (head(features).argmax(axis=1) == target.numbers).mean() > 0.8


@pytest.mark.parametrize("most", [1.0, 1e12])
def test_the_size_of_the_work_chooses_the_way(monkeypatch: pytest.MonkeyPatch, most: float) -> None:
    features, target, folds = problem()
    monkeypatch.setattr(closed_form, "MOST_PRODUCTS", most)
    fitted = []

    def fit(x: Array, wanted: Array) -> Head:
        fitted.append(len(x))
        return fit_logistic(x, wanted)

    out_of_fold.cross_scores(fit, features, target, folds)
    assert len(fitted) == (0 if most == 1.0 else 5)
    assert bool(out_of_fold.cheaper(target, 0, features)) == (most == 1.0)


def test_single_precision_is_enough_for_what_is_penalised() -> None:
    features, target, folds = problem()
    exact, exact_scores = closed_form.cross_scores(features, target, folds, (20.0,))
    single, scores = closed_form.cross_scores(features, target, folds, (20.0,), np.float32)
    assert single.weights.dtype == np.float32
    np.testing.assert_allclose(single.weights, exact.weights, atol=1e-3)
    np.testing.assert_allclose(scores, exact_scores, atol=1e-3)
