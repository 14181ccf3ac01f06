"""Cost of ownership: sums by hand, and what must hold for any numbers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.advice.costs import read_assumptions
from sizewise.advice.ownership import (
    Case,
    Effort,
    Machine,
    TokenPrices,
    Traffic,
    break_even,
    calls,
    flip_price,
    flip_requests,
    large_bill,
    machines,
    months_until,
    small_bill,
    sweep,
)
from sizewise.advice.ownership_case import SIDES, case_of, middle, prices_of
from sizewise.core.errors import TaskError

MONTHS = 24.0
ASSUMED = read_assumptions()
PLAIN = Case(
    traffic=Traffic(1_000_000, 400, 10),
    prices=TokenPrices(0.15, 0.075, 0.60, 0.5),
    machine=Machine("rented", requests_per_second=10, utilisation=0.3, usd_a_month=40),
    effort=Effort(
        hour=30, examples=1_000, label_minutes=1, building_hours=20, retrainings_a_year=6, retraining_hours=4,
        audited=120, upkeep_small_hours=4, upkeep_large_hours=2,
    ),
)  # fmt: skip


def amount(low: float, high: float) -> st.SearchStrategy[float]:
    return st.floats(low, high, allow_nan=False, allow_subnormal=False)


EFFORTS = st.builds(
    Effort, hour=amount(5, 200), examples=amount(0, 5_000), label_minutes=amount(0, 5), building_hours=amount(0, 200),
    retrainings_a_year=amount(0, 52), retraining_hours=amount(0, 40), audited=amount(0, 1_000),
    upkeep_small_hours=amount(0, 60), upkeep_large_hours=amount(0, 60),
)  # fmt: skip
MACHINES = st.builds(
    Machine, how=st.sampled_from(["rented", "bought", "there"]), requests_per_second=amount(0.05, 500),
    utilisation=amount(0.05, 1), usd_a_month=amount(1, 3_000), price_usd=amount(100, 20_000),
    life_months=amount(6, 80), watts=amount(5, 800), usd_per_kwh=amount(0.02, 0.6),
)  # fmt: skip
CASES = st.builds(
    Case,
    traffic=st.builds(
        Traffic, requests=amount(1, 1e8), tokens_in=amount(1, 20_000), tokens_out=amount(1, 5_000),
        cached_share=amount(0, 1), batch_share=amount(0, 1),
    ),
    prices=st.builds(TokenPrices, input=amount(0.01, 20), cached=amount(0, 20), output=amount(0.01, 80), batch_discount=amount(0, 0.9)),
    machine=MACHINES,
    effort=EFFORTS,
    covered=amount(0.05, 1),
)  # fmt: skip


def difference(case: Case) -> float:
    return small_bill(case).total(MONTHS) - large_bill(case).total(MONTHS)


def size(case: Case) -> float:
    return small_bill(case).total(MONTHS) + large_bill(case).total(MONTHS) + 1


def test_the_sums_by_hand() -> None:
    small, large = small_bill(PLAIN), large_bill(PLAIN)
    assert dict(large.monthly) == {"calls": pytest.approx(66), "audits": 60, "upkeep": 60}
    assert dict(small.once) == {"labelling": pytest.approx(500), "building": 600}
    assert dict(small.monthly) == {"calls": 0, "machines": 40, "retraining": 60, "audits": 60, "upkeep": 120}
    assert small.total(12) == pytest.approx(1_100 + 12 * 280)
    assert break_even(PLAIN) is None, "280 a month is more than 186"
    dear = replace(PLAIN, prices=TokenPrices(2.5, 1.25, 10))
    assert break_even(dear) == pytest.approx(1_100 / (1_100 + 120 - 280))


def test_caching_and_batches_by_hand() -> None:
    prices = TokenPrices(2, 0.5, 8, 0.5)
    assert calls(Traffic(1_000, 1_000, 100), prices) == pytest.approx(2.8)
    assert calls(Traffic(1_000, 1_000, 100, cached_share=0.5), prices) == pytest.approx(1.25 + 0.8)
    assert calls(Traffic(1_000, 1_000, 100, cached_share=0.5, batch_share=1), prices) == pytest.approx(2.05 / 2)
    assert calls(Traffic(1_000, 1_000, 100), prices, share=0.25) == pytest.approx(0.7)


def test_machines_rented_bought_and_there() -> None:
    bought = Machine("bought", 10, 0.3, price_usd=1_200, life_months=48, watts=100, usd_per_kwh=0.2)
    assert bought.month == pytest.approx(25 + 73 * 0.2)
    assert replace(bought, how="there").month == pytest.approx(73 * 0.2), "only the power"
    assert bought.capacity == pytest.approx(10 * 0.3 * 730 * 3_600)
    assert machines(replace(PLAIN, traffic=replace(PLAIN.traffic, requests=8e6))) == 2
    assert machines(replace(PLAIN, traffic=replace(PLAIN.traffic, requests=8e6), covered=0.5)) == 1


def test_prices_that_fall_reach_the_point_where_the_verdict_flips() -> None:
    dear = replace(PLAIN, prices=TokenPrices(2.5, 1.25, 10))
    factor = flip_price(dear, MONTHS)
    assert factor == pytest.approx((1_100 + MONTHS * (280 - 120)) / (1_100 * MONTHS))
    assert months_until(0.25, 0.5) == pytest.approx(24)
    assert months_until(1.3, 0.5) == 0
    assert months_until(0.5, 0) is None
    assert months_until(-0.1, 0.9) is None, "the small way is cheaper even when calls are free"


@given(CASES)
def test_at_the_flip_price_both_ways_cost_the_same(case: Case) -> None:
    factor = flip_price(case, MONTHS)
    if factor is None or factor < 0:
        return
    (point,) = sweep(case, MONTHS, "price", [factor])
    assert point.small == pytest.approx(point.large, rel=1e-6, abs=1e-6)
    below, above = sweep(case, MONTHS, "price", [factor * 0.5, factor * 2 + 0.01])
    slack = 1e-9 * size(case)
    assert below.large <= below.small + slack
    assert above.small <= above.large + slack


@given(CASES)
def test_break_even_is_where_the_totals_meet(case: Case) -> None:
    months = break_even(case)
    small, large = small_bill(case), large_bill(case)
    if months is None:
        assert small.month >= large.month
    elif months > 0 and months < 1e6:
        assert small.total(months) == pytest.approx(large.total(months), rel=1e-6)
        assert small.total(months / 2) >= large.total(months / 2)


@given(CASES)
def test_the_flip_volume_pays_and_nothing_below_it_does(case: Case) -> None:
    def at(requests: float) -> Case:
        return replace(case, traffic=replace(case.traffic, requests=requests))

    flip = flip_requests(case, MONTHS)
    shares = (0.03, 0.2, 0.5, 0.9, 0.999)
    if flip is None:
        for requests in (1, 1e3, 1e6, 1e9):
            assert difference(at(requests)) > -1e-6 * size(at(requests))
    elif flip > 1:
        assert difference(at(flip * (1 - 1e-9))) <= 1e-6 * size(at(flip))
        for share in shares:
            if flip * share > 1:
                assert difference(at(flip * share)) >= -1e-6 * size(at(flip * share))


@given(CASES, amount(0, 1), amount(0, 1))
def test_more_from_the_cache_or_in_batches_never_costs_more_where_it_is_cheaper(
    case: Case, one: float, two: float
) -> None:
    few, many = sorted((one, two))
    prices = replace(case.prices, cached=min(case.prices.cached, case.prices.input))
    for key in ("cached_share", "batch_share"):
        dear, cheap = (calls(replace(case.traffic, **{key: share}), prices) for share in (few, many))
        assert cheap <= dear * (1 + 1e-12)


@given(CASES)
def test_a_busier_machine_never_makes_the_small_way_dearer(case: Case) -> None:
    points = sweep(case, MONTHS, "utilisation", [0.05, 0.1, 0.3, 0.6, 1.0])
    assert [p.small for p in points] == sorted((p.small for p in points), reverse=True)
    assert len({p.large for p in points}) == 1


@given(CASES)
def test_totals_are_finite_and_never_negative(case: Case) -> None:
    for bill in (small_bill(case), large_bill(case)):
        assert 0 <= bill.total(MONTHS) < float("inf")
        assert all(value >= 0 for value in (*bill.once.values(), *bill.monthly.values()))


@pytest.mark.parametrize("machine", ["rented", "bought", "there"])
@pytest.mark.parametrize("cascade", [True, False])
@pytest.mark.parametrize("requests", [500.0, 2e5, 2e6, 1e8])
def test_the_assumptions_ends_enclose_their_middle(requests: float, cascade: bool, machine: str) -> None:
    cases = [
        case_of(ASSUMED, prices_of("gpt-4o"), requests, side, kind="label", cascade=cascade, machine=machine)  # type: ignore[arg-type]
        for side in SIDES
    ]
    gaps = [difference(case) for case in cases]
    assert gaps == sorted(gaps), "from the end that favours the small model to the one that favours the large"


def test_a_dear_model_at_high_volume_is_overtaken_and_a_cheap_one_at_low_volume_is_not() -> None:
    often = case_of(ASSUMED, prices_of("gpt-4o"), 2e6, kind="fields")
    seldom = case_of(ASSUMED, prices_of("gpt-4o-mini"), 500, kind="fields")
    months = break_even(often)
    assert months is not None
    assert months < 3
    assert break_even(seldom) is None
    volume = flip_requests(seldom, MONTHS)
    assert volume is None or volume > 500


def test_prices_come_from_the_catalogue_and_are_never_guessed() -> None:
    assert prices_of("gpt-4o") == TokenPrices(2.5, 1.25, 10.0, 0.5)
    assert prices_of("command-r-08-2024") == TokenPrices(0.15, 0.15, 0.6, 0.0), (
        "no discount is granted where none is known"
    )
    assert prices_of("YandexGPT-Lite-5").input == pytest.approx(200 / 80.85)
    with pytest.raises(TaskError, match="no price"):
        prices_of("gpt-of-tomorrow")


def test_every_assumption_that_a_case_needs_is_a_range_with_source_and_date() -> None:
    for name in ("examples", "label_minutes", "retrainings", "retraining", "audited", "bought_machine",
                 "machine_life", "machine_power", "electricity", "price_fall"):  # fmt: skip
        entry = ASSUMED.entries[name]
        assert entry.range is not None
        assert entry.source
        assert entry.date == "2026-11-23"
        assert entry.range[0] <= middle(entry.range) <= entry.range[1]
