"""Choose the smallest rung that is as good as the best, on train alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
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
    break the bar's latency or memory are passed over while another one keeps it. A rung that was judged on a sample
    must show that it is better than each smaller one, on the rows that both saw: else a lucky sample would choose the
    most expensive rung. Its score stands against the one that it is least shown to beat.
    """
    metric: Literal["coverage", "accuracy"] = "accuracy" if reference == "gold" else "coverage"
    whole = [c for c in contestants if c.rows is None]
    fitting = [c for c in whole if _keeps(c, bar)]
    drawn = {c.name: _drawn(c, metric, bar, seed) for c in whole}
    points = {c.name: float(_score(c, metric, bar, np.ones((1, len(c.right))))[0]) for c in contestants}
    best = max(fitting or whole, key=lambda c: points[c.name])
    scores = {c.name: _out_of_fold(c, best, metric, points, drawn) for c in whole}
    chosen = next(c for c in fitting or whole if c is best or scores[c.name].difference_low > -MARGIN)
    taken = list(fitting or whole)
    for contestant in contestants:
        if contestant.rows is None:
            continue
        found = scores[contestant.name] = _on_sample(contestant, taken, metric, bar, seed)
        if _keeps(contestant, bar) or not fitting:
            taken.append(contestant)
            chosen = contestant if found.difference_low > 0 else chosen
    return Choice(chosen, {c.name: scores[c.name] for c in contestants})


def _on_sample(
    contestant: Contestant, smaller: Sequence[Contestant], metric: Literal["coverage", "accuracy"], bar: Bar, seed: int
) -> OutOfFold:
    """What a rung scored on its sample, against that of the smaller ones which it is least shown to beat there."""
    assert contestant.rows is not None
    own = _drawn(contestant, metric, bar, seed)
    point = float(_score(contestant, metric, bar, np.ones((1, len(contestant.right))))[0])
    found = []
    for other in smaller:
        there = at_rows(other, contestant.rows)
        if len(there.right) != len(contestant.right):
            continue  # two samples that differ tell nothing of each other
        points = {
            contestant.name: point,
            other.name: float(_score(there, metric, bar, np.ones((1, len(there.right))))[0]),
        }
        drawn = {contestant.name: own, other.name: _drawn(there, metric, bar, seed)}
        found.append(_out_of_fold(contestant, there, metric, points, drawn))
    return min(found, key=lambda one: (one.difference_low, one.difference))


def at_rows(contestant: Contestant, rows: NDArray[np.int64]) -> Contestant:
    """The contestant as if it had been judged on some of the train rows alone."""
    if contestant.rows is not None:
        rows = np.searchsorted(contestant.rows, np.intersect1d(contestant.rows, rows))
    return replace(
        contestant, right=contestant.right[rows], confidence_out_of_fold=contestant.confidence_out_of_fold[rows]
    )


def _drawn(contestant: Contestant, metric: Literal["coverage", "accuracy"], bar: Bar, seed: int) -> NDArray[np.float64]:
    """(resamples,) the metric under resampled rows; the same draws for every contestant of the same rows."""
    rows = len(contestant.right)
    resamples = np.random.default_rng(seed).multinomial(rows, np.full(rows, 1 / rows), RESAMPLES).astype(np.float32)
    return _score(contestant, metric, bar, resamples)


def _out_of_fold(
    contestant: Contestant,
    best: Contestant,
    metric: Literal["coverage", "accuracy"],
    points: Mapping[str, float],
    drawn: Mapping[str, NDArray[np.float64]],
) -> OutOfFold:
    own, name = drawn[contestant.name], contestant.name
    low, high = np.quantile(own, [0.025, 0.975])
    return OutOfFold(
        metric=metric,
        score=Measured(
            points[name], min(float(low), points[name]), max(float(high), points[name]), len(contestant.right)
        ),
        difference=points[name] - points[best.name],
        difference_low=float(np.quantile(own - drawn[best.name], 0.05)),
    )


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
