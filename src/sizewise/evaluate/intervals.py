"""95 % intervals. Shares: Clopper–Pearson (1934), exact. Quantiles: order statistics. Means: bootstrap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr, betaincinv

from sizewise.core.measurement import Measured

Floats = NDArray[np.float64]
LEVEL = 0.95
RESAMPLES = 1_000


def lower_share(hits: int, n: int, delta: float) -> float:
    """The exact one-sided lower bound of a share, at probability ``1 - delta``.

    >>> lower_share(0, 100, 0.05)
    0.0
    """
    return 0.0 if hits <= 0 else float(betaincinv(hits, n - hits + 1, delta))


def upper_share(hits: int, n: int, delta: float) -> float:
    """The exact one-sided upper bound of a share, at probability ``1 - delta``.

    >>> round(upper_share(0, 99, 0.05), 4)
    0.0298
    """
    return 1.0 if hits >= n else float(betaincinv(hits + 1, n - hits, 1 - delta))


def share(hits: int, n: int) -> Measured | None:
    """A share with its exact two-sided interval; ``None`` where there is nothing to count.

    >>> share(1, 1)
    Measured(value=1.0, low=None, high=None, n=1)
    """
    if n == 0:
        return None
    half = (1 - LEVEL) / 2
    if n == 1:
        return Measured(float(hits), None, None, 1)
    return Measured(hits / n, lower_share(hits, n, half), upper_share(hits, n, half), n)


def quantile(values: Floats, q: float) -> Measured | None:
    """The ``q`` quantile with an order-statistic interval (no assumption about the distribution).

    Where there are too few values for the level, the interval ends at the smallest or the largest one.
    """
    n = len(values)
    if n == 0:
        return None
    ordered = np.sort(np.asarray(values, dtype=float))
    value = float(np.quantile(ordered, q))
    if n == 1:
        return Measured(value, None, None, 1)
    below = bdtr(np.arange(n), n, q)  # the probability that ordered[i] exceeds the true quantile
    low = max(int(np.searchsorted(below, (1 - LEVEL) / 2)) - 1, 0)
    high = min(int(np.searchsorted(below, 1 - (1 - LEVEL) / 2)), n - 1)
    return Measured(value, float(ordered[low]), float(ordered[high]), n)


def mean(values: Floats, seed: int = 0) -> Measured | None:
    """The mean with a percentile-bootstrap interval."""
    return resampled(np.asarray(values, dtype=float), lambda sample: float(sample.mean()), seed)


def resampled(rows: Floats, figure: Callable[[Floats], float], seed: int = 0) -> Measured | None:
    """``figure`` of ``rows`` with its percentile-bootstrap interval (Efron 1979), whole rows drawn again."""
    n = len(rows)
    if n == 0:
        return None
    value = figure(rows)
    if n == 1:
        return Measured(value, None, None, 1)
    random = np.random.default_rng(seed)
    drawn = np.array([figure(rows[random.integers(0, n, n)]) for _ in range(RESAMPLES)])
    low, high = np.quantile(drawn, [(1 - LEVEL) / 2, 1 - (1 - LEVEL) / 2])
    return Measured(value, min(float(low), value), max(float(high), value), n)


def single(value: float) -> Measured:
    """A value that was measured once: no interval."""
    return Measured(float(value), None, None, 1)
