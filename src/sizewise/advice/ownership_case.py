"""Cases for the cost of ownership out of the dated assumptions: the middle, and the end that favours either side."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Literal

from sizewise.advice.costs import Assumptions, Range
from sizewise.advice.ownership import SECONDS_PER_MONTH, Case, Effort, Machine, TokenPrices, Traffic
from sizewise.core.errors import TaskError
from sizewise.models.listing import llm, usd_price

Side = Literal["small", "middle", "large"]
SIDES: tuple[Side, ...] = ("small", "middle", "large")
UTILISATION = 0.3  # the assumed capacity of a machine is that of one which is busy 30 % of the time


def prices_of(name: str) -> TokenPrices:
    """The catalogue's price of a large model in dollars. Raises ``TaskError`` where it has none.

    Where the price of cached input or the batch discount is unknown, none is granted.
    """
    model = llm(name)
    price = "unknown" if model is None else usd_price(model)
    if price == "unknown":
        raise TaskError(
            f"the catalogue has no price for {name!r}; `sizewise models --kind llm` lists those that it has."
        )
    return TokenPrices(
        input=price.input,
        cached=price.input if price.cached == "unknown" else price.cached,
        output=price.output,
        batch_discount=0.0 if price.batch_discount == "unknown" else price.batch_discount,
    )


def with_llm(assumed: Assumptions, name: str) -> Assumptions:
    """The assumptions with the price of one large model in the place of a cheap and a dear one's."""
    prices = prices_of(name)
    pair = prices.input, prices.output
    return replace(assumed, cheap=pair, dear=pair, llm_source=name)


def middle(ends: Range) -> float:
    """The geometric mean, since assumptions span orders of magnitude; the arithmetic one where the range starts at 0.

    >>> middle((1, 100)), middle((0, 4))
    (10.0, 2.0)
    """
    low, high = ends
    return math.sqrt(low * high) if low > 0 else (low + high) / 2


def case_of(
    assumed: Assumptions,
    prices: TokenPrices,
    requests: float,
    side: Side = "middle",
    *,
    kind: str | None = None,
    cascade: bool = True,
    machine: Literal["rented", "bought", "there"] = "rented",
    cached_share: float = 0.0,
    batch_share: float = 0.0,
) -> Case:
    """One case. ``side`` says whom every assumption favours; ``kind`` is the kind of output, where it is known."""

    def low(name: str) -> float:
        """The end that favours the small model where little of it does."""
        return _end(assumed.of(name), side, small=0)

    def high(name: str, of: str | None = None) -> float:
        """The end that favours the small model where much of it does."""
        return _end(assumed.of(name, of), side, small=1)

    return Case(
        traffic=Traffic(requests, high("tokens_in", kind), high("tokens_out", kind), cached_share, batch_share),
        prices=prices,
        machine=Machine(
            how=machine,
            requests_per_second=high("small_capacity") / (SECONDS_PER_MONTH * UTILISATION),
            utilisation=UTILISATION,
            usd_a_month=low("small_machine"),
            price_usd=low("bought_machine"),
            life_months=high("machine_life"),
            watts=low("machine_power"),
            usd_per_kwh=low("electricity"),
        ),
        effort=Effort(
            hour=low("hour"),
            examples=low("examples"),
            label_minutes=low("label_minutes"),
            building_hours=low("building"),
            retrainings_a_year=low("retrainings"),
            retraining_hours=low("retraining"),
            audited=low("audited"),
            upkeep_small_hours=low("upkeep_cascade" if cascade else "upkeep_small"),
            upkeep_large_hours=high("upkeep_large"),
        ),
        covered=high("covered") if cascade else 1.0,
    )


def _end(ends: Range, side: Side, small: int) -> float:
    return middle(ends) if side == "middle" else ends[small if side == "small" else 1 - small]
