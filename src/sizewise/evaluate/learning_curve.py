"""A learning curve from few points, and what it foretells with an interval.

The share of wrong answers falls roughly as a power of the rows learned from (Hestness et al. 2017), less steeply where
noise in the labels sets a floor (Viering and Loog, "The Shape of Learning Curves: a Review", 2022). So its logit is taken
as a parabola in the logarithm of the rows, with a normal prior on slope and bend, and the posterior is exact: Bayesian
linear regression. What a curve of few points cannot tell then comes from the curves of other data sets, and the
interval says how little is known. ``PRIOR`` was fitted to such curves; benchmarks/forecast.py says how, and holds each
data set against a prior that was fitted without it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit, ndtri

Floats = NDArray[np.float64]

LEVEL = 0.90
FLAT = 10.0  # the spread of a logit about which nothing is known


@dataclass(frozen=True, slots=True)
class Held:
    """The share ``wrong`` of ``n`` rows that a specialist answered which had learned from ``rows`` other ones."""

    rows: int
    wrong: float
    n: int


@dataclass(frozen=True, slots=True)
class Prior:
    """What is known of learning curves before one is seen, in logits of the wrong share.

    ``slope`` is the fall for each doubling of the rows, ``bend`` how much of it each doubling takes away (halved, as
    in a parabola). ``flattery`` is how much lower the out-of-fold share is than that of unseen rows: an encoder's
    views and the vocabulary are learned from all train rows, without their labels. Each with its spread. ``shared`` is
    the correlation of errors between sizes on the same rows, ``drift`` the spread of what a parabola misses for each
    doubling before today and beyond. ``spread`` is the share of the model's own spread at twice today's rows and beyond
    that was needed for nine in ten back-tests to hold.
    """

    slope: float
    slope_sd: float
    bend: float
    bend_sd: float
    flattery: float
    flattery_sd: float
    shared: float
    drift: float
    spread: float = 1.0


PRIOR = Prior(
    slope=0.481, slope_sd=0.179, bend=0.017, bend_sd=0.026, flattery=0.036, flattery_sd=0.084, shared=0.6, drift=0.075,
    spread=0.85,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Trend:
    """The fitted curve around today's rows: ``mean`` (3,) and ``covariance`` (3, 3) of level, slope and bend."""

    mean: Floats
    covariance: Floats
    drift: float
    spread: float = 1.0

    def logit(self, times: float) -> tuple[float, float]:
        """The logit of the wrong share at ``times`` today's rows, and its standard deviation."""
        row = _row(math.log2(times))
        doublings = max(0.0, math.log2(times))
        sd = math.sqrt(float(row @ self.covariance @ row) + (self.drift * doublings) ** 2)
        return float(row @ self.mean), sd * (1 - (1 - self.spread) * min(1.0, doublings))

    def level(self, times: float) -> float:
        """The logit of the wrong share, never more than with fewer rows (from today on)."""
        if times <= 1:
            return self.logit(times)[0]
        _, slope, bend = self.mean
        end = math.log2(times)
        turn = min(max(slope / (2 * bend), 0.0), end) if bend > 0 else end  # where the parabola would rise again
        return min(float(_row(place) @ self.mean) for place in (0.0, turn, end))

    def wrong(self, times: float) -> float:
        """The wrong share at ``times`` today's rows, never more than with fewer rows (from today on)."""
        return float(expit(self.level(times)))

    def interval(self, times: float, n: int | None = None, level: float = LEVEL) -> tuple[float, float]:
        """Where the wrong share lies with probability ``level``; with ``n``, as counted on that many rows."""
        wrong = self.wrong(times)
        _, sd = self.logit(times)
        if n is not None:
            sd = math.hypot(sd, _sd(wrong, n))
        centre, half = math.log(wrong / (1 - wrong)), float(ndtri((1 + level) / 2)) * sd
        return float(expit(centre - half)), float(expit(centre + half))


def fit(rows: int, own: Held, held: Sequence[Held], prior: Prior = PRIOR, fresh: Held | None = None) -> Trend:
    """The curve around ``rows`` rows, from the out-of-fold share ``own``, the shares of smaller fits, and where there are
    such, the share of ``fresh`` rows outside all those: calibrate's.

    The smaller fits' rows lie within one another and within those of ``own``, so that their errors are correlated.
    """
    seen = [own, *held] if fresh is None or fresh.n == 0 else [own, *held, fresh]
    places = [math.log2(h.rows / rows) for h in seen]
    design = np.stack([_row(place) for place in places])
    counted = [(h.wrong * h.n + 0.5) / (h.n + 1) for h in seen]
    values = np.array([math.log(p / (1 - p)) for p in counted])
    values[0] += prior.flattery
    sds = np.array([_sd(p, h.n) for p, h in zip(counted, seen, strict=True)])
    sizes = np.array([h.n for h in seen], dtype=float)
    common = np.sqrt(np.minimum.outer(sizes, sizes) / np.maximum.outer(sizes, sizes)) * prior.shared
    common[1 + len(held) :] = common[:, 1 + len(held) :] = 0.0
    np.fill_diagonal(common, 1.0)
    noise = np.outer(sds, sds) * common
    noise[0, 0] += prior.flattery_sd**2
    noise[np.diag_indices(len(seen))] += (prior.drift * np.array(places)) ** 2
    expected = np.array([0.0, prior.slope, prior.bend])
    spread = np.diag([FLAT**2, prior.slope_sd**2, prior.bend_sd**2])
    gain = spread @ design.T @ np.linalg.inv(design @ spread @ design.T + noise)
    mean = expected + gain @ (values - design @ expected)
    covariance = spread - gain @ design @ spread
    return Trend(mean, (covariance + covariance.T) / 2, prior.drift, prior.spread)


def _row(doublings: float) -> Floats:
    """Level, less the slope, plus the bend: the logit at so many doublings of today's rows."""
    return np.array([1.0, -doublings, doublings**2])


def _sd(wrong: float, n: int) -> float:
    """The standard deviation of a counted share's logit."""
    p = min(max(wrong, 0.5 / n), 1 - 0.5 / n)
    return 1 / math.sqrt(n * p * (1 - p))


def crossing(times: Sequence[float], scores: Floats, bar: float) -> float | None:
    """The first of ``times`` at which rising ``scores`` reach ``bar``, between them in proportion to their logarithm.

    >>> crossing([1.0, 4.0], np.array([0.0, 1.0]), 0.5)
    2.0
    """
    for i, (at, score) in enumerate(zip(times, scores, strict=True)):
        if score >= bar:
            if i == 0:
                return float(at)
            share = (bar - scores[i - 1]) / (score - scores[i - 1])
            return float(times[i - 1] * (at / times[i - 1]) ** share)
    return None
