"""One model of the catalogue for a terminal: every fact with its source, the terms, and the sources' addresses."""

from __future__ import annotations

import datetime as dt
import textwrap
from collections.abc import Callable, Iterator
from typing import TypeVar

from sizewise.models.known_facts import Fact, HostedModel, OpenModel, Price, Terms, Unknown
from sizewise.models.listing import Listing, price_seen, source_keys
from sizewise.models.memory_need import OFFERED, memory_need
from sizewise.report.model_list import amount, batch, billions, memory, seen, vat
from sizewise.report.visible import stripped
from sizewise.report.words import Words

WIDTH = 100
Value = TypeVar("Value")


def detail(
    model: OpenModel | HostedModel, listing: Listing, today: dt.date, context: int, words: Words
) -> Iterator[str]:
    """All that is known of ``model``; keys of sources stand in brackets and are spelt out at the end."""
    yield from _wrapped(f"{model.name}: {model.family}, {model.provider}", "")
    facts = _local(model, context, words) if isinstance(model, OpenModel) else _hosted(model, today, words)
    for key, text in facts:
        yield from _wrapped(f"{words(f'models.{key}')}: {text}", "    ")
    terms = _terms(model, listing)
    if terms is not None:
        yield from _wrapped(f"{words('models.terms')}: {terms.name}", "    ")
        for key in ("commercial", "training", "derived"):
            condition = getattr(terms, key)
            said = condition.ru if words.language == "ru" else condition.en
            answer = words(f"models.answer_{condition.answer}")
            yield from _wrapped(f"{words(f'models.{key}')}: {answer}: {said} [{condition.source}]", "      ")
        yield words("models.no_advice")
    yield words("models.sources")
    for key in sorted({*source_keys(model), *(source_keys(terms) if terms else ())}):
        source = listing.sources[key]
        dated = words("models.published", day=str(source.published)) if source.published else words("models.undated")
        yield from _wrapped(
            f"[{key}] {source.title}; {dated}; {_read(source.seen, today, words)}. {source.note}", "    "
        )
        yield f"    {stripped(source.url, 300)}"


def _local(model: OpenModel, context: int, words: Words) -> Iterator[tuple[str, str]]:
    yield "reference", model.reference
    yield "parameters", _fact(model.parameters, words, lambda n: billions(n, words))
    yield "context", _fact(model.context, words, words.numbers.count)
    yield "languages", _fact(model.languages, words, ", ".join)
    yield "licence", _fact(model.licence, words, str)
    yield "where", words("models.local")
    for quantisation in OFFERED[model.kind]:
        need = memory_need(model, quantisation, context)
        if need is not None:
            size = words("models.megabytes", n=words.numbers.count(need.file.bytes / 1e6))
            size = size if need.file.how == "published" else words("models.about", what=size)
            yield "memory", f"{quantisation}: {words('models.file').lower()} {size}, {memory(need, words)}"


def _hosted(model: HostedModel, today: dt.date, words: Words) -> Iterator[tuple[str, str]]:
    yield "reference", model.api
    yield "context", _fact(model.context, words, words.numbers.count)
    yield "languages", _fact(model.languages, words, ", ".join)
    if model.regions == "unknown":
        yield "where", words("models.api_only")
    else:
        yield "where", f"{model.regions.ru if words.language == 'ru' else model.regions.en} [{model.regions.source}]"
    if model.retires is not None:
        yield "retires", f"{model.retires.value} [{model.retires.source}]"
    yield "price", words("unknown") if model.price == "unknown" else _price(model.price, today, words)


def _price(price: Price, today: dt.date, words: Words) -> str:
    unknown = words("unknown")
    cached = unknown if price.cached == "unknown" else amount(price.cached, words)
    off = unknown if price.batch_discount == "unknown" else batch(price, words)
    parts = [
        words("models.price_line", input=amount(price.input, words), cached=cached, output=amount(price.output, words),
              batch=off, currency=price.currency),
        f"{words('models.vat')}: {vat(price, words)}",
        *([words("models.from_day", day=str(price.in_force))] if price.in_force else []),
        *([words("models.to_day", day=str(price.ends))] if price.ends else []),
        _read(price_seen(price), today, words),
        *([price.conditions.ru if words.language == "ru" else price.conditions.en] if price.conditions else []),
    ]  # fmt: skip
    return "; ".join(parts) + f" [{price.source}]"


def _read(day: dt.date, today: dt.date, words: Words) -> str:
    return f"{words('models.seen').lower()} {seen(day, today, words)}"


def _terms(model: OpenModel | HostedModel, listing: Listing) -> Terms | None:
    if isinstance(model, HostedModel):
        return listing.terms[model.terms]
    return None if model.licence == "unknown" else listing.terms[model.licence.value]


def _fact(fact: Fact[Value] | Unknown, words: Words, write: Callable[[Value], str]) -> str:
    return words("unknown") if fact == "unknown" else f"{write(fact.value)} [{fact.source}]"


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(
        stripped(text, 2_000),
        WIDTH,
        initial_indent="  " if indent else "",
        subsequent_indent=indent,
        break_on_hyphens=False,
    )
