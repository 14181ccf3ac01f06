"""Confidence: the estimated probability that an answer equals the reference, learned out-of-fold on train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizewise.core.model import Evidence
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Floats = NDArray[np.float64]
FOLDS = 5
PENALTY = 1.0
LABEL_PRIOR = 10.0
GATE_SHARE = 0.005


def features(evidence: Evidence) -> tuple[tuple[str, ...], Floats]:
    """Names and an (n, features) array of what tells right answers from wrong ones."""
    ordered = np.sort(evidence.probabilities, axis=1)[:, ::-1]
    top = np.clip(ordered[:, 0], 1e-9, 1 - 1e-9)
    second = np.clip(ordered[:, 1], 1e-9, 1) if ordered.shape[1] > 1 else np.full_like(top, 1e-9)
    entropy = -(evidence.probabilities * np.log(np.clip(evidence.probabilities, 1e-12, 1))).sum(axis=1)
    columns = {
        "logit": np.log(top / (1 - top)),
        "margin": np.log(top / second),
        "entropy": entropy,
        "outlyingness": evidence.outlyingness,
        **evidence.features,
    }
    return tuple(columns), np.column_stack(list(columns.values()))


@dataclass(frozen=True, slots=True)
class Confidence:
    """A fitted confidence, and the out-of-domain gate in front of it.

    Inputs whose outlyingness exceeds ``gate`` get confidence 0, whatever the rest says.
    """

    names: tuple[str, ...]
    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    label_offsets: Floats
    gate: float

    def __call__(self, evidence: Evidence) -> Floats:
        """Confidence of each row's most probable label, shape (n,), in [0, 1]."""
        if not len(evidence):
            return np.zeros(0)
        names, columns = features(evidence)
        if names != self.names:
            raise ValueError(f"evidence has features {names}, confidence was fitted on {self.names}")
        best = evidence.probabilities.argmax(axis=1)
        scores = ((columns - self.mean) / self.scale) @ self.weights + self.bias + self.label_offsets[best]
        confidence = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        return np.where(evidence.outlyingness > self.gate, 0.0, confidence)

    def save(self, folder: Path) -> None:
        """Write names and arrays."""
        save_json(folder / "confidence.json", {"names": self.names, "bias": self.bias, "gate": self.gate})
        arrays = {"mean": self.mean, "scale": self.scale, "weights": self.weights, "label_offsets": self.label_offsets}
        save_arrays(folder / "confidence.safetensors", arrays)

    @classmethod
    def load(cls, folder: Path) -> Confidence:
        """Read what ``save`` wrote."""
        plain, arrays = load_json(folder / "confidence.json"), load_arrays(folder / "confidence.safetensors")
        return cls(tuple(plain["names"]), bias=plain["bias"], gate=plain["gate"], **arrays)


def fit(evidence: Evidence, right: NDArray[np.bool_]) -> Confidence:
    """Learn when answers are right. ``evidence`` must be out-of-fold; ``right`` has shape (n,)."""
    names, columns = features(evidence)
    mean, scale = columns.mean(axis=0), columns.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    gate = float(np.quantile(evidence.outlyingness, 1 - GATE_SHARE)) + 1e-9
    best = evidence.probabilities.argmax(axis=1)
    offsets = _label_offsets(best, right, len(evidence.labels))
    if right.all() or not right.any():
        share = (right.sum() + 1) / (len(right) + 2)
        return Confidence(
            names, mean, scale, np.zeros(len(names)), float(np.log(share / (1 - share))), 0 * offsets, gate
        )
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=PENALTY, max_iter=1_000)
    model.fit(np.column_stack([(columns - mean) / scale, offsets[best]]), right)
    weights = np.asarray(model.coef_[0], dtype=float)
    return Confidence(names, mean, scale, weights[:-1], float(model.intercept_[0]), offsets * weights[-1], gate)


def _label_offsets(best: NDArray[np.int64], right: NDArray[np.bool_], size: int) -> Floats:
    """Each label's log-odds of being right when it is said, shrunk to the mean, relative to it; shape (labels,)."""
    overall = (right.sum() + 1) / (len(right) + 2)
    hits = np.bincount(best, weights=right, minlength=size) + LABEL_PRIOR * overall
    rate = hits / (np.bincount(best, minlength=size) + LABEL_PRIOR)
    return np.asarray(np.log(rate / (1 - rate)) - np.log(overall / (1 - overall)))


def out_of_fold(evidence: Evidence, right: NDArray[np.bool_], folds: NDArray[np.int64]) -> Floats:
    """Confidence of each row by a model that did not learn from its fold, shape (n,)."""
    confidence = np.zeros(len(right))
    for fold in range(int(folds.max()) + 1):
        held = folds == fold
        confidence[held] = fit(take(evidence, np.flatnonzero(~held)), right[~held])(
            take(evidence, np.flatnonzero(held))
        )
    return confidence


def take(evidence: Evidence, rows: Sequence[int] | NDArray[np.int64]) -> Evidence:
    """The evidence of some rows."""
    index = np.asarray(rows)
    return Evidence(
        evidence.labels,
        evidence.probabilities[index],
        {name: column[index] for name, column in evidence.features.items()},
        evidence.outlyingness[index],
    )
