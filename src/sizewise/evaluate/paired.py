"""Two models on the same rows. Interval: Tango's score (Statistics in Medicine 17, 1998). Test: McNemar, exact."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import sqrt

import numpy as np
from numpy.typing import NDArray
from scipy.special import bdtr

from sizewise.core.measurement import Measured

NORMAL = 1.959963984540054  # the 97.5 % quantile of the standard normal distribution
STEPS = 60


@dataclass(frozen=True, slots=True)
class Paired:
    """``difference`` of two shares of the same n rows; on ``only_one`` rows it holds for the first alone.

    ``p_value`` is that of the exact two-sided McNemar test: how probable so uneven a split of the rows that
    differ is, were both shares the same.
    """

    one: float
    other: float
    difference: Measured
    only_one: int
    only_other: int
    p_value: float


def paired(one: NDArray[np.bool_], other: NDArray[np.bool_]) -> Paired | None:
    """Compare two shares of the same rows, arrays of shape (rows,); ``None`` without rows.

    >>> both = np.array([True] * 10)
    >>> paired(both, both).p_value
    1.0
    """
    n = len(one)
    if n == 0:
        return None
    first, second = int((one & ~other).sum()), int((other & ~one).sum())
    low, high = _interval(first, second, n)
    value = (first - second) / n
    return Paired(
        one=float(one.mean()), other=float(other.mean()), difference=Measured(value, min(low, value), max(high, value), n),
        only_one=first, only_other=second, p_value=min(1.0, 2 * float(bdtr(min(first, second), first + second, 0.5))),
    )  # fmt: skip


def _interval(first: int, second: int, n: int) -> tuple[float, float]:
    """Where the score statistic of the difference, which falls as the difference grows, is ±1.96."""

    def above(bound: float) -> Callable[[float], bool]:
        return lambda difference: _score(difference, first, second, n) > bound

    return _crossing(above(NORMAL)), _crossing(above(-NORMAL))


def _crossing(before: Callable[[float], bool]) -> float:
    low, high = -1.0, 1.0
    for _ in range(STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if before(middle) else (low, middle)
    return (low + high) / 2


def _score(difference: float, first: int, second: int, n: int) -> float:
    """Tango's statistic, with the share of the second kind of row at its most likely under ``difference``."""
    b = -first - second + (2 * n - first + second) * difference
    c = -second * difference * (1 - difference)
    share = (sqrt(max(b * b - 8 * n * c, 0.0)) - b) / (4 * n)
    spread = n * (2 * share + difference * (1 - difference))
    gap = first - second - n * difference
    if spread <= 0:
        return 0.0 if gap == 0 else np.inf * np.sign(gap)
    return float(gap / sqrt(spread))
