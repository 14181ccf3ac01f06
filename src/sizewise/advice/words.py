"""The advice's texts and numbers in two languages."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from sizewise.advice.costs import DOLLARS, Currency
from sizewise.advice.judgement import Judgement
from sizewise.advice.rules import Language


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Every text of ``language`` by its name."""
    return tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))[language]  # type: ignore[no-any-return]


def say(name: str, language: Language, /, **parameters: Any) -> str:
    """The text of ``name`` with its parameters.

    >>> say("points", "en", points="+3")
    '+3 points'
    """
    return texts(language)[name].format(**parameters)


def signed(points: float, language: Language) -> str:
    """Points to one decimal with their sign, none for zero.

    >>> signed(3, "en"), signed(-1.25, "ru"), signed(0, "en")
    ('+3', '−1,2', '0')
    """
    text = f"{abs(points):.1f}".removesuffix(".0")
    sign = "" if text == "0" else "+" if points > 0 else "\u2212"
    return sign + (text.replace(".", ",") if language == "ru" else text)


def money(usd: float, language: Language, currency: Currency = DOLLARS) -> str:
    """An amount of dollars in ``currency``, rounded to two figures that count: more would promise what a range does not hold.

    >>> money(1740, "en"), money(98.4, "ru"), money(4.2, "en")
    ('$1,700', '98\xa0$', '$4')
    """
    value = usd * currency.per_usd
    rounded = round(value, -max(0, len(str(int(value))) - 2)) if value >= 1 else 0.0 if value == 0 else 1.0
    number = f"{rounded:,.0f}"
    return (
        f"{number.replace(',', chr(0xA0))}\u00a0{currency.symbol}" if language == "ru" else f"{currency.symbol}{number}"
    )


def advice_text(judgement: Judgement, language: Language) -> str:
    """The advice in one sentence; no API is named where the perimeter is closed."""
    name = f"advice_{judgement.advice}"
    own = judgement.large_where
    if judgement.advice in ("cascade", "large") and f"{name}_{own}" in texts(language):
        name = f"{name}_{own}"
    return say(name, language)


def rate_text(currency: Currency, language: Language) -> str:
    """The rate that amounts were shown by, with its date and source; nothing for dollars."""
    if currency.name == "USD":
        return ""
    rate = f"{currency.per_usd:g}".replace(".", "," if language == "ru" else ".")
    return say("rate", language, per_usd=rate, name=currency.name, source=currency.source, date=currency.date)
