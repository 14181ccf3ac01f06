from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import beta, binom

from sizewise.evaluate.intervals import lower_share, mean, quantile, share, single, upper_share

counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n)))
deltas = st.sampled_from([0.01, 0.025, 0.05, 0.2])


@given(counts, deltas)
def test_one_sided_bounds_are_clopper_pearsons(count: tuple[int, int], delta: float) -> None:
    hits, n = count
    low = 0.0 if hits == 0 else beta.ppf(delta, hits, n - hits + 1)
    high = 1.0 if hits == n else beta.ppf(1 - delta, hits + 1, n - hits)
    assert lower_share(hits, n, delta) == pytest.approx(low, abs=1e-9)
    assert upper_share(hits, n, delta) == pytest.approx(high, abs=1e-9)


@given(counts, deltas)
def test_bounds_invert_the_binomial_test(count: tuple[int, int], delta: float) -> None:
    hits, n = count
    if hits:
        assert binom.sf(hits - 1, n, lower_share(hits, n, delta)) == pytest.approx(delta, rel=1e-6)
    if hits < n:
        assert binom.cdf(hits, n, upper_share(hits, n, delta)) == pytest.approx(delta, rel=1e-6)


@given(counts)
def test_share_has_its_value_within_its_interval(count: tuple[int, int]) -> None:
    hits, n = count
    measured = share(hits, n)
    assert measured is not None
    assert measured.value == hits / n
    assert measured.n == n
    if n == 1:
        assert measured.low is None
        assert measured.high is None
    else:
        assert measured.low is not None
        assert measured.high is not None
        assert 0 <= measured.low <= measured.value <= measured.high <= 1
        assert measured.low == pytest.approx(lower_share(hits, n, 0.025))
        assert measured.high == pytest.approx(upper_share(hits, n, 0.025))


def test_nothing_counted_is_nothing_measured() -> None:
    assert share(0, 0) is None
    assert quantile(np.zeros(0), 0.5) is None
    assert mean(np.zeros(0)) is None


@pytest.mark.parametrize("measured", [quantile(np.array([3.0]), 0.95), mean(np.array([3.0])), single(3)])
def test_one_value_has_no_interval(measured: object) -> None:
    assert measured == single(3.0)


@pytest.mark.parametrize(("n", "q"), [(50, 0.5), (256, 0.95), (256, 0.5), (1_000, 0.95), (37, 0.2)])
def test_quantile_interval_keeps_each_tail_within_its_half(n: int, q: float) -> None:
    """Ranks stand in for values, so the exact error of each end is a binomial tail."""
    measured = quantile(np.arange(n, dtype=float), q)
    assert measured is not None
    assert measured.low is not None
    assert measured.high is not None
    assert binom.cdf(int(measured.low), n, q) <= 0.025
    assert binom.sf(int(measured.high), n, q) <= 0.025
    assert binom.cdf(int(measured.low) + 1, n, q) > 0.025, "a narrower interval would do"
    assert binom.sf(int(measured.high) - 1, n, q) > 0.025, "a narrower interval would do"


@pytest.mark.parametrize(("n", "q"), [(60, 0.5), (256, 0.95)])
def test_quantile_interval_covers(n: int, q: float) -> None:
    random = np.random.default_rng(1)
    truth = float(-np.log(1 - q))
    below = above = 0
    draws = 2_000
    for _ in range(draws):
        measured = quantile(random.exponential(size=n), q)
        assert measured is not None
        assert measured.low is not None
        assert measured.high is not None
        below += truth < measured.low
        above += truth > measured.high
    allowed = draws * 0.025 + 3 * (draws * 0.025 * 0.975) ** 0.5
    assert below <= allowed
    assert above <= allowed


@given(st.lists(st.floats(-1e6, 1e6), min_size=2, max_size=60), st.sampled_from([0.05, 0.5, 0.95]))
def test_quantile_lies_within_its_interval_and_the_sample(values: list[float], q: float) -> None:
    measured = quantile(np.array(values), q)
    assert measured is not None
    assert measured.low is not None
    assert measured.high is not None
    assert min(values) <= measured.low
    assert measured.high <= max(values)
    assert measured.low - 1e-9 * abs(measured.low) <= measured.value <= measured.high + 1e-9 * abs(measured.high)
    assert measured.value == float(np.quantile(values, q))


def test_mean_covers_about_as_often_as_it_says() -> None:
    random = np.random.default_rng(2)
    covered = 0
    for seed in range(120):
        measured = mean(random.normal(5.0, 2.0, 150), seed)
        assert measured is not None
        assert measured.low is not None
        assert measured.high is not None
        assert measured.low <= measured.value <= measured.high
        covered += measured.low <= 5.0 <= measured.high
    assert covered / 120 >= 0.95 - 3 * (0.95 * 0.05 / 120) ** 0.5


def test_mean_is_reproducible_and_close_to_the_normal_interval() -> None:
    values = np.random.default_rng(3).normal(0.0, 1.0, 400)
    one, two = mean(values, 7), mean(values, 7)
    assert one == two
    assert one is not None
    assert one.low is not None
    assert one.high is not None
    half = 1.96 * values.std() / 20
    assert one.low == pytest.approx(values.mean() - half, abs=0.015)
    assert one.high == pytest.approx(values.mean() + half, abs=0.015)
