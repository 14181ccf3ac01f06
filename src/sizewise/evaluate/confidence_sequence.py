"""A confidence interval for a share that may be looked at after every observation, and stopped at whenever one likes.

The beta-binomial mixture of Robbins (1970, *Statistical methods related to the law of the iterated logarithm*), as in
Howard, Ramdas, McAuliffe, Sekhon (2021, *Time-uniform, nonparametric, nonasymptotic confidence sequences*): under a
share p, the likelihood of what was seen, averaged over a Beta(a, b) prior and divided by the likelihood at p, is a
non-negative martingale that begins at one, so by Ville's inequality it ever exceeds 1 / delta with probability at most
delta. The interval holds every p at which it does not. What has to be kept is how often, of how many: nothing else.
"""

from __future__ import annotations

from math import lgamma, log, log1p

PRIOR = (1.0, 1.0)
_HALVINGS = 60


def sequence(successes: int, n: int, delta: float = 0.05, prior: tuple[float, float] = PRIOR) -> tuple[float, float]:
    """The interval after ``n`` observations of which ``successes`` were one: (low, high).

    The share lies in all the intervals that are ever computed with probability at least 1 - ``delta``, so long as each
    observation has it as its mean, given those before. Raises ``ValueError`` for counts that cannot be.

    >>> [round(bound, 3) for bound in sequence(970, 1_000)]
    [0.945, 0.986]
    >>> sequence(0, 0)
    (0.0, 1.0)
    """
    if not 0 <= successes <= n or not 0 < delta < 1:
        raise ValueError(f"{successes} of {n} at delta {delta} make no interval")
    best = successes / n if n else 0.5
    wealth = _Wealth(successes, n, prior)
    limit = -log(delta)
    low = 0.0 if wealth(0.0) < limit else _edge(wealth, limit, outside=0.0, inside=best)
    high = 1.0 if wealth(1.0) < limit else _edge(wealth, limit, outside=1.0, inside=best)
    return low, high


class _Wealth:
    """The logarithm of the mixture martingale at a share p."""

    def __init__(self, successes: int, n: int, prior: tuple[float, float]) -> None:
        a, b = prior
        self._successes, self._failures = successes, n - successes
        self._mixture = _log_beta(a + successes, b + n - successes) - _log_beta(a, b)

    def __call__(self, p: float) -> float:
        return self._mixture - _power(self._successes, p) - _power_of_rest(self._failures, p)


def _power(times: int, p: float) -> float:
    if not times:
        return 0.0
    return times * log(p) if p > 0 else float("-inf")


def _power_of_rest(times: int, p: float) -> float:
    if not times:
        return 0.0
    return times * log1p(-p) if p < 1 else float("-inf")


def _log_beta(a: float, b: float) -> float:
    return lgamma(a) + lgamma(b) - lgamma(a + b)


def _edge(wealth: _Wealth, limit: float, outside: float, inside: float) -> float:
    """Where the martingale passes ``limit`` between a share that is ruled out and one that is not, on the outer side."""
    for _ in range(_HALVINGS):
        middle = (outside + inside) / 2
        if wealth(middle) < limit:
            inside = middle
        else:
            outside = middle
    return outside
