"""The lowest threshold that the calibration rows certify, and never on a point estimate.

Risk (share of all traffic answered and wrong) falls as the threshold rises, so its threshold is the
lowest one whose exact one-sided upper bound, and that of every higher one, stays within the limit:
risk-controlling prediction sets (Bates et al., J. ACM 2021) with Clopper–Pearson bounds. Excess (wrong
where the LLM was right, less right where it was wrong) may rise and fall, so its threshold comes from
testing a grid that was fixed beforehand, from the threshold that train shows to be the surest down, each at
level delta, until the first that is not rejected: Learn-then-Test with fixed-sequence testing (Angelopoulos et al., 2021), the
test being a betting one (Waudby-Smith and Ramdas, JRSS B 2024).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv

from sizewise.core.measurement import Certificate

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ANSWER_ALL = 0.0
_BOLDEST_BET = 0.9
_MUCH_FASTER = 2.0
_ROWS_SEEN = 10_000
_LOSSES_EXPECTED = 1.0  # as if one had been seen: without it, early rows without a loss stake nearly everything


def upper_bound(wrong: Floats | float, n: int, delta: float) -> Floats:
    """Clopper–Pearson's one-sided upper bound for ``wrong`` errors among ``n``, elementwise."""
    wrong = np.minimum(np.asarray(wrong, dtype=float), n)
    inner = betaincinv(wrong + 1, np.maximum(n - wrong, 1e-300), 1 - delta)
    return np.asarray(np.where(wrong >= n, 1.0, inner))


def certify_risk(
    confidence: Floats, wrong: NDArray[np.bool_], limit: float, delta: float, groups: Ints | None = None
) -> Certificate:
    """Certify P(answered and wrong) ≤ ``limit``.

    ``confidence`` and ``wrong`` have shape (n,). ``groups`` numbers each row's near-duplicate group;
    where a group exceeds one row the bound counts groups and is approximate.
    """
    n = len(confidence)
    n_groups = n if groups is None else len(np.unique(groups))
    thresholds, risks = _risk_by_threshold(confidence, wrong)
    bounds = _group_bounds(risks, n_groups, delta)
    passing = int(np.searchsorted(bounds > limit, True))  # bounds never fall as the threshold does
    if n_groups == 0 or passing == 0:
        threshold, bound = None, None
    elif passing == len(thresholds):
        threshold, bound = ANSWER_ALL, float(bounds[-1])
    else:
        threshold = _between(float(thresholds[passing]), float(thresholds[passing - 1]))
        bound = float(bounds[passing - 1])
    return Certificate(
        quantity="risk", limit=limit, delta=delta, threshold=threshold, bound=bound,
        bound_answering_all=float(bounds[-1]) if n else 1.0, method="clopper-pearson", n_rows=n, n_groups=n_groups,
        status="exact" if n_groups == n else "approximate",
    )  # fmt: skip


def _between(failing: float, passing: float) -> float:
    """Halfway, so that rounding on another machine moves no row across; never the failing value itself."""
    middle = (failing + passing) / 2
    return middle if middle > failing else passing


def risk_curve(
    confidence: Floats, wrong: NDArray[np.bool_], delta: float, groups: Ints | None = None
) -> tuple[Floats, Floats, Floats]:
    """Thresholds from high to low, the risk at each, and its upper bound; each of shape (distinct values,)."""
    thresholds, risks = _risk_by_threshold(confidence, wrong)
    n_groups = len(confidence) if groups is None else len(np.unique(groups))
    return thresholds, risks, _group_bounds(risks, n_groups, delta)


def _risk_by_threshold(confidence: Floats, wrong: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    order = np.argsort(-confidence, kind="stable")
    ordered = confidence[order]
    last_of_tie = np.flatnonzero(np.append(np.diff(ordered) != 0, True)) if len(ordered) else np.zeros(0, dtype=int)
    errors = np.cumsum(wrong[order])
    return ordered[last_of_tie], errors[last_of_tie] / max(len(confidence), 1)


def _group_bounds(risks: Floats, n_groups: int, delta: float) -> Floats:
    """Bounds for row risks: k = ⌈groups × row risk⌉ errors among the groups."""
    if n_groups == 0:
        return np.ones_like(risks)
    return upper_bound(np.ceil(risks * n_groups - 1e-9), n_groups, delta)


def certify_excess(
    confidence: Floats,
    excess: Floats,
    grid: Floats,
    limit: float,
    delta: float,
    groups: Ints | None = None,
    seed: int = 0,
) -> Certificate:
    """Certify that the mean of ``excess`` over answered rows' share of traffic is ≤ ``limit``.

    ``excess`` has shape (n,): 1 where the small model is wrong and the LLM right, −1 the other way
    round, else 0. ``grid`` holds the thresholds to test, fixed on train; it is tested from high to low
    and always ends with answering everything.
    """
    n = len(confidence)
    grid = np.unique(np.append(grid, ANSWER_ALL))[::-1]
    losses, largest = _group_losses(confidence, excess, grid, groups, seed)
    n_groups = losses.shape[0]
    rejected = _capital(losses, limit, largest) >= 1 / delta if n_groups else np.zeros(len(grid), dtype=bool)
    passing = int(np.argmin(np.append(rejected, False)))
    threshold = float(grid[passing - 1]) if passing else None
    return Certificate(
        quantity="excess", limit=limit, delta=delta, threshold=threshold,
        bound=_betting_bound(losses[:, passing - 1], largest, delta) if passing else None,
        bound_answering_all=_betting_bound(losses[:, -1], largest, delta) if n_groups else 1.0,
        method="betting", n_rows=n, n_groups=n_groups, status="exact" if n_groups == n else "approximate",
    )  # fmt: skip


def from_the_surest(grid: Floats, confidence: Floats, excess: Floats, limit: float) -> Floats:
    """``grid`` up to the threshold to test first, by ``confidence`` and ``excess`` of train's rows, out of fold.

    Of a model that answers nearly nothing a certificate takes some four hundred rows whatever it is worth, since nothing
    is won; of one that is far better than the LLM a hundred are enough if it answers nearly everything. So the test
    begins where, on train, the capital of who bets grows fastest. Only where it grows no faster than at most
    ``_MUCH_FASTER`` times that of the safest threshold, it begins there, which leaves most to fall back on.
    """
    if not len(grid) or not len(confidence):
        return grid
    step = max(1, len(confidence) // _ROWS_SEEN)
    sure, lost = confidence[::step, None], excess[::step, None]
    gains = limit - np.where(sure >= grid[None, :], lost, 0.0)
    bets = np.clip(gains.mean(axis=0) / np.maximum((gains**2).mean(axis=0), 1e-12), 0.0, _BOLDEST_BET / (1 - limit))
    growth = np.log1p(bets * gains).mean(axis=0)
    fastest = int(np.argmax(growth))
    safest = float(growth[np.argmax(grid)])
    return grid[grid <= grid[fastest]] if growth[fastest] > _MUCH_FASTER * safest else grid


def excess_bounds(
    confidence: Floats, excess: Floats, thresholds: Floats, delta: float, groups: Ints | None = None, seed: int = 0
) -> Floats:
    """The betting upper bound on excess at each of ``thresholds``, for drawing."""
    losses, largest = _group_losses(confidence, excess, thresholds, groups, seed)
    return np.array([_betting_bound(losses[:, i], largest, delta) for i in range(len(thresholds))])


def _group_losses(
    confidence: Floats, excess: Floats, grid: Floats, groups: Ints | None, seed: int
) -> tuple[Floats, float]:
    """(groups, thresholds) losses in random order, scaled so that their mean is the rows' mean, and the largest."""
    n = len(confidence)
    losses = np.where(confidence[:, None] >= grid[None, :], excess[:, None], 0.0)
    largest = 1.0
    if groups is not None and n:
        numbers, index, sizes = np.unique(groups, return_inverse=True, return_counts=True)
        summed = np.zeros((len(numbers), len(grid)))
        np.add.at(summed, index, losses)
        losses = summed * (len(numbers) / n)
        largest = float(sizes.max()) * len(numbers) / n
    return losses[np.random.default_rng(seed).permutation(len(losses))], largest


def _capital(losses: Floats, limit: float, largest: float) -> Floats:
    """(thresholds,) the greatest capital of one who bets against "the mean is at least ``limit``".

    Losses lie in [−largest, largest]. Each bet depends on earlier losses only, so under the hypothesis
    the capital is a supermartingale and exceeds 1/δ with probability at most δ (Ville's inequality).
    Where the losses' own mean exceeds ``limit`` the capital counts as none: a run of luck proves nothing
    that all the rows together deny.
    """
    gains = limit - losses
    n = np.arange(1, len(gains) + 1)[:, None]
    before = np.vstack([np.zeros((1, gains.shape[1])), np.cumsum(gains, axis=0)[:-1]])
    squares = np.vstack([np.zeros((1, gains.shape[1])), np.cumsum(gains**2, axis=0)[:-1]])
    mean = before / n
    second = (squares + _LOSSES_EXPECTED) / n
    bets = np.clip(mean / np.maximum(second, 1e-12), 0.0, _BOLDEST_BET / (largest - limit))
    greatest = np.cumsum(np.log1p(bets * gains), axis=0).max(axis=0)
    return np.where(gains.mean(axis=0) < 0, 0.0, np.exp(greatest.clip(max=700)))


def _betting_bound(losses: Floats, largest: float, delta: float) -> float:
    """The smallest mean that the losses reject, to 1e-4: an upper bound at probability 1 − δ."""
    low, high = -largest, largest
    while high - low > 1e-4:
        middle = (low + high) / 2
        if _capital(losses[:, None], middle, largest)[0] >= 1 / delta:
            high = middle
        else:
            low = middle
    return float(high)
