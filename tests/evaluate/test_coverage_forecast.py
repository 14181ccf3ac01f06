from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.evaluate.coverage_forecast import certified_coverages, errors_allowed, weights, widened
from sizewise.evaluate.intervals import upper_share

RANDOM = np.random.default_rng(0)
SURE = RANDOM.random(4_000)
WRONG = RANDOM.random(4_000) < 0.4 * (1 - SURE) ** 2


def certified(share: float, rows: int, draws: int = 60) -> float:
    random = np.random.default_rng(1)
    return float(np.median(certified_coverages(SURE, WRONG, np.full(draws, share), rows, 0.03, 0.05, random)))


@given(st.integers(0, 5_000), st.sampled_from([0.01, 0.03, 0.2]), st.sampled_from([0.01, 0.05]))
def test_errors_allowed_is_the_most_that_pass(rows: int, limit: float, delta: float) -> None:
    most = errors_allowed(rows, limit, delta)
    assert most == -1 or upper_share(most, rows, delta) <= limit
    assert upper_share(most + 1, rows, delta) > limit


@given(st.lists(st.booleans(), min_size=1, max_size=60), st.floats(0, 1))
def test_weights_make_the_share_that_is_asked_for(wrong: list[bool], share: float) -> None:
    column = np.array(wrong)
    found = weights(column, share)
    assert found.sum() == pytest.approx(1)
    if 0 < column.mean() < 1:
        assert found[column].sum() == pytest.approx(share)


def test_fewer_errors_and_more_calibration_rows_each_cover_more() -> None:
    by_error = [certified(share, 2_000) for share in (0.3, 0.15, 0.08, 0.04, 0.01)]
    assert by_error == sorted(by_error)
    assert by_error[-1] == pytest.approx(1)
    by_rows = [certified(0.1, rows) for rows in (98, 200, 500, 2_000, 8_000)]
    assert by_rows[0] == 0
    assert by_rows == sorted(by_rows)
    assert by_rows[-1] > by_rows[1]


def test_too_few_rows_certify_nothing_however_right_they_are() -> None:
    random = np.random.default_rng(0)
    flawless = np.zeros(1_000, dtype=bool)
    sure = np.linspace(0, 1, 1_000)
    assert certified_coverages(sure, flawless, np.zeros(3), 98, 0.03, 0.05, random).tolist() == [0, 0, 0]
    assert certified_coverages(sure, flawless, np.zeros(3), 99, 0.03, 0.05, random).tolist() == [1, 1, 1]


def test_equal_confidences_are_answered_together() -> None:
    random = np.random.default_rng(0)
    wrong = np.arange(1_000) % 10 == 0
    assert certified_coverages(np.full(1_000, 0.5), wrong, np.full(3, 0.1), 1_000, 0.03, 0.05, random).tolist() == [
        0,
        0,
        0,
    ]


def test_no_rows() -> None:
    none = np.zeros(0)
    random = np.random.default_rng(0)
    assert certified_coverages(none, none.astype(bool), np.full(2, 0.1), 500, 0.03, 0.05, random).tolist() == [0, 0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 0.3))
def test_widening_stays_within_nought_and_one(drawn: list[float], misfit: float) -> None:
    middle, low, high = widened(np.array(drawn), misfit, 0.9)
    assert 0 <= low <= middle <= high <= 1
    narrow = widened(np.array(drawn), 0.0, 0.9)
    assert low <= narrow[1] + 1e-12
    assert high >= narrow[2] - 1e-12


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.floats(0, 0.3))
def test_a_gain_lifts_the_whole_forecast_and_never_beyond_one(drawn: list[float], gain: float) -> None:
    before, after = widened(np.array(drawn), 0.05, 0.9), widened(np.array(drawn), 0.05, 0.9, gain)
    assert all(0 <= v <= 1 for v in after)
    assert after[1] <= after[0] <= after[2]
    if before[0] == 0:
        assert after == before
    else:
        assert after[0] == pytest.approx(min(before[0] + gain, 1))
