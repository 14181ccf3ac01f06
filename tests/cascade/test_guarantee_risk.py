from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy.stats import beta

from sizewise.cascade.guarantee import certify_risk, risk_curve, upper_bound
from sizewise.core.measurement import Certificate

Rows = list[tuple[float, bool]]
rows = st.lists(st.tuples(st.sampled_from([0.0, 0.1, 0.5, 0.50001, 0.9, 1.0]), st.booleans()), min_size=1, max_size=60)
any_confidence = st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=40)


def certify(pairs: Rows, limit: float = 0.03, delta: float = 0.05, groups: list[int] | None = None) -> Certificate:
    confidence = np.array([c for c, _ in pairs])
    wrong = np.array([w for _, w in pairs], dtype=bool)
    return certify_risk(confidence, wrong, limit, delta, None if groups is None else np.array(groups))


def exact_bound(errors: int, n: int, delta: float) -> float:
    return 1.0 if errors >= n else float(beta.ppf(1 - delta, errors + 1, n - errors))


@given(st.integers(1, 5_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), st.sampled_from([0.01, 0.05]))
def test_upper_bound_is_clopper_pearsons(count: tuple[int, int], delta: float) -> None:
    errors, n = count
    assert float(upper_bound(float(errors), n, delta)) == pytest.approx(exact_bound(errors, n, delta), abs=1e-9)


@pytest.mark.parametrize(("n", "errors"), [(99, 0), (200, 1), (500, 8), (1_000, 20), (3_000, 74)])
def test_errors_allowed_at_97_and_95_percent(n: int, errors: int) -> None:
    """0, 1, 1.6 %, 2.0 % and 2.47 % of the calibration rows, as promised."""
    pairs = [(0.9, row < errors) for row in range(n)]
    one_more = [(0.9, row < errors + 1) for row in range(n)]
    assert certify(pairs).threshold == 0.0
    assert certify(one_more).threshold is None


def test_98_rows_certify_nothing_even_without_an_error() -> None:
    assert certify([(0.9, False)] * 98).threshold is None
    assert certify([(0.9, False)] * 98).bound is None


def test_nothing_to_calibrate_on_certifies_nothing() -> None:
    certificate = certify_risk(np.zeros(0), np.zeros(0, dtype=bool), 0.03, 0.05)
    assert certificate.threshold is None
    assert certificate.bound_answering_all == 1.0
    assert (certificate.n_rows, certificate.n_groups) == (0, 0)


@settings(max_examples=300)
@given(st.one_of(rows, any_confidence), st.sampled_from([0.05, 0.2, 0.5, 0.9]), st.sampled_from([0.05, 0.3]))
def test_threshold_is_the_lowest_that_holds_with_every_one_above(pairs: Rows, limit: float, delta: float) -> None:
    """Brute force over every distinct confidence: the rows that are answered decide, ties together."""
    certificate = certify(pairs, limit, delta)
    n = len(pairs)
    passing: list[float] = []
    failing: float | None = None
    for threshold in sorted({c for c, _ in pairs}, reverse=True):
        errors = sum(w for c, w in pairs if c >= threshold)
        if exact_bound(errors, n, delta) > limit:
            failing = threshold
            break
        passing.append(threshold)
    if not passing:
        assert certificate.threshold is None
        assert certificate.bound is None
        return
    assert certificate.threshold is not None
    assert certificate.bound is not None
    assert certificate.bound <= limit
    if failing is None:
        assert certificate.threshold == 0.0
    else:
        assert failing < certificate.threshold <= passing[-1]
    answered = sum(w for c, w in pairs if c >= certificate.threshold)
    assert certificate.bound == pytest.approx(exact_bound(answered, n, delta), abs=1e-9)
    everything = sum(w for _, w in pairs)
    assert certificate.bound_answering_all == pytest.approx(exact_bound(everything, n, delta), abs=1e-9)


def test_ties_pass_or_fail_together() -> None:
    pairs = [(0.9, False)] * 150 + [(0.5, False)] * 50 + [(0.5, True)] * 30
    certificate = certify(pairs)
    assert certificate.threshold is not None
    assert 0.5 < certificate.threshold <= 0.9


def test_neighbouring_floats_do_not_let_the_failing_one_in() -> None:
    failing = 0.5
    for _ in range(20):
        passing = math.nextafter(failing, 1)
        certificate = certify([(passing, False)] * 200 + [(failing, True)] * 50)
        assert certificate.threshold == passing
        failing = passing


def test_threshold_leaves_room_for_rounding_elsewhere() -> None:
    certificate = certify([(0.9, False)] * 200 + [(0.5, True)] * 50)
    assert certificate.threshold == pytest.approx(0.7)


def test_rows_of_their_own_group_are_exact() -> None:
    pairs = [(0.9, row < 2) for row in range(300)]
    alone, grouped = certify(pairs), certify(pairs, groups=list(range(300)))
    assert alone == grouped
    assert grouped.status == "exact"


@given(
    st.integers(1, 80).flatmap(lambda n: st.tuples(st.lists(st.booleans(), min_size=n, max_size=n), st.integers(1, n)))
)
def test_groups_count_instead_of_rows(case: tuple[list[bool], int]) -> None:
    wrong, n_groups = case
    groups = [row % n_groups for row in range(len(wrong))]
    certificate = certify([(0.5, w) for w in wrong], limit=0.4, groups=groups)
    errors = math.ceil(n_groups * sum(wrong) / len(wrong) - 1e-9)
    assert (certificate.n_rows, certificate.n_groups) == (len(wrong), n_groups)
    assert certificate.status == ("exact" if n_groups == len(wrong) else "approximate")
    assert certificate.bound_answering_all == pytest.approx(exact_bound(errors, n_groups, 0.05), abs=1e-9)
    assert (certificate.threshold == 0.0) == (exact_bound(errors, n_groups, 0.05) <= 0.4)


def test_copied_rows_buy_nothing() -> None:
    """Fifty rows without an error certify nothing; nor do the same fifty, ten times each."""
    groups = [row % 50 for row in range(500)]
    assert certify([(0.9, False)] * 500).threshold == 0.0
    assert certify([(0.9, False)] * 500, groups=groups).threshold is None


@settings(max_examples=50)
@given(rows)
def test_the_curve_and_the_certificate_agree(pairs: Rows) -> None:
    confidence, wrong = np.array([c for c, _ in pairs]), np.array([w for _, w in pairs], dtype=bool)
    thresholds, risks, bounds = risk_curve(confidence, wrong, 0.05)
    assert list(thresholds) == sorted({c for c, _ in pairs}, reverse=True)
    assert (np.diff(risks) >= 0).all()
    assert (np.diff(bounds) >= -1e-12).all()
    assert (bounds >= risks).all()
    assert risks[-1] == pytest.approx(wrong.mean())
    assert bounds[-1] == pytest.approx(certify(pairs).bound_answering_all)


@pytest.mark.parametrize("n", [150, 400])
def test_the_promise_is_broken_no_more_often_than_delta(n: int) -> None:
    """Wrong with probability (1 − c)/4 at a uniform confidence c: the true risk at t is (1 − t)²/8."""
    random = np.random.default_rng(n)
    draws, delta, limit = 2_000, 0.05, 0.05
    broken = certified = 0
    for _ in range(draws):
        confidence = random.random(n)
        wrong: NDArray[np.bool_] = random.random(n) < (1 - confidence) / 4
        threshold = certify_risk(confidence, wrong, limit, delta).threshold
        if threshold is not None:
            certified += 1
            broken += (1 - threshold) ** 2 / 8 > limit
    assert broken <= draws * delta + 3 * (draws * delta * (1 - delta)) ** 0.5
    assert certified == draws
    assert broken > 0, "a bound that never fails is not tight"
