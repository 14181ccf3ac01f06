"""What an exchange cost, by the dated price table, for the model that answered."""

from __future__ import annotations

import re
from functools import lru_cache

from sizewise.core.exchange import Exchange, altered
from sizewise.models.catalogue import TokenPrice, token_price

#: providers answer with the day of a model's version behind its name: ``gpt-4o-2024-08-06``, ``…-20250929``
_DAY = re.compile(r"-(?:\d{4}-\d{2}-\d{2}|\d{8}|latest)$")


@lru_cache(maxsize=256)
def price_of(model: str) -> TokenPrice | None:
    """The price of ``model``, whose name may end in a day; ``None`` where the table has none.

    >>> price_of("gpt-4o-2024-08-06").prompt, price_of("no-such-model")
    (2.5, None)
    """
    return token_price(model) or token_price(_DAY.sub("", model))


def priced(exchange: Exchange) -> Exchange:
    """``exchange`` with ``cost_usd`` where it was not known and both tokens and price are.

    ``prompt_tokens`` counts the cached ones too. What the specialist answered without the LLM costs nothing here.
    """
    name = exchange.answered_by or exchange.model
    if exchange.cost_usd is not None or name is None or exchange.prompt_tokens is None:
        return exchange
    price = price_of(name)
    if price is None:
        return exchange
    cached = min(exchange.cached_tokens or 0, exchange.prompt_tokens) if price.cached is not None else 0
    millionths = (
        (exchange.prompt_tokens - cached) * price.prompt
        + cached * (price.cached or 0.0)
        + (exchange.completion_tokens or 0) * price.completion
    )
    return altered(exchange, cost_usd=millionths / 1e6)
