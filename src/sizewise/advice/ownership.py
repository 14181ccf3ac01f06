"""Total cost of ownership: what the small way and the large way cost over months, and where the one overtakes the other.

Pure arithmetic in US dollars without VAT. The small way answers the share ``covered`` of the traffic itself and hands
the rest to the large model; ``covered`` 1 is a small model alone. A bought machine is written off evenly over its life.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

MILLION = 1e6
SECONDS_PER_MONTH = 730 * 3_600.0
HOURS_PER_MONTH = 730.0


@dataclass(frozen=True, slots=True)
class Traffic:
    """Requests a month, tokens of one, the share of input that a cache serves, the share of requests sent in batches."""

    requests: float
    tokens_in: float
    tokens_out: float
    cached_share: float = 0.0
    batch_share: float = 0.0


@dataclass(frozen=True, slots=True)
class TokenPrices:
    """US dollars per million tokens; ``batch_discount`` is the share taken off whatever is sent in a batch."""

    input: float
    cached: float
    output: float
    batch_discount: float = 0.0


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine that runs the small model. ``rented``: dollars a month; ``bought``: price and life; ``there``: power alone.

    ``requests_per_second`` is what it answers when busy; ``utilisation`` the share of time it is planned to be busy.
    """

    how: Literal["rented", "bought", "there"]
    requests_per_second: float
    utilisation: float
    usd_a_month: float = 0.0
    price_usd: float = 0.0
    life_months: float = 1.0
    watts: float = 0.0
    usd_per_kwh: float = 0.0

    @property
    def month(self) -> float:
        """Dollars a month for one machine."""
        power = self.watts / 1_000 * HOURS_PER_MONTH * self.usd_per_kwh
        match self.how:
            case "rented":
                return self.usd_a_month
            case "bought":
                return self.price_usd / self.life_months + power
            case _:
                return power

    @property
    def capacity(self) -> float:
        """Requests a month."""
        return self.requests_per_second * self.utilisation * SECONDS_PER_MONTH


@dataclass(frozen=True, slots=True)
class Effort:
    """People's time, at ``hour`` dollars. ``audited`` examples a month are checked either way, at ``label_minutes`` each."""

    hour: float
    examples: float
    label_minutes: float
    building_hours: float
    retrainings_a_year: float
    retraining_hours: float
    audited: float
    upkeep_small_hours: float
    upkeep_large_hours: float


@dataclass(frozen=True, slots=True)
class Case:
    """Everything that the costs depend on."""

    traffic: Traffic
    prices: TokenPrices
    machine: Machine
    effort: Effort
    covered: float = 1.0


@dataclass(frozen=True, slots=True)
class Bill:
    """Dollars by what they are for: once, and every month."""

    once: Mapping[str, float]
    monthly: Mapping[str, float]

    @property
    def start(self) -> float:
        return sum(self.once.values())

    @property
    def month(self) -> float:
        return sum(self.monthly.values())

    def total(self, months: float) -> float:
        """Dollars over so many months from the start."""
        return self.start + self.month * months


def calls(traffic: Traffic, prices: TokenPrices, share: float = 1.0) -> float:
    """Dollars a month for the ``share`` of the traffic that goes to the large model.

    >>> calls(Traffic(1_000_000, 400, 5), TokenPrices(0.15, 0.075, 0.60))
    63.0
    """
    one = (
        traffic.tokens_in * ((1 - traffic.cached_share) * prices.input + traffic.cached_share * prices.cached)
        + traffic.tokens_out * prices.output
    )
    return traffic.requests * share * one * (1 - traffic.batch_share * prices.batch_discount) / MILLION


def machines(case: Case) -> int:
    """How many machines the covered traffic needs; one at least."""
    return max(1, math.ceil(case.traffic.requests * case.covered / case.machine.capacity))


def large_bill(case: Case) -> Bill:
    """The large model for all of the traffic."""
    effort = case.effort
    return Bill({}, {
        "calls": calls(case.traffic, case.prices),
        "audits": _audits(effort),
        "upkeep": effort.upkeep_large_hours * effort.hour,
    })  # fmt: skip


def small_bill(case: Case) -> Bill:
    """The small model for its share, the large one for the rest."""
    effort = case.effort
    return Bill(
        {
            "labelling": effort.examples * effort.label_minutes / 60 * effort.hour,
            "building": effort.building_hours * effort.hour,
        },
        {
            "calls": calls(case.traffic, case.prices, 1 - case.covered),
            "machines": machines(case) * case.machine.month,
            "retraining": effort.retrainings_a_year / 12 * effort.retraining_hours * effort.hour,
            "audits": _audits(effort),
            "upkeep": effort.upkeep_small_hours * effort.hour,
        },
    )


def _audits(effort: Effort) -> float:
    return effort.audited * effort.label_minutes / 60 * effort.hour


def break_even(case: Case) -> float | None:
    """Months until the small way has repaid itself; 0 where it costs no more from the start, ``None`` where it never does."""
    small, large = small_bill(case), large_bill(case)
    saved, start = large.month - small.month, small.start - large.start
    if start <= 0 and saved >= 0:
        return 0.0
    return start / saved if saved > 0 else None


def flip_price(case: Case, months: float) -> float | None:
    """The factor on today's prices of calls at which both ways cost the same over ``months``.

    Above it the small way is cheaper, below it the large one. At most 0: the small way is cheaper even if calls are
    free. ``None`` where prices do not matter, since no calls are saved.
    """
    saved = (calls(case.traffic, case.prices) - calls(case.traffic, case.prices, 1 - case.covered)) * months
    if saved <= 0:
        return None
    free = replace(case, prices=TokenPrices(0, 0, 0))
    return (small_bill(free).total(months) - large_bill(free).total(months)) / saved


def months_until(factor: float, yearly_fall: float) -> float | None:
    """In how many months prices that fall by the share ``yearly_fall`` a year reach ``factor`` of today's.

    0 where they are there already, ``None`` where they never get there.

    >>> round(months_until(0.5, 0.5))
    12
    """
    if factor >= 1:
        return 0.0
    if factor <= 0 or yearly_fall <= 0:
        return None
    return 0.0 if yearly_fall >= 1 else 12 * math.log(factor) / math.log(1 - yearly_fall)


def flip_requests(case: Case, months: float) -> float | None:
    """The fewest requests a month at which the small way is no dearer over ``months``; ``None``: at no volume.

    Machines come whole: just past the load of one the small way can be dearer again, until the next has filled.
    """
    one = replace(case, traffic=replace(case.traffic, requests=1.0))
    saved = (calls(one.traffic, one.prices) - calls(one.traffic, one.prices, 1 - case.covered)) * months
    machine = case.machine.month * months
    # what does not grow with the traffic, without machines: one request's calls and one machine are taken out again
    fixed = small_bill(one).total(months) - large_bill(one).total(months) + saved - machine
    if fixed + machine <= 0:
        return 0.0
    if saved <= 0:
        return None
    bears = case.machine.capacity / case.covered
    gained = bears * saved - machine  # by each machine that is full
    if gained <= 0:
        return (fixed + machine) / saved if fixed <= gained else None
    count = max(1, math.ceil(fixed / gained))
    return max((fixed + count * machine) / saved, (count - 1) * bears)


@dataclass(frozen=True, slots=True)
class Point:
    """Both totals at one value of what is varied."""

    value: float
    small: float
    large: float


def sweep(
    case: Case, months: float, what: Literal["requests", "price", "utilisation"], values: Iterable[float]
) -> list[Point]:
    """Both totals over ``months`` for each value: of requests a month, of the factor on prices, of utilisation."""
    points = []
    for value in values:
        varied = _varied(case, what, value)
        points.append(Point(value, small_bill(varied).total(months), large_bill(varied).total(months)))
    return points


def _varied(case: Case, what: Literal["requests", "price", "utilisation"], value: float) -> Case:
    if what == "requests":
        return replace(case, traffic=replace(case.traffic, requests=value))
    if what == "utilisation":
        return replace(case, machine=replace(case.machine, utilisation=value))
    prices = case.prices
    return replace(
        case,
        prices=TokenPrices(prices.input * value, prices.cached * value, prices.output * value, prices.batch_discount),
    )
