"""Confidence: the estimated probability that an answer equals the reference, learned out-of-fold on train."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.model import Evidence
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
PENALTY = 0.1
PRIOR = 10.0
LEAST_IN_A_PAIR = 3
GATE_SHARE = 0.005
CLIPPED = 0.005
BLOCK = 8_192
# What no fit may turn round: the less an input resembles train, the less sure. (Least, greatest) weight.
SIGNS: dict[str, tuple[float | None, float | None]] = {
    "known": (0, None),
    "highest": (0, None),
    "logit": (0, None),
    "outlyingness": (None, 0),
}


@dataclass(frozen=True, slots=True)
class Digest:
    """What confidence reads of n rows of evidence: a few numbers of each row instead of every label's probability.

    ``columns`` (n, features) tells right answers from wrong ones. ``lead`` (n,) is the leading label: the second
    opinion's where there is one, else the answer; ``pair`` (n,) numbers it with the other label in question (the
    answer, or its runner-up) as leading × ``size`` + other.
    """

    names: tuple[str, ...]
    columns: Floats
    lead: Ints
    pair: Ints
    size: int
    outlyingness: Floats

    def __len__(self) -> int:
        return len(self.lead)

    def take(self, rows: Ints) -> Digest:
        """Some of the rows."""
        return Digest(
            self.names, self.columns[rows], self.lead[rows], self.pair[rows], self.size, self.outlyingness[rows]
        )


def digest(evidence: Evidence) -> Digest:
    """Reduce evidence to what confidence is learned from."""
    best, runner, top, second, entropy = _leading(evidence.probabilities)
    top = np.clip(top, 1e-9, 1 - 1e-9)
    columns = {
        "logit": np.log(top / (1 - top)),
        "margin": np.log(top / np.clip(second, 1e-9, 1)),
        "entropy": entropy,
        "outlyingness": evidence.outlyingness,
        **evidence.features,
    }
    size = len(evidence.labels)
    lead, other = (best, runner) if evidence.second_opinion is None else (evidence.second_opinion, best)
    return Digest(
        tuple(columns), np.column_stack(list(columns.values())), lead, lead * size + other, size, evidence.outlyingness
    )


def _leading(probabilities: NDArray[np.floating[Any]]) -> tuple[Ints, Ints, Floats, Floats, Floats]:
    """The first and second label of each row, their probabilities, and the row's entropy; some rows at a time."""
    parts = []
    for start in range(0, max(len(probabilities), 1), BLOCK):
        block = probabilities[start : start + BLOCK].astype(np.float64)
        rows = np.arange(len(block))
        best = block.argmax(axis=1)
        top = block[rows, best]
        entropy = -(block * np.log(np.clip(block, 1e-12, 1))).sum(axis=1)
        block[rows, best] = -1.0
        runner = block.argmax(axis=1)
        second = np.maximum(block[rows, runner], 0.0)  # a single label has no second
        parts.append((best, runner, top, second, entropy))
    best, runner, top, second, entropy = (np.concatenate(column) for column in zip(*parts, strict=True))
    return best, runner, top, second, entropy


@dataclass(frozen=True, slots=True)
class Reliability:
    """How often answers were right, by label: log-odds against the mean, shrunk to it.

    ``labels`` has shape (labels,), for the leading label (the second opinion's where there is one, else the
    answer). ``pairs`` (m,) and ``pair_offsets`` (m,) refine it for the pair of leading label and the other label
    in question (the answer, or its runner-up), numbered leading × labels + other.
    """

    labels: Floats
    pairs: Ints
    pair_offsets: Floats

    def __call__(self, seen: Digest) -> Floats:
        """(n, 2) offsets: of the leading label, and of the pair."""
        pair = seen.pair
        by_label = self.labels[seen.lead]
        place = np.searchsorted(self.pairs, pair).clip(max=max(len(self.pairs) - 1, 0))
        known = self.pairs[place] == pair if len(self.pairs) else np.zeros(len(pair), dtype=bool)
        by_pair = np.where(known, self.pair_offsets[place] if len(self.pairs) else 0.0, by_label)
        return np.column_stack([by_label, by_pair])


def _reliability(seen: Digest, right: NDArray[np.bool_]) -> Reliability:
    size, lead, pair = seen.size, seen.lead, seen.pair
    overall = (right.sum() + 1) / (len(right) + 2)
    hits = np.bincount(lead, weights=right, minlength=size) + PRIOR * overall
    rate = hits / (np.bincount(lead, minlength=size) + PRIOR)
    numbers, place, counts = np.unique(pair, return_inverse=True, return_counts=True)
    pair_hits = np.bincount(place, weights=right) + PRIOR * rate[numbers // size]
    kept = counts >= LEAST_IN_A_PAIR
    base = np.log(overall / (1 - overall))
    return Reliability(
        labels=_logit(rate) - base,
        pairs=numbers[kept],
        pair_offsets=(_logit(pair_hits / (counts + PRIOR)) - base)[kept],
    )


def _logit(rate: Floats) -> Floats:
    return np.asarray(np.log(rate / (1 - rate)))


@dataclass(frozen=True, slots=True)
class Confidence:
    """A fitted confidence, and the out-of-domain gate in front of it.

    Features beyond ``low`` and ``high`` (train's 0.5 % and 99.5 % quantiles) count as if they stood there: nothing is
    inferred from further out than train reaches. Inputs whose outlyingness exceeds ``gate`` get confidence 0.
    """

    names: tuple[str, ...]
    low: Floats
    high: Floats
    mean: Floats
    scale: Floats
    weights: Floats
    bias: float
    reliability: Reliability
    gate: float

    def __call__(self, evidence: Evidence) -> Floats:
        """Confidence of each row's most probable label, shape (n,), in [0, 1]."""
        if not len(evidence):
            return np.zeros(0)
        return self.of(digest(evidence))

    def of(self, seen: Digest) -> Floats:
        """The same, of evidence that is already digested."""
        if seen.names != self.names:
            raise ValueError(f"evidence has features {seen.names}, confidence was fitted on {self.names}")
        whole = np.column_stack([seen.columns, self.reliability(seen)])
        scores = ((np.clip(whole, self.low, self.high) - self.mean) / self.scale) @ self.weights + self.bias
        confidence = 1 / (1 + np.exp(-np.clip(scores, -30, 30)))
        return np.where(seen.outlyingness > self.gate, 0.0, confidence)

    def save(self, folder: Path) -> None:
        """Write names and arrays."""
        save_json(folder / "confidence.json", {"names": self.names, "bias": self.bias, "gate": self.gate})
        save_arrays(
            folder / "confidence.safetensors",
            {
                "low": self.low,
                "high": self.high,
                "mean": self.mean,
                "scale": self.scale,
                "weights": self.weights,
                "labels": self.reliability.labels,
                "pairs": self.reliability.pairs,
                "pair_offsets": self.reliability.pair_offsets,
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Confidence:
        """Read what ``save`` wrote."""
        plain, arrays = load_json(folder / "confidence.json"), load_arrays(folder / "confidence.safetensors")
        reliability = Reliability(arrays["labels"], arrays["pairs"], arrays["pair_offsets"])
        low, high, mean, scale, weights = (arrays[name] for name in ("low", "high", "mean", "scale", "weights"))
        return cls(tuple(plain["names"]), low, high, mean, scale, weights, plain["bias"], reliability, plain["gate"])


def fit(evidence: Evidence, right: NDArray[np.bool_], folds: Ints) -> Confidence:
    """Learn when answers are right. ``evidence`` must be out-of-fold; ``right`` and ``folds`` have shape (n,).

    The reliability that a row is learned with comes from the other folds: no row sees its own outcome.
    """
    return _fit(digest(evidence), right, folds)


def _fit(seen: Digest, right: NDArray[np.bool_], folds: Ints) -> Confidence:
    offsets = np.zeros((len(right), 2))
    for fold in np.unique(folds):
        held = folds == fold
        if not held.all():
            others = np.flatnonzero(~held)
            offsets[held] = _reliability(seen.take(others), right[others])(seen.take(np.flatnonzero(held)))
    whole = np.column_stack([seen.columns, offsets])
    low, high = np.quantile(whole, [CLIPPED, 1 - CLIPPED], axis=0)
    whole = np.clip(whole, low, high)
    mean, scale = whole.mean(axis=0), whole.std(axis=0)
    scale = np.where(scale > 1e-9, scale, 1.0)
    gate = float(np.quantile(seen.outlyingness, 1 - GATE_SHARE)) + 1e-9
    bounds = [*(SIGNS.get(name, (None, None)) for name in seen.names), (None, None), (None, None)]
    weights, bias = _logistic((whole - mean) / scale, right, bounds)
    return Confidence(seen.names, low, high, mean, scale, weights, bias, _reliability(seen, right), gate)


def _logistic(
    columns: Floats, right: NDArray[np.bool_], bounds: Sequence[tuple[float | None, float | None]]
) -> tuple[Floats, float]:
    """Logistic regression with bounded weights: (weights, bias). Only the weights are penalised."""
    share = (right.sum() + 1) / (len(right) + 2)
    if right.all() or not right.any():
        return np.zeros(columns.shape[1]), float(_logit(share))
    from scipy.optimize import minimize

    def loss(parameters: Floats) -> tuple[float, Floats]:
        weights, scores = parameters[:-1], columns @ parameters[:-1] + parameters[-1]
        missed = 1 / (1 + np.exp(-np.clip(scores, -30, 30))) - right
        value = PENALTY * np.logaddexp(0, np.where(right, -scores, scores)).sum() + 0.5 * (weights**2).sum()
        return float(value), np.append(PENALTY * (columns.T @ missed) + weights, PENALTY * missed.sum())

    start = np.append(np.zeros(columns.shape[1]), _logit(share))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[*bounds, (None, None)]).x
    return found[:-1], float(found[-1])


def out_of_fold(evidence: Evidence, right: NDArray[np.bool_], folds: Ints) -> Floats:
    """Confidence of each row by a model that did not learn from its fold, shape (n,)."""
    confidence, seen = np.zeros(len(right)), digest(evidence)
    for fold in range(int(folds.max()) + 1):
        held, rest = np.flatnonzero(folds == fold), np.flatnonzero(folds != fold)
        confidence[held] = _fit(seen.take(rest), right[rest], folds[rest]).of(seen.take(held))
    return confidence


def take(evidence: Evidence, rows: Sequence[int] | Ints) -> Evidence:
    """The evidence of some rows."""
    index = np.asarray(rows, dtype=np.int64)
    return Evidence(
        evidence.labels,
        evidence.probabilities[index],
        {name: column[index] for name, column in evidence.features.items()},
        evidence.outlyingness[index],
        None if evidence.second_opinion is None else evidence.second_opinion[index],
    )
