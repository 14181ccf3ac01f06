"""The cost of ownership for people: lines for a terminal, and one page with its pictures, which opens offline."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib.resources import files
from typing import Literal

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sizewise.advice.costs import VOLUMES, Assumptions, Currency
from sizewise.advice.ownership import (
    Case,
    TokenPrices,
    break_even,
    flip_price,
    flip_requests,
    large_bill,
    months_until,
    small_bill,
    sweep,
)
from sizewise.advice.ownership_case import SIDES, case_of, middle, prices_of
from sizewise.advice.ownership_chart import chart
from sizewise.advice.questionnaire import Answers
from sizewise.advice.rules import Language
from sizewise.advice.words import money, rate_text, say, texts
from sizewise.core.errors import SizewiseError, TaskError
from sizewise.models.listing import llm, usd_price

MONTHS = 24
DEFAULT_LARGE = "gpt-4o-mini"
STEPS = 40
VARIED: tuple[tuple[Literal["requests", "price", "utilisation"], float, float], ...] = (
    ("requests", *VOLUMES),
    ("price", 0.01, 10.0),
    ("utilisation", 0.02, 0.9),
)


@dataclass(frozen=True, slots=True)
class Terms:
    """Over how many months, on what machine, and what a cache and batches take off the calls (shares from 0 to 1)."""

    months: int = MONTHS
    machine: Literal["rented", "bought", "there"] = "rented"
    cached_share: float = 0.0
    batch_share: float = 0.0

    def __post_init__(self) -> None:
        if not 1 <= self.months <= 600:
            raise TaskError(f"--months {self.months}: from 1 to 600.")
        if self.machine not in ("rented", "bought", "there"):
            raise TaskError(f"--machine {self.machine!r}: rented, bought or there.")
        for name, share in (("--cached-share", self.cached_share), ("--batch-share", self.batch_share)):
            if not 0 <= share <= 1:
                raise TaskError(f"{name} {share}: a share from 0 to 1.")


@dataclass(frozen=True, slots=True)
class Ownership:
    """The three cases, by whom the assumptions favour: small, neither, large; and what they are shown in."""

    cases: tuple[Case, Case, Case]
    large: str
    assumed: Assumptions
    currency: Currency
    closed: bool = False
    months: int = MONTHS


def ownership(
    answers: Answers,
    assumed: Assumptions,
    currency: str = "USD",
    large: str | None = None,
    terms: Terms | None = None,
) -> Ownership:
    """The cost of both ways for a task of which ``answers`` tell volume and kind of output.

    A volume that is not known is the middle of its range. Raises ``TaskError`` where the catalogue has no price for ``large``.
    """
    terms = terms or Terms()
    name = large or DEFAULT_LARGE
    prices: TokenPrices = prices_of(name)
    volume = answers.get("volume")
    requests = middle(VOLUMES) if volume is None else max(float(volume), 1.0)
    kind = answers.get("output")
    one, two, three = (
        case_of(
            assumed,
            prices,
            requests,
            side,
            kind=kind if isinstance(kind, str) else None,
            machine=terms.machine,
            cached_share=terms.cached_share,
            batch_share=terms.batch_share,
        )
        for side in SIDES
    )
    closed = answers.get("perimeter") == "closed"
    return Ownership((one, two, three), name, assumed, assumed.currency(currency), closed, terms.months)


def ownership_summary(found: Ownership, language: Language = "en") -> str:
    """Totals, break-even and where the verdict flips, for each set of assumptions."""
    head = say("ownership", language, months=found.months, model=found.large)
    lines = [f"{head}:"]
    for row in rows(found, language):
        side, small, large, repaid, price, volume = row
        lines.append(f"  {say('ownership_side', language)} {side}")
        lines.append(f"    {say('ownership_small', language)} {small}, {say('ownership_large', language)} {large}")
        lines.append(f"    {say('ownership_break_even', language)}: {repaid}")
        lines.append(f"    {say('ownership_flip_price', language)}: {price}")
        lines.append(f"    {say('ownership_flip_volume', language)}: {volume}")
    closed = ["  " + say("ownership_closed", language)] if found.closed else []
    return "\n".join([*lines, "  " + falling(found, language), *closed, "  " + priced(found, language)])


def rows(found: Ownership, language: Language) -> list[list[str]]:
    """For each set of assumptions: whom it favours, both totals, break-even, the price and the volume of the flip."""
    table = []
    for side, case in zip(SIDES, found.cases, strict=True):
        small, large = small_bill(case).total(found.months), large_bill(case).total(found.months)
        table.append(
            [
                say(f"ownership_side_{side}", language),
                money(small, language, found.currency),
                money(large, language, found.currency),
                _repaid(case, language),
                _price(case, found.months, language),
                _volume(case, found.months, language),
            ]
        )
    return table


def _repaid(case: Case, language: Language) -> str:
    months = break_even(case)
    if months is None:
        return say("ownership_never", language)
    return (
        say("ownership_months", language, value=f"{months:.0f}")
        if months >= 0.5
        else say("ownership_at_once", language)
    )


def _price(case: Case, months: int, language: Language) -> str:
    factor = flip_price(case, months)
    if factor is None:
        return say("ownership_no_calls", language)
    if factor <= 0:
        return say("ownership_if_free", language)
    return say("ownership_of_today", language, value=_times(factor, language))


def _volume(case: Case, months: int, language: Language) -> str:
    requests = flip_requests(case, months)
    if requests is None:
        return say("ownership_no_volume", language)
    if requests <= 1:
        return say("ownership_any_volume", language)
    return say("ownership_requests", language, value=_count(requests, language))


def falling(found: Ownership, language: Language) -> str:
    """In how many months falling prices flip the verdict, at the middle of all assumptions."""
    fall = max(found.assumed.of("price_fall"))
    factor = flip_price(found.cases[1], found.months)
    months = None if factor is None else months_until(factor, fall)
    if months is None or months > 10 * found.months:
        return say("ownership_fall_never", language, months=10 * found.months)
    if months == 0:
        return say("ownership_fall_now", language)
    return say("ownership_fall", language, fall=f"{100 * fall:.0f} %", months=f"{months:.0f}")


def priced(found: Ownership, language: Language) -> str:
    """Where the price of the large model comes from, its day, and whether value-added tax is in it."""
    model = llm(found.large)
    price = "unknown" if model is None else usd_price(model)
    if price == "unknown":
        raise SizewiseError(f"the price of {found.large} is gone from the catalogue.")
    vat = say(f"ownership_vat_{price.vat}", language)
    return say("ownership_priced", language, model=found.large, source=price.source, date=price.date, vat=vat)


def ownership_page(found: Ownership, language: Language = "en") -> str:
    """One page: totals, what they consist of, three pictures, and every assumption with its source."""
    template = files("sizewise.advice.page").joinpath("ownership.html").read_text("utf-8")
    css = files("sizewise.advice.page").joinpath("page.css").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(template).render(
        language=language,
        css=Markup(css),  # noqa: S704 - a file of ours
        say=lambda name: say(name, language),
        title=say("ownership", language, months=found.months, model=found.large),
        rows=rows(found, language),
        items=_items(found, language),
        charts=[(title, Markup(svg)) for title, svg in _charts(found, language)],  # noqa: S704 - escaped as it was drawn
        falling=falling(found, language),
        closed=say("ownership_closed", language) if found.closed else "",
        note=say(
            "ownership_note",
            language,
            vat=found.assumed.vat[language],
            rate=rate_text(found.currency, language),
        ),
        priced=priced(found, language),
        assumptions=[
            (
                name,
                _named(name, language),
                _range_text(entry.of(), entry.unit, language),
                f"{entry.source}, {entry.date}",
            )
            for name, entry in found.assumed.entries.items()
        ],
    )


def _items(found: Ownership, language: Language) -> list[list[str]]:
    """What the middle case's bills consist of: item, small way, large way."""
    small, large = small_bill(found.cases[1]), large_bill(found.cases[1])
    table = []
    for when, ours, theirs in (("once", small.once, large.once), ("monthly", small.monthly, large.monthly)):
        for item in dict.fromkeys([*ours, *theirs]):
            what = say(f"ownership_{when}", language, what=say(f"ownership_{item}", language))
            amounts = [money(bill.get(item, 0.0), language, found.currency) for bill in (ours, theirs)]
            table.append([what, *amounts])
    return table


def _charts(found: Ownership, language: Language) -> list[tuple[str, str]]:
    drawn = []
    for what, low, high in VARIED:
        values = [low * (high / low) ** (step / STEPS) for step in range(STEPS + 1)]
        one, two, three = (sweep(case, found.months, what, values) for case in found.cases)
        title = say(f"ownership_by_{what}", language)
        drawn.append((title, chart((one, two, three), title, _axis(what, language), _amount(found, language))))
    return drawn


def _axis(what: str, language: Language) -> Callable[[float], str]:
    if what == "requests":
        return lambda value: _count(value, language)
    if what == "price":
        return lambda value: _times(value, language)
    return lambda value: f"{100 * value:.0f} %"


def _amount(found: Ownership, language: Language) -> Callable[[float], str]:
    return lambda amount: money(amount, language, found.currency)


def _times(factor: float, language: Language) -> str:
    text = f"{factor:.2g}" if factor < 100 else f"{factor:,.0f}"
    return "×" + (text.replace(",", "\u00a0").replace(".", ",") if language == "ru" else text)


def _count(value: float, language: Language) -> str:
    rounded = round(value, -max(0, len(str(int(value))) - 2))
    return f"{rounded:,.0f}".replace(",", "\u00a0" if language == "ru" else ",")


def _named(name: str, language: Language) -> str:
    """What an assumption is about; of one that somebody added, its name."""
    return texts(language).get(f"assumption_{name}", name)


def _range_text(ends: tuple[float, float], unit: str, language: Language) -> str:
    """
    >>> _range_text((5e7, 2e8), "requests a month", "en")
    '50,000,000 \u2013 200,000,000 requests a month'
    """
    low, high = (f"{end:,.0f}" if end >= 1_000 else f"{end:g}" for end in ends)
    said = texts(language).get("unit_" + unit.lower().replace(" ", "_").replace("-", "_"), unit)
    text = f"{low} \u2013 {high}"
    if language == "ru":
        text = text.replace(".", "\0").replace(",", "\u00a0").replace("\0", ",")
    return f"{text} {said}"
