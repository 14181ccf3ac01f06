"""What each way costs, and where the small way begins to pay. US dollars."""

from __future__ import annotations

import math

from sizewise.core.measurement import Measured, Measurements, RungMeasurement
from sizewise.core.verdict import BreakEven, Costs

SECONDS_PER_HOUR = 3_600.0


def costs(measured: Measurements, small: RungMeasurement | None, coverage: Measured | None) -> Costs:
    """Per 1,000 requests each way; per month too where the bar names a volume.

    ``coverage`` is the share that the small model answers, ``None`` where nothing was certified.
    """
    prices, volume = measured.prices, measured.bar.volume_per_month
    large = measured.large.cost_per_1k_usd if measured.large else None
    local = _local_per_1k(measured, small)
    machines = _machines(measured, small, volume)
    machine_month = None if machines is None else machines * prices.machine_usd_per_hour * prices.hours_per_month
    per_month = None if volume is None or large is None else volume / 1_000 * large.value
    escalated = None if coverage is None or per_month is None else (1 - coverage.value) * per_month
    return Costs(
        large_per_1k_usd=large,
        small_per_1k_usd=local,
        cascade_per_1k_usd=_cascade_per_1k(local, large, coverage),
        large_source=measured.large.cost_source if measured.large else None,
        machine=prices.machine,
        machine_usd_per_hour=prices.machine_usd_per_hour,
        machine_source=prices.source,
        machine_date=prices.date,
        volume_per_month=volume,
        large_per_month_usd=per_month,
        small_per_month_usd=machine_month,
        cascade_per_month_usd=None if machine_month is None or escalated is None else machine_month + escalated,
        machines=machines,
    )


def break_even(
    measured: Measurements, costs: Costs, small: RungMeasurement | None, coverage: Measured | None
) -> BreakEven:
    """From how many requests a month one machine is cheaper than the calls that it saves."""
    large = costs.large_per_1k_usd
    if coverage is None or small is None:
        return BreakEven(None, None, "nothing was certified for the small model to answer")
    if large is None:
        return BreakEven(None, None, "the large model's cost is unknown")
    if large.value <= 0 or coverage.value <= 0:
        return BreakEven(None, None, "the large model's calls cost nothing, so nothing can be saved")
    machine = costs.machine_usd_per_hour * measured.prices.hours_per_month
    requests = machine / (large.value / 1_000 * coverage.value)
    if costs.large_per_month_usd is None:
        return BreakEven(requests, None, "one machine a month against the calls saved; no volume was given (--volume)")
    kept = costs.cascade_per_month_usd if coverage.value < 1 else costs.small_per_month_usd
    if kept is None:
        return BreakEven(requests, None, "the small model's throughput is unknown")
    saved = costs.large_per_month_usd - kept
    if saved <= 0:
        return BreakEven(requests, None, "at this volume the machine costs more than the calls it saves")
    built = sum(r.fit_seconds.value for r in measured.rungs if r.fit_seconds) / SECONDS_PER_HOUR
    months = built * costs.machine_usd_per_hour / saved
    return BreakEven(requests, months, "machine time of building against the monthly saving; people's time not counted")


def _local_per_1k(measured: Measurements, small: RungMeasurement | None) -> Measured | None:
    if small is None or small.throughput_per_s is None:
        return None
    rate = small.throughput_per_s

    def price(per_second: float) -> float:
        return measured.prices.machine_usd_per_hour / (per_second * SECONDS_PER_HOUR) * 1_000

    return Measured(
        price(rate.value), price(rate.high) if rate.high else None, price(rate.low) if rate.low else None, rate.n
    )


def _machines(measured: Measurements, small: RungMeasurement | None, volume: float | None) -> int | None:
    if volume is None or small is None or small.throughput_per_s is None:
        return None
    capacity = small.throughput_per_s.value * SECONDS_PER_HOUR * measured.prices.hours_per_month
    return max(1, math.ceil(volume / (capacity * measured.prices.utilisation)))


def _cascade_per_1k(local: Measured | None, large: Measured | None, coverage: Measured | None) -> Measured | None:
    if local is None or coverage is None:
        return None
    if coverage.value >= 1:
        return local
    if large is None:
        return None

    def total(small: float | None, covered: float | None, call: float | None) -> float | None:
        return None if small is None or covered is None or call is None else small + (1 - covered) * call

    return Measured(
        local.value + (1 - coverage.value) * large.value,
        total(local.low, coverage.high, large.low),
        total(local.high, coverage.low, large.high),
        coverage.n,
    )
