from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from sizewise.core.measurement import Measured, Measurements
from sizewise.core.task import Bar
from sizewise.core.verdict import BreakEven, Costs
from sizewise.verdict.cost import break_even, costs

from .measurements import large, measured, rung

FULL = Measured(1.0, 1.0, 1.0, 1_000)
HALF = Measured(0.5, 0.4, 0.6, 1_000)


def money(coverage: Measured | None, **changed: Any) -> tuple[Costs, BreakEven]:
    """The LLM costs $2 per 1,000, a machine $0.10 an hour, 730 hours a month; it answers 1,000 a second."""
    measurements: Measurements = measured(0.6, **changed)
    small = next(r for r in measurements.rungs if r.name == measurements.chosen)
    found = costs(measurements, small, coverage)
    return found, break_even(measurements, found, small, coverage)


def volume(requests: float) -> Bar:
    return Bar(volume_per_month=requests)


def test_per_1000_requests() -> None:
    found, _ = money(HALF)
    local = 0.1 / 3_600  # 1,000 answers take a second
    assert found.large_per_1k_usd == Measured(2.0, 1.9, 2.1, 1_000)
    assert found.small_per_1k_usd is not None
    assert found.small_per_1k_usd.value == pytest.approx(local)
    assert found.small_per_1k_usd.low == pytest.approx(local / 1.1)
    assert found.small_per_1k_usd.high == pytest.approx(local / 0.9)
    assert found.cascade_per_1k_usd is not None
    assert found.cascade_per_1k_usd.value == pytest.approx(local + 0.5 * 2.0)
    assert found.cascade_per_1k_usd.low == pytest.approx(local / 1.1 + 0.4 * 1.9)
    assert found.cascade_per_1k_usd.high == pytest.approx(local / 0.9 + 0.6 * 2.1)


def test_answering_everything_costs_what_the_small_model_costs() -> None:
    found, _ = money(FULL)
    assert found.cascade_per_1k_usd == found.small_per_1k_usd


def test_per_month() -> None:
    found, _ = money(HALF, bar=volume(1_000_000))
    assert found.machines == 1
    assert found.large_per_month_usd == pytest.approx(2_000)
    assert found.small_per_month_usd == pytest.approx(73)
    assert found.cascade_per_month_usd == pytest.approx(73 + 1_000)


def test_machines_are_whole_and_not_run_full() -> None:
    """One machine may answer 1,000 × 3,600 × 730 × 0.5 = 1.314 thousand million a month."""
    assert money(FULL, bar=volume(1.314e9))[0].machines == 1
    assert money(FULL, bar=volume(1.315e9))[0].machines == 2
    assert money(FULL, bar=volume(1.315e9))[0].small_per_month_usd == pytest.approx(146)


def test_without_a_volume_nothing_is_per_month() -> None:
    found, even = money(HALF)
    assert found.large_per_month_usd is found.small_per_month_usd is found.cascade_per_month_usd is None
    assert found.machines is None
    assert even.requests == pytest.approx(73 / (0.002 * 0.5))
    assert even.months is None


def test_break_even_by_hand() -> None:
    """Three rungs took 36 s each, 0.03 h at $0.10; a month saves 2,000 − 73 dollars."""
    _, even = money(FULL, bar=volume(1_000_000))
    assert even.requests == pytest.approx(73 / 0.002)
    assert even.months == pytest.approx(0.03 * 0.1 / (2_000 - 73))


@pytest.mark.parametrize("coverage", [HALF, FULL])
def test_at_the_break_even_both_ways_cost_the_same(coverage: Measured) -> None:
    _, even = money(coverage)
    assert even.requests is not None
    at, _ = money(coverage, bar=volume(even.requests))
    small = at.cascade_per_month_usd if coverage is HALF else at.small_per_month_usd
    assert small == pytest.approx(at.large_per_month_usd)


def test_a_volume_below_the_break_even_never_repays() -> None:
    _, even = money(FULL, bar=volume(1_000))
    assert even.requests == pytest.approx(36_500)
    assert even.months is None
    assert "costs more" in even.reason


UNKNOWN = replace(rung("encoder"), throughput_per_s=None)


@pytest.mark.parametrize(
    ("coverage", "changed", "says"),
    [
        (None, {}, "nothing was certified"),
        (HALF, {"large": None}, "unknown"),
        (HALF, {"large": large(cost_per_1k_usd=None)}, "unknown"),
        (HALF, {"large": large(cost_per_1k_usd=Measured(0.0, 0.0, 0.0, 9))}, "nothing can be saved"),
        (Measured(0.0, 0.0, 0.01, 9), {}, "nothing can be saved"),
    ],
)
def test_no_break_even_says_why(coverage: Measured | None, changed: dict[str, Any], says: str) -> None:
    _, even = money(coverage, **changed)
    assert (even.requests, even.months) == (None, None)
    assert says in even.reason


@pytest.mark.parametrize("coverage", [HALF, FULL])
def test_an_unknown_throughput_is_not_a_free_machine(coverage: Measured) -> None:
    found, even = money(coverage, rungs=(UNKNOWN,), bar=volume(1_000_000))
    assert found.small_per_1k_usd is found.cascade_per_1k_usd is None
    assert found.small_per_month_usd is found.cascade_per_month_usd is found.machines is None
    assert even.months is None
    assert "throughput" in even.reason


def test_unknown_costs_stay_unknown() -> None:
    found, _ = money(HALF, large=large(cost_per_1k_usd=None, cost_source=None), bar=volume(1_000))
    assert found.large_per_1k_usd is None
    assert found.cascade_per_1k_usd is None
    assert found.large_per_month_usd is found.cascade_per_month_usd is None
    assert found.small_per_month_usd is not None
    found, _ = money(None, bar=volume(1_000))
    assert found.cascade_per_1k_usd is None
    assert found.cascade_per_month_usd is None


def test_an_interval_that_is_unknown_stays_unknown() -> None:
    found, _ = money(HALF, large=large(cost_per_1k_usd=Measured(2.0, None, None, 1)))
    assert found.cascade_per_1k_usd is not None
    assert found.cascade_per_1k_usd.low is None
    assert found.cascade_per_1k_usd.high is None
