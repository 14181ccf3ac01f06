"""The audit: what the out-of-fold probabilities say about the labels of train, and how each slice fares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Example, Train
from sizewise.core.measurement import Measured
from sizewise.core.record import Audit, LabelPair, SliceScore, Suspicion
from sizewise.core.task import ReferenceKind
from sizewise.evaluate.intervals import LEVEL, share
from sizewise.stages.contest import Contestant

MOST_SUSPICIONS = 200
MOST_PAIRS = 30
MOST_SLICES = 50
RESAMPLES = 1_000

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


def audit(
    contestants: Sequence[Contestant], train: Train, examples: Sequence[Example], reference: ReferenceKind, seed: int
) -> Audit:
    """Suspected label errors of ``train`` by the rung that is most often right out of fold.

    ``examples`` are the checked rows, which know their slices.
    """
    best = max(contestants, key=lambda c: c.right.mean())
    position = {label: i for i, label in enumerate(train.labels)}
    given = np.array([position[target] for target in train.targets], dtype=np.int64)
    probabilities = best.evidence.probabilities
    suspected = suspects(given, probabilities)
    scores, suggested = doubts(given, probabilities)
    worst = suspected[np.argsort(scores[suspected], kind="stable")]
    pairs = Counter((int(given[row]), int(suggested[row])) for row in worst)
    labels = train.labels
    return Audit(
        rung=best.name,
        reference=reference,
        rows=len(train),
        suspected=len(suspected),
        wrong=wrong_share(given, probabilities, seed),
        worst=tuple(
            Suspicion(
                id=train.ids[row],
                given=labels[given[row]],
                suggested=labels[suggested[row]],
                score=float(scores[row]),
                probability=float(probabilities[row, suggested[row]]),
            )
            for row in worst[:MOST_SUSPICIONS]
        ),
        confused=tuple(LabelPair(labels[a], labels[b], n) for (a, b), n in pairs.most_common(MOST_PAIRS)),
        overall=share(int(best.right.sum()), len(train)),
        slices=_slices(best.right, train, {e.id: e.slice for e in examples if e.slice is not None}),
    )


def suspects(given: Ints, probabilities: Floats) -> Ints:
    """The rows whose label is probably wrong, by confident learning (Northcutt et al. 2021), pruned by noise rate.

    ``given`` has shape (n,), ``probabilities`` (n, labels), out of fold. Every label needs a row.
    """
    from cleanlab.filter import find_label_issues

    found = find_label_issues(given, probabilities, filter_by="prune_by_noise_rate", n_jobs=1)
    return np.flatnonzero(np.asarray(found))


def doubts(given: Ints, probabilities: Floats) -> tuple[Floats, Ints]:
    """Each row's score, low where its label is doubtful, and the label that is most probable instead; shape (n,).

    The score weighs the given label against the best other one. On flips to labels that are easily confused
    it finds more than the given label's probability alone, on flips to any label nearly as many
    (``benchmarks/label_errors.py``).
    """
    rows = np.arange(len(given))
    own = probabilities[rows, given]
    others = probabilities.copy()
    others[rows, given] = -1.0
    suggested = others.argmax(axis=1)
    other = np.maximum(others[rows, suggested], 0.0)
    total = own + other
    return np.divide(own, total, out=np.ones_like(own), where=total > 0), suggested


def wrong_share(given: Ints, probabilities: Floats, seed: int) -> Measured | None:
    """The share of wrong labels by the calibrated confident joint, with a bootstrap interval over its rows."""
    from cleanlab.count import compute_confident_joint

    rows = np.bincount(given, minlength=probabilities.shape[1])
    joint = np.asarray(compute_confident_joint(given, probabilities, calibrate=False), dtype=np.float64)
    counted = int(joint.sum())
    if not counted:
        return None
    labels, predicted = np.nonzero(joint)
    cells = joint[labels, predicted]
    drawn = np.random.default_rng(seed).multinomial(counted, cells / counted, RESAMPLES)
    shares = np.array([_off_diagonal(labels, predicted, counts, rows) for counts in (cells, *drawn)])
    low, high = np.quantile(shares[1:], [(1 - LEVEL) / 2, 1 - (1 - LEVEL) / 2])
    value = float(shares[0])
    return Measured(value, min(float(low), value), max(float(high), value), len(given))


def _off_diagonal(labels: Ints, predicted: Ints, counts: NDArray[np.float64], rows: Ints) -> float:
    """The share of rows off the diagonal, each label weighed by its own ``rows``."""
    total = np.bincount(labels, counts, len(rows))
    wrong = np.bincount(labels, counts * (labels != predicted), len(rows))
    return float((rows * np.divide(wrong, total, out=np.zeros_like(total), where=total > 0)).sum() / rows.sum())


def _slices(right: NDArray[np.bool_], train: Train, slice_of: Mapping[str, str]) -> tuple[SliceScore, ...]:
    """The largest slices, the smallest score first."""
    rows: defaultdict[str, list[bool]] = defaultdict(list)
    for row, identifier in enumerate(train.ids):
        if (name := slice_of.get(identifier)) is not None:
            rows[name].append(bool(right[row]))
    largest = sorted(rows.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_SLICES]
    scored = [SliceScore(name, len(hits), share(sum(hits), len(hits))) for name, hits in largest]
    return tuple(sorted(scored, key=lambda s: (s.score.value if s.score else 1.0, -s.rows, s.name)))
