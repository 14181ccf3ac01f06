"""What the catalogue holds: models, prices, terms and rates, each fact with the key of its source.

Plain frozen data, read strictly: a key that is not named here, a missing source or a wrong type is refused.
What could not be found in a published source is the word ``unknown``, never a guess.
"""

from __future__ import annotations

import datetime as dt
from typing import Annotated, Generic, Literal, TypeVar

from msgspec import Meta, Struct

Unknown = Literal["unknown"]
Currency = Literal["USD", "EUR", "RUB"]
Kind = Literal["slm", "encoder"]
Answer = Literal["free", "limited", "forbidden", "unknown"]
Quantisation = Literal["Q4_K_M", "Q8_0", "F16", "BF16", "F32", "INT8"]

Count = Annotated[int, Meta(gt=0)]
Amount = Annotated[float, Meta(ge=0)]
Share = Annotated[float, Meta(ge=0, le=1)]
Text = Annotated[str, Meta(min_length=1)]
#: an ISO 639 code, or a number that the source names without listing the languages: ``140+``
LanguageCode = Annotated[str, Meta(pattern=r"^([a-z]{2,3}|\d+\+)$")]
Value = TypeVar("Value")


class _Entry(Struct, frozen=True, forbid_unknown_fields=True):
    """Frozen, and closed to keys that it does not name."""


class Source(_Entry, frozen=True):
    """Where a fact was read: ``seen`` by us; ``published`` is the date that it states of itself, if any."""

    title: Text
    url: Annotated[str, Meta(pattern="^https://")]
    seen: dt.date
    published: dt.date | None = None
    note: str = ""


class Fact(_Entry, Generic[Value], frozen=True):
    """A value and the key of its source."""

    value: Value
    source: Text


class Architecture(_Entry, frozen=True):
    """What memory depends on: layers, heads that hold keys and values, their width, the width and size of the vocabulary."""

    layers: Count
    kv_heads: Count
    head_dim: Count
    hidden: Count
    vocabulary: Count
    source: Text


class PublishedFile(_Entry, frozen=True):
    """The size of a model's file at one quantisation."""

    quantisation: Quantisation
    bytes: Count
    source: Text


class MeasuredMemory(_Entry, frozen=True):
    """Resident memory of the whole process, in MiB, at a context of so many tokens."""

    quantisation: Quantisation
    context: Count
    resident_mib: Count
    source: Text


class OpenModel(_Entry, frozen=True):
    """A model whose weights can be had: it runs locally."""

    name: Text
    family: Text
    provider: Text
    kind: Kind
    reference: Annotated[str, Meta(pattern="^hf:[^/]+/[^/]+$")]
    parameters: Fact[Count] | Unknown
    context: Fact[Count] | Unknown
    languages: Fact[tuple[LanguageCode, ...]] | Unknown
    licence: Fact[Text] | Unknown
    architecture: Architecture | Unknown
    files: tuple[PublishedFile, ...] = ()
    measured: tuple[MeasuredMemory, ...] = ()


class TwoLanguages(_Entry, frozen=True):
    """A remark in both languages of the product."""

    en: Text
    ru: Text


class SourcedText(_Entry, frozen=True):
    """A remark in both languages, with the key of its source."""

    en: Text
    ru: Text
    source: Text


class Price(_Entry, frozen=True):
    """Per million tokens. ``batch_discount`` is the share taken off for batch processing.

    ``in_force`` and ``ends`` are the first and the last day of the price, where they are known.
    """

    currency: Currency
    input: Amount
    cached: Amount | Unknown
    output: Amount
    batch_discount: Share | Unknown
    vat: Fact[Literal["included", "excluded"]] | Unknown
    source: Text
    in_force: dt.date | None = None
    ends: dt.date | None = None
    conditions: TwoLanguages | None = None


class HostedModel(_Entry, frozen=True):
    """A large model behind an API. ``retires`` is the day on which its provider switches it off."""

    name: Text
    family: Text
    provider: Text
    api: Annotated[str, Meta(pattern="^[a-z]+:.+$")]
    context: Fact[Count] | Unknown
    languages: Fact[tuple[LanguageCode, ...]] | Unknown
    terms: Text
    regions: SourcedText | Unknown
    price: Price | Unknown
    retires: Fact[dt.date] | None = None


class Condition(_Entry, frozen=True):
    """What terms say about one thing, in our words."""

    answer: Answer
    en: Text
    ru: Text
    source: Text


class Terms(_Entry, frozen=True):
    """A licence of weights, or the terms of an API: business use, training on outputs, models derived from the weights."""

    name: Text
    commercial: Condition
    training: Condition
    derived: Condition


class Rate(_Entry, frozen=True):
    """One unit of ``base`` is worth ``value`` units of ``quote`` on ``date``."""

    base: Currency
    quote: Currency
    value: Annotated[float, Meta(gt=0)]
    date: dt.date
    source: Text
