"""Linear heads on dense or sparse features: served with numpy alone, fitted with scipy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Train

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Ints = NDArray[np.int64]
LEAST_OTHERS = 500
BLOCK = 8_192
MOST_NUMBERS = 20_000_000  # of one table: beyond, single precision and samples of rows, for memory's sake


@dataclass(frozen=True, slots=True)
class Head:
    """``weights`` has shape (features, labels), ``bias`` (labels,)."""

    weights: Singles
    bias: Singles

    def __call__(self, features: Any) -> Singles:
        """Scores of shape (n, labels), centred in each row, for (n, features) dense or sparse features."""
        if isinstance(features, np.ndarray) and len(features) == 1:
            return centred((dots(self.weights.T, features[0]) + self.bias)[None, :])
        return centred(np.asarray(features @ self.weights) + self.bias)

    def turned(self) -> Head:
        """The same head, its weights lying label by label: one dense row is then read several times as fast."""
        return Head(np.asfortranarray(self.weights), self.bias)


@dataclass(frozen=True, slots=True)
class Mixture:
    """Heads by the name of what each reads, and the share of each head's scores in their sum.

    ``shares`` may name more heads than ``heads`` holds: a rung above builds on the scores of the rung below.
    """

    heads: Mapping[str, Head]
    shares: Mapping[str, float]

    def scores(self, views: Mapping[str, Any]) -> dict[str, Singles]:
        """Each own head's (n, labels) scores of its view, dense or sparse, of shape (n, features)."""
        return {name: head(views[name]) for name, head in self.heads.items()}

    def joined(self, scores: Mapping[str, Singles]) -> Singles:
        """The heads' scores in their shares, shape (n, labels): logits, already at the right temperature."""
        total = np.zeros(next(scores[name] for name in self.shares).shape, dtype=np.float32)
        for name, share in self.shares.items():
            for rows in blocks(len(total)):  # by blocks: with a thousand labels one table is hundreds of megabytes
                total[rows] += np.float32(share) * scores[name][rows]
        return total

    def turned(self, names: Sequence[str]) -> Mixture:
        """The same mixture, its heads of those ``names`` turned to read dense rows."""
        heads = {name: head.turned() if name in names else head for name, head in self.heads.items()}
        return Mixture(heads, self.shares)

    def arrays(self, prefix: str) -> dict[str, NDArray[Any]]:
        """What is saved, each name with its prefix."""
        arrays: dict[str, NDArray[Any]] = {}
        for name, head in self.heads.items():
            arrays |= {f"{prefix}.{name}.weights": head.weights, f"{prefix}.{name}.bias": head.bias}
        return arrays | {f"{prefix}.{name}.share": np.array([share]) for name, share in self.shares.items()}

    @classmethod
    def from_arrays(cls, prefix: str, arrays: Mapping[str, NDArray[Any]], names: Sequence[str]) -> Mixture | None:
        """What ``arrays`` gave, its heads in the order of ``names``; ``None`` where nothing of that prefix was saved."""
        heads = {
            name: Head(arrays[f"{prefix}.{name}.weights"], arrays[f"{prefix}.{name}.bias"])
            for name in names
            if f"{prefix}.{name}.weights" in arrays
        }
        shares = {n: float(arrays[f"{prefix}.{n}.share"][0]) for n in names if f"{prefix}.{n}.share" in arrays}
        return cls(heads, shares) if shares else None


def dots(rows: Singles, vector: Singles) -> Singles:
    """The product of each row, shape (n, size), with one vector, shape (n,).

    One row at a time: for a whole table BLAS would wake its threads, beside the encoder's own, and on a busy machine
    wait milliseconds for them.
    """
    if rows.flags.c_contiguous:
        return np.asarray(np.vecdot(rows, vector))
    return np.asarray(np.einsum("ij,j->i", rows, vector))


def centred(scores: Singles) -> Singles:
    """Scores less their row mean: softmax does not see the difference, averaging heads does."""
    if len(scores) == 1:
        return scores - scores.dtype.type(scores.sum() / max(scores.size, 1))
    return np.asarray(scores - scores.mean(axis=1, keepdims=True), dtype=np.float32)


def softmax(scores: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Row-wise softmax, shape kept; in double precision unless the table is very large."""
    precision = np.float64 if scores.size <= MOST_NUMBERS else np.float32
    probabilities = np.empty(scores.shape, dtype=precision)
    for rows in blocks(len(scores)):
        probabilities[rows] = _softmax(scores[rows])
    return probabilities


def _softmax(scores: NDArray[Any]) -> Floats:
    raised = np.exp(scores.astype(np.float64) - scores.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))


def probability_of(scores: NDArray[Any], labels: Ints) -> Floats:
    """The probability, shape (n,), that (n, size) scores give to one label each."""
    found = [_softmax(scores[rows])[np.arange(len(labels[rows])), labels[rows]] for rows in blocks(len(scores))]
    return np.concatenate(found) if found else np.zeros(0)


def log_sum_exp(scores: NDArray[Any]) -> Floats:
    """Row-wise log of the sum of exponentials, shape (n,)."""
    highest = scores.max(axis=1).astype(np.float64)
    sums = [np.exp(scores[rows] - highest[rows, None]).sum(axis=1) for rows in blocks(len(scores))]
    return np.asarray(highest + np.log(np.concatenate(sums) if sums else np.zeros(0)))


def blocks(rows: int, size: int = BLOCK) -> Iterator[slice]:
    """Slices that cover ``rows``, some thousands each."""
    return (slice(start, start + size) for start in range(0, rows, size))


def enough(rows: Ints, labels: int) -> Ints:
    """All of ``rows``, or evenly spaced ones where their scores for ``labels`` would fill too much memory."""
    return rows[:: max(1, -(-len(rows) * labels // MOST_NUMBERS))]


def one_hot(targets: Ints, size: int) -> Singles:
    """Targets as (n, size) zeros and ones."""
    table = np.zeros((len(targets), size), dtype=np.float32)
    table[np.arange(len(targets)), targets] = 1.0
    return table


def fit_logistic(features: Singles, targets: Singles, penalty: float = 1.0, iterations: int = 40) -> Head:
    """Multinomial logistic regression by L-BFGS; ``targets`` are (n, labels) probabilities."""
    from scipy.optimize import minimize

    size, labels = features.shape[1], targets.shape[1]

    def loss(flat: Floats) -> tuple[float, Floats]:
        table = flat.astype(np.float32).reshape(size + 1, labels)
        scores = features @ table[:-1] + table[-1]
        scores -= scores.max(axis=1, keepdims=True)
        fitting = float((targets * scores).sum())
        np.exp(scores, out=scores)
        sums = scores.sum(axis=1, keepdims=True)
        value = float(np.log(sums).sum()) - fitting + 0.5 * penalty * float((table**2).sum())
        scores /= sums
        scores -= targets
        gradient = penalty * table
        gradient[:-1] += features.T @ scores
        gradient[-1] += scores.sum(axis=0)
        return value, gradient.ravel().astype(np.float64)

    start = np.zeros((size + 1) * labels)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": iterations, "maxcor": 8})
    table = found.x.reshape(size + 1, labels).astype(np.float32)
    return Head(table[:-1], table[-1])


@dataclass(frozen=True, slots=True)
class Target:
    """What heads are taught: ``numbers`` (n,) label positions, ``taught`` (n,) where one is known, ``size`` labels."""

    numbers: Ints
    taught: NDArray[np.bool_]
    size: int


def targets_of(examples: Train) -> tuple[Target, Target | None]:
    """The target of every row, and where enough rows carry another reference, that one for a second opinion."""
    position: dict[str | None, int] = {label: i for i, label in enumerate(examples.labels)}
    size = len(examples.labels)
    first = Target(np.array([position[t] for t in examples.targets]), np.ones(len(examples), dtype=bool), size)
    numbers = np.array([position.get(other, -1) for other in examples.others], dtype=np.int64)
    taught = numbers >= 0
    if taught.sum() < max(LEAST_OTHERS, len(examples) / 2):
        return first, None
    return first, Target(np.maximum(numbers, 0), taught, size)


def fit_temperature(scores: Singles, targets: Ints) -> float:
    """The factor on out-of-fold ``scores`` at which the log-likelihood of ``targets`` is greatest."""
    from scipy.optimize import minimize_scalar

    def loss(log_factor: float) -> float:
        probabilities = softmax(scores * np.exp(log_factor))[np.arange(len(targets)), targets]
        return -float(np.log(np.maximum(probabilities, 1e-12)).mean())

    return float(np.exp(minimize_scalar(loss, bounds=(-2.5, 2.5), method="bounded").x))


def fit_shares(scores: Mapping[str, Singles], target: Target) -> dict[str, float]:
    """The non-negative weight of each head at which the out-of-fold log-likelihood of their sum is greatest."""
    from scipy.optimize import minimize

    chosen = enough(np.flatnonzero(target.taught), len(scores) * target.size)
    stacked = np.stack([head[chosen] for head in scores.values()]).astype(np.float32)
    targets, rows = target.numbers[chosen], np.arange(len(chosen))

    def loss(shares: Floats) -> tuple[float, Floats]:
        joint = np.tensordot(shares.astype(np.float32), stacked, axes=1)
        probabilities = softmax(joint)
        value = -np.log(np.maximum(probabilities[rows, targets], 1e-12)).mean()
        probabilities[rows, targets] -= 1
        return float(value), np.array([(probabilities * head).sum() / len(rows) for head in stacked])

    start = np.full(len(scores), 1 / len(scores))
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0, 5)] * len(scores))
    return dict(zip(scores, found.x.tolist(), strict=True))


def log_odds(probabilities: NDArray[Any]) -> Floats:
    """Log-odds, clipped to what six decimals can tell."""
    clipped = np.clip(probabilities, 1e-6, 1 - 1e-6).astype(np.float64)
    return np.asarray(np.log(clipped) - np.log1p(-clipped))
