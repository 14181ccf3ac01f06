"""Choose the smallest rung that is as good as the best, on train alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.core.measurement import Measured, OutOfFold
from sizewise.core.task import Bar, ReferenceKind
from sizewise.specialists.heads import MOST_NUMBERS, blocks
from sizewise.stages.contest import Contestant

MARGIN = 0.01
RESAMPLES = 500


@dataclass(frozen=True, slots=True)
class Choice:
    """The chosen rung, and what every rung scored."""

    chosen: Contestant
    scores: dict[str, OutOfFold]


def choose(contestants: Sequence[Contestant], reference: ReferenceKind, bar: Bar, seed: int) -> Choice:
    """The smallest rung whose paired one-sided 95 % lower bound against the best exceeds −1 point.

    The metric is accuracy under gold, else coverage at the target, both out-of-fold on train. Rungs that
    break the bar's latency or memory are passed over while another one keeps it.
    """
    metric: Literal["coverage", "accuracy"] = "accuracy" if reference == "gold" else "coverage"
    fitting = [c for c in contestants if _keeps(c, bar)] or list(contestants)
    rows = len(contestants[0].right)
    resamples = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), RESAMPLES).astype(np.float32)
    points = {c.name: float(_score(c, metric, bar, np.ones((1, rows)))[0]) for c in contestants}
    drawn = {c.name: _score(c, metric, bar, resamples) for c in contestants}
    best = max(fitting, key=lambda c: points[c.name])
    scores = {}
    for contestant in contestants:
        name = contestant.name
        low, high = np.quantile(drawn[name], [0.025, 0.975])
        difference = drawn[name] - drawn[best.name]
        scores[name] = OutOfFold(
            metric=metric,
            score=Measured(points[name], min(float(low), points[name]), max(float(high), points[name]), rows),
            difference=points[name] - points[best.name],
            difference_low=float(np.quantile(difference, 0.05)),
        )
    chosen = next(c for c in fitting if c is best or scores[c.name].difference_low > -MARGIN)
    return Choice(chosen, scores)


def _keeps(contestant: Contestant, bar: Bar) -> bool:
    p95 = contestant.profile.latency.p95
    slow = bar.latency_p95_ms is not None and (p95.high or p95.value) > bar.latency_p95_ms
    large = bar.memory_mb is not None and contestant.profile.peak_memory_mb.value > bar.memory_mb
    return not slow and not large


def _score(
    contestant: Contestant, metric: Literal["coverage", "accuracy"], bar: Bar, counts: NDArray[np.floating[Any]]
) -> NDArray[np.float64]:
    """(resamples,) the metric under (resamples, rows) row counts; equal confidences are answered together."""
    if metric == "accuracy":
        return np.asarray(counts @ contestant.right / counts.sum(axis=1), dtype=np.float64)
    parts = [counts[rows] for rows in blocks(len(counts), max(1, MOST_NUMBERS // counts.shape[1]))]
    return np.concatenate([_coverage(contestant, bar, part) for part in parts])


def _coverage(contestant: Contestant, bar: Bar, counts: NDArray[np.floating[Any]]) -> NDArray[np.float64]:
    order = np.argsort(-contestant.confidence_out_of_fold, kind="stable")
    last_of_tie = np.append(np.diff(contestant.confidence_out_of_fold[order]) != 0, True)
    total = counts.sum(axis=1, keepdims=True)
    covered = (np.cumsum(counts[:, order], axis=1) / total)[:, last_of_tie]
    risk = (np.cumsum(counts[:, order] * ~contestant.right[order], axis=1) / total)[:, last_of_tie]
    within = (risk <= 1 - bar.effective_target).sum(axis=1)
    return np.where(within > 0, covered[np.arange(len(covered)), np.maximum(within - 1, 0)], 0.0).astype(np.float64)
