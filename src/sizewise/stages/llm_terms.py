"""What the catalogue knows of an LLM before it is asked: its price, and whether its answers may train a model."""

from __future__ import annotations

import re
from dataclasses import dataclass

from sizewise.core.errors import TaskError
from sizewise.llm.price import FREE, Price
from sizewise.llm.providers import Endpoint
from sizewise.models.known_facts import HostedModel
from sizewise.models.listing import listing, usd_price

_DATED = re.compile(r"[-@/](?:\d{8}|\d{4}-\d{2}-\d{2}|latest)$")


def known(endpoint: Endpoint) -> HostedModel | None:
    """The catalogue's entry for the model at its own provider; a dated version counts as the model."""
    whole = re.sub(r"^\w+://[^/]+/", "", endpoint.model)  # Yandex: gpt://<folder>/yandexgpt/latest
    names = [f"{endpoint.provider.name}:{name}".casefold() for name in (whole, _DATED.sub("", whole))]
    return next((model for name in names for model in listing().llms if model.api.casefold() == name), None)


def price_of(endpoint: Endpoint, given: str | None = None) -> Price:
    """The price as ``given`` (``prompt,completion[,cached]``, US dollars per million tokens), else the catalogue's.

    Raises ``TaskError`` where none is known: without a price no budget can be kept.
    """
    if given is not None:
        return _given(given)
    found = known(endpoint)
    price = "unknown" if found is None else usd_price(found)
    if price == "unknown":
        if endpoint.provider.name in ("ollama", "llamacpp", "vllm"):
            return FREE
        raise TaskError(
            f"the price of {endpoint.name} is not known, and without it no budget can be kept. Give it in US dollars per "
            "million tokens of prompt and answer: --price 2.50,10 (--price 0,0 for a server of your own)."
        )
    return Price(
        prompt=price.input,
        completion=price.output,
        cached=None if price.cached == "unknown" else price.cached,
        batch_discount=None if price.batch_discount == "unknown" else price.batch_discount,
        source=price.source,
        date=str(price.date),
    )


def _given(text: str) -> Price:
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError:
        numbers = []
    if len(numbers) not in (2, 3) or not all(0 <= number < 1e6 for number in numbers):
        raise TaskError(f"--price {text!r}: write dollars per million tokens of prompt and answer: --price 2.50,10.")
    return Price(numbers[0], numbers[1], numbers[2] if len(numbers) == 3 else None, source="--price")


@dataclass(frozen=True, slots=True)
class TrainingTerms:
    """What the terms say about training on the answers: ``answer`` free, limited, forbidden or unknown, with its source."""

    terms: str
    answer: str
    text: str
    source: str
    date: str

    @property
    def sentence(self) -> str:
        """The terms, said aloud."""
        if self.answer == "free":
            return f"terms: {self.terms}: training on answers: {self.text} ({self.source}, seen {self.date})"
        loud = {"forbidden": "FORBID training on answers", "limited": "LIMIT training on answers"}.get(
            self.answer, "on training on answers are not known"
        )
        return f"terms: {self.terms} {loud}: {self.text} ({self.source}, seen {self.date}). Read them before you go on."


def training_terms(endpoint: Endpoint, language: str = "en") -> TrainingTerms:
    """What the terms of the model say about models trained on its answers."""
    found = known(endpoint)
    if found is None:
        return TrainingTerms(
            f"the terms of {endpoint.name}", "unknown", "the catalogue does not hold them", endpoint.provider.source,
            str(endpoint.provider.seen),
        )  # fmt: skip
    terms = listing().terms[found.terms]
    source = listing().sources[terms.training.source]
    text = terms.training.ru if language == "ru" else terms.training.en
    return TrainingTerms(terms.name, terms.training.answer, text, source.url, str(source.seen))
