from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.evaluate.learning_curve import PRIOR, Held, Trend, crossing, fit

TODAY = 8_000
PARTS = (1_000, 2_000, 4_000)
PLAIN = replace(PRIOR, flattery=0.0, flattery_sd=0.01)


def power_law(rows: float) -> float:
    return float(2 * rows**-0.4)


def curve(shape: object, n: int = 10**7) -> Trend:
    assert callable(shape)
    return fit(TODAY, Held(TODAY, shape(TODAY), n), [Held(s, shape(s), n) for s in PARTS], PLAIN)


def test_an_exact_power_law_goes_on() -> None:
    trend = curve(power_law)
    for times, miss in ((1, 0.002), (2, 0.003), (4, 0.005)):
        assert trend.wrong(times) == pytest.approx(power_law(TODAY * times), abs=miss)
        low, high = trend.interval(times)
        assert low < power_law(TODAY * times) < high


def test_a_flat_curve_stays_flat() -> None:
    trend = curve(lambda _: 0.3)
    assert trend.wrong(4) == pytest.approx(0.3, abs=0.05)
    low, high = trend.interval(4)
    assert low < 0.3 < high


def test_a_curve_that_nears_its_floor_is_not_drawn_through_it() -> None:
    def saturating(rows: float) -> float:
        return float(0.12 + 0.2 * (rows / 1_000) ** -1.0)

    trend = curve(saturating, 3_000)
    low, high = trend.interval(2)
    assert low < saturating(2 * TODAY) < high
    assert trend.wrong(4) > power_law(4 * TODAY) * saturating(TODAY) / power_law(TODAY)


def test_more_rows_to_count_on_narrow_the_interval() -> None:
    widths = []
    for n in (100, 1_000, 10_000, 100_000):
        low, high = curve(power_law, n).interval(2)
        widths.append(high - low)
    assert widths == sorted(widths, reverse=True)


def test_the_further_the_less_is_known() -> None:
    trend = curve(power_law, 2_000)
    spreads = [trend.logit(t)[1] for t in (1, 2, 4, 8)]
    assert spreads == sorted(spreads)


def test_a_later_count_on_few_rows_adds_its_own_noise() -> None:
    trend = curve(power_law)
    narrow, wide = trend.interval(2), trend.interval(2, n=100)
    assert wide[0] < narrow[0]
    assert narrow[1] < wide[1]


def test_flattery_is_taken_off() -> None:
    own, held = Held(TODAY, 0.1, 5_000), [Held(s, power_law(s), 5_000) for s in PARTS]
    honest = fit(TODAY, own, held, PLAIN).wrong(1)
    assert fit(TODAY, own, held, replace(PLAIN, flattery=0.3)).wrong(1) > honest


def test_fresh_rows_narrow_the_interval_and_pull_towards_what_they_show() -> None:
    own, parts = Held(TODAY, 0.2, 400), [Held(s, power_law(s), 400) for s in PARTS]
    alone = fit(TODAY, own, parts, PRIOR)
    worse = fit(TODAY, own, parts, PRIOR, Held(TODAY, 0.3, 400))
    assert worse.logit(1)[1] < alone.logit(1)[1]
    assert alone.wrong(1) < worse.wrong(1) < 0.3
    none = fit(TODAY, own, parts, PRIOR, Held(TODAY, 0.0, 0))
    np.testing.assert_array_equal(none.mean, alone.mean)


@given(
    own=st.floats(0, 1),
    parts=st.lists(st.tuples(st.integers(10, 10**6), st.floats(0, 1), st.integers(1, 10**5)), max_size=3),
    rows=st.integers(20, 10**6),
    fresh=st.none() | st.tuples(st.floats(0, 1), st.integers(0, 10**5)),
)
def test_whatever_is_seen_the_forecast_is_a_share_that_never_worsens(
    own: float, parts: list[tuple[int, float, int]], rows: int, fresh: tuple[float, int] | None
) -> None:
    trend = fit(
        rows, Held(rows, own, rows), [Held(r, w, n) for r, w, n in parts],
        fresh=None if fresh is None else Held(rows, *fresh),
    )  # fmt: skip
    said = [trend.wrong(t) for t in (1, 1.5, 2, 3, 4)]
    assert all(0 <= value <= 1 and math.isfinite(value) for value in said)
    assert all(later <= earlier + 1e-12 for earlier, later in pairwise(said))
    for times in (1, 2, 4):
        low, high = trend.interval(times, 100)
        assert 0 <= low <= trend.wrong(times) <= high <= 1


def test_the_interval_holds_nine_times_in_ten_what_the_prior_draws() -> None:
    random = np.random.default_rng(0)
    prior = replace(PRIOR, shared=0.0)
    held, tries, n = 0, 400, 2_000
    for _ in range(tries):
        level, slope, bend = (
            random.normal(-1.5, 0.5),
            random.normal(prior.slope, prior.slope_sd),
            random.normal(prior.bend, prior.bend_sd),
        )

        def true(rows: float, level: float = level, slope: float = slope, bend: float = bend) -> float:
            x = math.log2(rows / TODAY)
            return 1 / (1 + math.exp(-(level - slope * x + bend * x * x)))

        flattered = 1 / (
            1
            + math.exp(-(math.log(true(TODAY) / (1 - true(TODAY))) - random.normal(prior.flattery, prior.flattery_sd)))
        )
        own = Held(TODAY, random.binomial(n, flattered) / n, n)
        parts = [Held(s, random.binomial(n, true(s)) / n, n) for s in PARTS]
        low, high = fit(TODAY, own, parts, prior).interval(2)
        held += low <= true(2 * TODAY) <= high
    assert 0.86 <= held / tries <= 0.97


@pytest.mark.parametrize(
    ("scores", "bar", "wanted"),
    [((0.1, 0.2, 0.3), 0.2, 2.0), ((0.1, 0.2, 0.3), 0.31, None), ((0.5, 0.6, 0.7), 0.4, 1.0), ((0.0, 0.0, 1.0), 0.5, math.sqrt(8))],
)  # fmt: skip
def test_crossing(scores: tuple[float, ...], bar: float, wanted: float | None) -> None:
    found = crossing([1.0, 2.0, 4.0], np.array(scores), bar)
    assert found == (None if wanted is None else pytest.approx(wanted))
