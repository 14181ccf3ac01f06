"""The audit: what the out-of-fold probabilities say about the labels of train, and how each slice fares."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Train
from sizewise.core.measurement import Measured
from sizewise.core.record import Audit, LabelPair, SliceScore, Suspicion
from sizewise.core.task import ReferenceKind
from sizewise.evaluate.intervals import LEVEL, share, upper_share
from sizewise.stages.contest import Contestant

MOST_SUSPICIONS = 200
MOST_PAIRS = 30
MOST_SLICES = 50
LEAST_ROWS, LONGEST_NAME = 3, 80
RESAMPLES = 1_000
LEAST_RIGHT = 0.6  # a rung that is right more seldom, out of fold, has no say in whether a label is

Floats = NDArray[np.floating[Any]]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Doubts:
    """The rows of train whose label is probably wrong, the most doubtful first.

    ``rows`` and ``suggested`` have shape (suspected,): positions in train and in its labels. ``scores`` has the
    same shape and is the lower, the stronger the doubt.
    """

    rows: Ints
    suggested: Ints
    scores: Floats


def best_rung(contestants: Sequence[Contestant]) -> Contestant:
    """The one that is most often right out of fold, of those that were judged on every row; of two the smaller."""
    return max((c for c in contestants if c.rows is None), key=lambda c: c.right.mean())


def doubt(train: Train, probabilities: Floats) -> Doubts:
    """The suspected rows of ``train`` by out-of-fold probabilities of shape (rows, labels).

    None where those are right on fewer than 60 % of the rows: they would doubt most labels, and be wrong themselves.
    """
    given = _positions(train)
    if (probabilities.argmax(axis=1) == given).mean() < LEAST_RIGHT:
        return Doubts(np.zeros(0, dtype=np.int64), np.zeros(0, dtype=np.int64), np.zeros(0))
    found = suspects(given, probabilities)
    scores, suggested = doubts(given, probabilities)
    worst = found[np.argsort(scores[found], kind="stable")]
    return Doubts(worst, suggested[worst], scores[worst])


def audit(
    rung: str, probabilities: Floats, train: Train, slice_of: Mapping[str, str], reference: ReferenceKind, seed: int
) -> Audit:
    """What ``rung`` makes of the labels of ``train``. ``slice_of`` maps the ids of rows to their slices."""
    given = _positions(train)
    found = doubt(train, probabilities)
    pairs = Counter(zip(given[found.rows].tolist(), found.suggested.tolist(), strict=True))
    right = probabilities.argmax(axis=1) == given
    labels = train.labels
    return Audit(
        rung=rung,
        reference=reference,
        rows=len(train),
        suspected=len(found.rows),
        wrong=wrong_share(given, probabilities, seed) if right.mean() >= LEAST_RIGHT else None,
        worst=tuple(
            Suspicion(train.ids[row], labels[given[row]], labels[other], float(score), float(probabilities[row, other]))
            for row, other, score in zip(
                found.rows[:MOST_SUSPICIONS],
                found.suggested[:MOST_SUSPICIONS],
                found.scores[:MOST_SUSPICIONS],
                strict=True,
            )
        ),
        confused=tuple(LabelPair(labels[a], labels[b], n) for (a, b), n in pairs.most_common(MOST_PAIRS)),
        overall=share(int(right.sum()), len(train)),
        slices=_slices(right, train, slice_of),
        judged=bool(right.mean() >= LEAST_RIGHT),
    )


def _positions(train: Train) -> Ints:
    position = {label: i for i, label in enumerate(train.labels)}
    return np.array([position[target] for target in train.targets], dtype=np.int64)


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
    if value == 0:  # what no row shows, no resampling can: the exact bound of none among those counted
        high = upper_share(0, counted, (1 - LEVEL) / 2)
    return Measured(value, min(float(low), value), max(float(high), value), len(given))


def _off_diagonal(labels: Ints, predicted: Ints, counts: NDArray[np.float64], rows: Ints) -> float:
    """The share of rows off the diagonal, each label weighed by its own ``rows``."""
    total = np.bincount(labels, counts, len(rows))
    wrong = np.bincount(labels, counts * (labels != predicted), len(rows))
    return float((rows * np.divide(wrong, total, out=np.zeros_like(total), where=total > 0)).sum() / rows.sum())


def _slices(right: NDArray[np.bool_], train: Train, slice_of: Mapping[str, str]) -> tuple[SliceScore, ...]:
    """The largest slices of at least three rows, the smallest score first."""
    rows: defaultdict[str, list[bool]] = defaultdict(list)
    for row, identifier in enumerate(train.ids):
        if (name := slice_of.get(identifier)) is not None:
            rows[name].append(bool(right[row]))
    named = {name[:LONGEST_NAME]: hits for name, hits in rows.items() if len(hits) >= LEAST_ROWS}
    largest = sorted(named.items(), key=lambda item: (-len(item[1]), item[0]))[:MOST_SLICES]
    scored = [SliceScore(name, len(hits), share(sum(hits), len(hits))) for name, hits in largest]
    return tuple(sorted(scored, key=lambda s: (s.score.value if s.score else 1.0, -s.rows, s.name)))
