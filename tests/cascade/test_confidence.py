from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sizewise.cascade import confidence as confidence_module
from sizewise.cascade.confidence import Confidence, out_of_fold, take
from sizewise.core.model import Evidence

LABELS = ("a", "b", "c", "где")


def world(n: int, seed: int, overconfident: float = 3.0) -> tuple[Evidence, NDArray[np.bool_], NDArray[np.float64]]:
    """Evidence whose probabilities are too sure of themselves, what was right, and how probable that truly was."""
    random = np.random.default_rng(seed)
    scores = random.normal(0, 1.5, (n, len(LABELS)))
    true = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    shown = np.exp(overconfident * scores)
    shown /= shown.sum(axis=1, keepdims=True)
    best = shown.argmax(axis=1)
    probability = true[np.arange(n), best]
    evidence = Evidence(LABELS, shown, {"noise": random.normal(size=n)}, random.normal(size=n))
    return evidence, random.random(n) < probability, probability


def fit(evidence: Evidence, right: NDArray[np.bool_]) -> Confidence:
    return confidence_module.fit(evidence, right, np.arange(len(right)) % 5)


def calibration_error(confidence: NDArray[np.float64], right: NDArray[np.bool_], bins: int = 10) -> float:
    """Expected calibration error over bins of equal size."""
    parts = np.array_split(np.argsort(confidence), bins)
    return float(sum(len(p) * abs(confidence[p].mean() - right[p].mean()) for p in parts) / len(confidence))


def test_confidence_is_calibrated_where_probabilities_are_not() -> None:
    learned, right, _ = world(4_000, 1)
    fresh, fresh_right, truth = world(4_000, 2)
    fitted = fit(learned, right)
    inside = fresh.outlyingness <= fitted.gate
    confidence = fitted(fresh)[inside]
    assert calibration_error(confidence, fresh_right[inside]) < 0.04
    assert calibration_error(fresh.probabilities.max(axis=1), fresh_right) > 0.1
    assert np.abs(confidence - truth[inside]).mean() < 0.05


def test_confidence_out_of_fold_is_calibrated_and_not_the_fitted_one() -> None:
    evidence, right, _ = world(2_000, 3)
    folds = np.arange(2_000) % 5
    confidence = out_of_fold(evidence, right, folds)
    assert calibration_error(confidence, right) < 0.05
    held = folds == 2
    elsewhere = confidence_module.fit(take(evidence, np.flatnonzero(~held)), right[~held], folds[~held])
    np.testing.assert_array_equal(confidence[held], elsewhere(take(evidence, np.flatnonzero(held))))


def test_confidence_stays_between_zero_and_one_and_keeps_order_of_rows() -> None:
    evidence, right, _ = world(500, 4)
    fitted = fit(evidence, right)
    whole = fitted(evidence)
    assert ((whole >= 0) & (whole <= 1)).all()
    backwards = np.arange(500)[::-1]
    np.testing.assert_allclose(fitted(take(evidence, backwards)), whole[::-1], atol=1e-12)


def test_gate_gives_zero_to_what_is_unlike_train() -> None:
    evidence, right, _ = world(1_000, 5)
    fitted = fit(evidence, right)
    gated = fitted(evidence) == 0
    assert (gated == (evidence.outlyingness > fitted.gate)).all()
    assert 0 < gated.sum() <= 10, "half a percent of train lies beyond the gate"
    strange = replace(evidence, outlyingness=np.full(1_000, 99.0))
    assert (fitted(strange) == 0).all()


@pytest.mark.parametrize("right", [True, False])
def test_always_right_or_never_right_gives_a_share_near_it(right: bool) -> None:
    evidence, _, _ = world(300, 6)
    confidence = fit(evidence, np.full(300, right))(evidence)
    inside = confidence[confidence > 0]
    assert len(inside) > 290
    assert (inside > 0.99).all() if right else (inside < 0.01).all()


def test_constant_evidence_is_no_obstacle() -> None:
    """``majority`` knows nothing that tells one row from another."""
    right = np.arange(200) % 4 > 0
    evidence = Evidence(("a", "b"), np.tile([0.75, 0.25], (200, 1)), {}, np.zeros(200))
    confidence = fit(evidence, right)(evidence)
    assert np.isfinite(confidence).all()
    assert confidence == pytest.approx(0.75, abs=0.02)


def test_a_single_label_is_no_obstacle() -> None:
    evidence = Evidence(("a",), np.ones((50, 1)), {}, np.zeros(50))
    assert np.isfinite(fit(evidence, np.arange(50) > 3)(evidence)).all()


def test_saved_and_loaded_is_equal(tmp_path: Path) -> None:
    evidence, right, _ = world(400, 7)
    fitted = fit(evidence, right)
    fitted.save(tmp_path)
    loaded = Confidence.load(tmp_path)
    np.testing.assert_array_equal(loaded(evidence), fitted(evidence))
    assert loaded.names == fitted.names
    assert loaded.gate == fitted.gate


def test_other_features_are_refused() -> None:
    evidence, right, _ = world(100, 8)
    fitted = fit(evidence, right)
    with pytest.raises(ValueError, match="features"):
        fitted(replace(evidence, features={"other": np.zeros(100)}))
    with pytest.raises(ValueError, match="features"):
        fitted(replace(evidence, features={}))


def test_no_rows_no_confidence() -> None:
    evidence, right, _ = world(100, 9)
    assert fit(evidence, right)(take(evidence, np.zeros(0, dtype=np.int64))).shape == (0,)


def test_a_second_opinion_that_is_often_wrong_lowers_confidence() -> None:
    """Where another opinion leads with label 0 the answers are right half the time, with label 1 nearly always."""
    random = np.random.default_rng(10)
    n = 3_000
    opinion = random.integers(0, 2, n)
    right = random.random(n) < np.where(opinion == 0, 0.5, 0.95)
    evidence = Evidence(("a", "b"), np.tile([0.3, 0.7], (n, 1)), {}, np.zeros(n), opinion)
    confidence = fit(evidence, right)(evidence)
    assert confidence[opinion == 0] == pytest.approx(0.5, abs=0.05)
    assert confidence[opinion == 1] == pytest.approx(0.95, abs=0.03)
