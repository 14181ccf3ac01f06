"""The coverage that calibration would certify, with other numbers of rows to learn from and to calibrate on.

Out-of-fold rows and calibrate's stand for the traffic. A model that errs more or less often is taken to be as sure of its
right and its wrong answers as today's: the shares of the two are changed, not the confidences within them. What that
leaves out, a model that has learned from more rows also tells the two apart better, is added as a constant.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from sizewise.evaluate.intervals import upper_share

Floats = NDArray[np.float64]

COVERAGE_GAIN = 0.023  # from twice the train rows on, as a share; by benchmarks/forecast.py
COVERAGE_MISFIT = 0.03  # the spread of what this model misses, as a share; by benchmarks/forecast.py


def errors_allowed(rows: int, limit: float, delta: float) -> int:
    """The most errors among ``rows`` whose exact upper bound stays within ``limit``; −1 where none does.

    >>> errors_allowed(99, 0.03, 0.05), errors_allowed(98, 0.03, 0.05), errors_allowed(200, 0.03, 0.05)
    (0, -1, 1)
    """
    low, high = -1, rows
    while high - low > 1:
        middle = (low + high) // 2
        if upper_share(middle, rows, delta) <= limit:
            low = middle
        else:
            high = middle
    return low


def weights(wrong: NDArray[np.bool_], share: float) -> Floats:
    """(n,) probabilities with which rows are drawn so that ``share`` of them are wrong.

    Where no row is wrong, or none right, they are drawn evenly: nothing is known of the other kind.
    """
    now = float(wrong.mean())
    if now in (0.0, 1.0):
        return np.full(len(wrong), 1 / len(wrong))
    each = np.where(wrong, share / now, (1 - share) / (1 - now))
    return np.asarray(each / each.sum())


def certified_coverages(
    confidence: Floats,
    wrong: NDArray[np.bool_],
    shares: Floats,
    rows: int,
    limit: float,
    delta: float,
    random: np.random.Generator,
) -> Floats:
    """The certified coverage of one draw of ``rows`` calibration rows for each wrong share of ``shares``.

    ``confidence`` and ``wrong`` have shape (n,) and are out-of-fold; the result has the shape of ``shares``.
    """
    allowed = errors_allowed(rows, limit, delta)
    if allowed < 0 or not len(confidence):
        return np.zeros(len(shares))
    order = np.argsort(-confidence, kind="stable")
    last_of_tie = np.append(np.diff(confidence[order]) != 0, True)
    missed, kept = np.flatnonzero(wrong[order]), np.flatnonzero(~wrong[order])
    found = np.zeros(len(shares))
    for i, share in enumerate(shares):
        errors = int(random.binomial(rows, share)) if len(missed) and len(kept) else rows * bool(len(missed))
        wrongs = _drawn(missed, errors, len(order), random)
        rights = _drawn(kept, rows - errors, len(order), random)
        covered = np.cumsum(wrongs + rights)[last_of_tie]
        passing = int(np.searchsorted(np.cumsum(wrongs)[last_of_tie], allowed, side="right"))
        found[i] = covered[passing - 1] / rows if passing else 0.0
    return found


def _drawn(places: NDArray[np.int64], count: int, size: int, random: np.random.Generator) -> NDArray[np.int64]:
    """How often each of ``size`` places is drawn, ``count`` draws with replacement from ``places``."""
    drawn = places[random.integers(0, len(places), count)] if count else places[:0]
    return np.bincount(drawn, minlength=size)


def widened(drawn: Floats, misfit: float, level: float, gain: float = 0.0) -> tuple[float, float, float]:
    """(middle, low, high) of the drawn coverages, with what the model misses added: a spread, and a ``gain``."""
    edge = (1 - level) / 2
    low, middle, high = (float(v) for v in np.quantile(drawn, [edge, 0.5, 1 - edge]))
    if middle > 0:  # where nothing can be certified, nothing is gained
        low, middle, high = (min(v + gain, 1.0) for v in (low, middle, high))
    half = float(ndtri(1 - edge)) * misfit
    return middle, max(0.0, middle - math.hypot(middle - low, half)), min(1.0, middle + math.hypot(high - middle, half))
