"""The catalogue read: ``llm("gpt-4o")``, ``open_model("phi-4")``, prices in one currency, sources and terms by key."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any, Literal, TypeVar

import msgspec

from sizewise.core.errors import InputError
from sizewise.models.known_facts import (
    Currency,
    HostedModel,
    OpenModel,
    Price,
    Rate,
    Source,
    Terms,
    Unknown,
)

Read = TypeVar("Read")


@dataclass(frozen=True, slots=True)
class Listing:
    """Everything that the catalogue knows; models in the order of its files."""

    models: tuple[OpenModel, ...]
    llms: tuple[HostedModel, ...]
    terms: Mapping[str, Terms]
    sources: Mapping[str, Source]
    rates: tuple[Rate, ...]


class _Models(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    model: tuple[OpenModel, ...]


class _Llms(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    llm: tuple[HostedModel, ...]


class _Rates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    rate: tuple[Rate, ...]


def decode(text: str, kind: type[Read], name: str) -> Read:
    """The TOML ``text`` of the file ``name`` as ``kind``. Raises ``InputError`` with the place of what is wrong."""
    try:
        return msgspec.toml.decode(text, type=kind)
    except msgspec.DecodeError as error:
        raise InputError(f"The catalogue's file {name} cannot be read: {error}.") from None


def _read(name: str, kind: type[Read]) -> Read:
    return decode(files("sizewise.models").joinpath("known", name).read_text(encoding="utf-8"), kind, name)


def source_keys(entry: object) -> Iterator[str]:
    """Every key of a source that ``entry`` names, at any depth."""
    yield from _keys(msgspec.to_builtins(entry))


def _keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key == "source":
                yield inner
            else:
                yield from _keys(inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _keys(inner)


def check(listing: Listing) -> None:
    """Refuse a listing that names a source or terms which it does not hold, or one name twice. Raises ``InputError``."""
    named = {
        key for part in (listing.models, listing.llms, listing.rates, dict(listing.terms)) for key in source_keys(part)
    }
    terms = {m.licence.value for m in listing.models if m.licence != "unknown"} | {m.terms for m in listing.llms}
    names = [m.name.casefold() for m in listing.models] + [m.name.casefold() for m in listing.llms]
    wrong = sorted(named - listing.sources.keys()) + sorted(terms - listing.terms.keys())
    wrong += sorted({name for name in names if names.count(name) > 1})
    if wrong:
        raise InputError(f"The catalogue names what it does not hold, or one name twice: {', '.join(wrong)}.")


@cache
def listing() -> Listing:
    """The catalogue that is shipped."""
    read = Listing(
        models=(*_read("encoders.toml", _Models).model, *_read("slms.toml", _Models).model),
        llms=_read("llms.toml", _Llms).llm,
        terms=_read("terms.toml", dict[str, Terms]),
        sources=_read("sources.toml", dict[str, Source]),
        rates=_read("exchange.toml", _Rates).rate,
    )
    check(read)
    return read


def llm(name: str) -> HostedModel | None:
    """The large model of that name, with or without its provider, however it is capitalised.

    >>> llm("anthropic:claude-haiku-4-5").price.input
    1.0
    """
    return next((model for model in listing().llms if is_called(model, name)), None)


def open_model(name: str) -> OpenModel | None:
    """The model with open weights of that name or reference.

    >>> open_model("hf:microsoft/phi-4").parameters.value
    14659507200
    """
    return next((model for model in listing().models if is_called(model, name)), None)


def is_called(model: OpenModel | HostedModel, name: str) -> bool:
    """Whether ``name``, with or without provider or organisation, is the model's name, reference or API name."""
    reference = model.reference if isinstance(model, OpenModel) else model.api
    return _plain(name) in (_plain(model.name), _plain(reference))


def _plain(name: str) -> str:
    return name.rsplit("/", 1)[-1].rsplit(":", 1)[-1].casefold()


@dataclass(frozen=True, slots=True)
class UsdPrice:
    """US dollars per million tokens. ``date`` is the older of the days of price and exchange rate; VAT as stated."""

    input: float
    cached: float | Unknown
    output: float
    batch_discount: float | Unknown
    vat: Literal["included", "excluded", "unknown"]
    date: dt.date
    source: str


def usd_price(model: HostedModel) -> UsdPrice | Unknown:
    """The price in US dollars, exchanged where it is named in another currency; ``unknown`` without price or rate."""
    price = model.price
    if price == "unknown":
        return "unknown"
    factor = exchange(1.0, price.currency, "USD")
    if factor == "unknown":
        return "unknown"
    worth, day, said = factor
    seen = price_seen(price)
    return UsdPrice(
        input=price.input * worth,
        cached="unknown" if price.cached == "unknown" else price.cached * worth,
        output=price.output * worth,
        batch_discount=price.batch_discount,
        vat="unknown" if price.vat == "unknown" else price.vat.value,
        date=seen if day is None else min(seen, day),
        source=listing().sources[price.source].url + (f"; {said}" if said else ""),
    )


def price_seen(price: Price) -> dt.date:
    """The day on which the price was read in its source."""
    return listing().sources[price.source].seen


def exchange(amount: float, base: Currency, quote: Currency) -> tuple[float, dt.date | None, str] | Unknown:
    """``amount`` of ``base`` in ``quote``, the rate's day and its source's address; no day where both are the same.

    One step, or two by way of the US dollar. ``unknown`` where the catalogue holds no rate.
    """
    if base == quote:
        return amount, None, ""
    step = _rate(base, quote)
    if step is not None:
        return amount * step[0], step[1], step[2]
    there, back = _rate(base, "USD"), _rate("USD", quote)
    if there is None or back is None:
        return "unknown"
    return amount * there[0] * back[0], min(there[1], back[1]), f"{there[2]}; {back[2]}"


def _rate(base: Currency, quote: Currency) -> tuple[float, dt.date, str] | None:
    for rate in listing().rates:
        address = listing().sources[rate.source].url
        if (rate.base, rate.quote) == (base, quote):
            return rate.value, rate.date, address
        if (rate.base, rate.quote) == (quote, base):
            return 1 / rate.value, rate.date, address
    return None
