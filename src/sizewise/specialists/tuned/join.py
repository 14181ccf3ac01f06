"""The SLM's probabilities joined with a lower rung's: a weighted product, its weights learned where neither was taught."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
LEAST = 1e-7  # what a probability counts at the least
PENALTY = 1e-3
#: nats a row that a lower rung must save to be carried along
GAIN = 0.005


@dataclass(frozen=True, slots=True)
class Join:
    """``own`` and ``lower`` are the powers to which the two are raised; ``lower`` 0 leaves the lower rung out."""

    own: float = 1.0
    lower: float = 0.0

    def __call__(self, own: Floats, lower: Floats | None) -> Floats:
        """(n, labels) joined scores: logarithms, not normalised."""
        scores = self.own * logarithms(own)
        return scores if lower is None else np.asarray(scores + self.lower * logarithms(lower))


def logarithms(probabilities: Floats) -> Floats:
    """Of probabilities, none below ``LEAST``."""
    return np.log(np.maximum(probabilities, LEAST))


def normalised(scores: Floats) -> Floats:
    """Probabilities from scores; rows sum to one."""
    raised = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def loss(scores: Floats, targets: NDArray[np.int64]) -> float:
    """Mean nats a row."""
    return float(-np.log(np.maximum(normalised(scores)[np.arange(len(targets)), targets], 1e-12)).mean())


def fit_join(own: Floats, lower: Floats | None, targets: NDArray[np.int64]) -> Join:
    """The weights with the least loss on rows that neither has learned from; they are two, so the rows can be few."""
    from scipy.optimize import minimize

    def cost(weights: Floats) -> float:
        join = Join(float(weights[0]), float(weights[1]) if lower is not None else 0.0)
        return loss(join(own, lower), targets) + PENALTY * float(((weights - 0.7) ** 2).sum())

    start = np.array([0.7, 0.7])
    found = minimize(cost, start, method="Nelder-Mead", options={"maxiter": 200, "xatol": 1e-3, "fatol": 1e-5}).x
    return Join(max(0.05, float(found[0])), max(0.0, float(found[1])) if lower is not None else 0.0)
