"""A portfolio for people: lines for a terminal, and one HTML page with one table and one picture."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sizewise.advice.costs import DOLLARS, Assumptions, Currency, Range
from sizewise.advice.portfolio import WAYS, Mixture, Portfolio, PortfolioTask
from sizewise.advice.rules import Language
from sizewise.advice.words import money, rate_text, say
from sizewise.core.measurement import Measured

LONGEST_NAME = 80
WIDTH = 100
COLUMNS = ("task", "basis", "volume", *WAYS, "quality")


def portfolio_summary(
    found: Portfolio, assumed: Assumptions, language: Language = "en", currency: Currency = DOLLARS
) -> str:
    """The tasks, the steps and the conclusion as plain text."""
    head = [say(f"portfolio_{name}", language) for name in COLUMNS]
    tasks = [
        line
        for row in task_rows(found.tasks, language, currency)
        for line in [row[0], *(f"  {name}: {cell}" for name, cell in zip(head[1:], row[1:], strict=True))]
    ]
    rows = mixture_rows(found, language, currency)
    width = min(60, max(len(row[0]) for row in rows))
    mixtures = [f"{row[0]:<{width}}  {row[1]}  ({row[2]})" for row in rows]
    said = [
        line
        for text in (*conclusions(found, language, currency), note(assumed, language, currency))
        for line in textwrap.wrap(text, WIDTH, break_on_hyphens=False)
    ]
    titles = (
        say("portfolio_mixture", language),
        say("portfolio_money", language, currency=currency.name),
        say("portfolio_hours", language),
    )
    return "\n".join([*tasks, "", f"{titles[0]}: {titles[1]} ({titles[2]})", *mixtures, "", *said])


def portfolio_page(
    found: Portfolio, assumed: Assumptions, language: Language = "en", currency: Currency = DOLLARS
) -> str:
    """One page that opens offline."""
    template = files("sizewise.advice.page").joinpath("portfolio.html").read_text("utf-8")
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    css = files("sizewise.advice.page").joinpath("page.css").read_text("utf-8")
    return environment.from_string(template).render(
        language=language,
        css=Markup(css),  # noqa: S704 - a file of ours
        say=lambda name: say(name, language, currency=currency.name),
        conclusions=conclusions(found, language, currency),
        columns=COLUMNS,
        tasks=task_rows(found.tasks, language, currency),
        mixtures=mixture_rows(found, language, currency),
        bars=_bars([mixture for _, mixture in _steps(found, language)]),
        labels=[name for name, _ in _steps(found, language)],
        note=note(assumed, language, currency),
    )


def visible(name: str) -> str:
    """A name without what a terminal or a page would obey, cut where it is long."""
    shown = "".join(c if c.isprintable() else "\ufffd" for c in name)
    return shown if len(shown) <= LONGEST_NAME else shown[: LONGEST_NAME - 1] + "\u2026"


def task_rows(tasks: Sequence[PortfolioTask], language: Language, currency: Currency) -> list[list[str]]:
    """A row a task: name, basis, volume, what calls cost in each way, quality."""
    rows = []
    for task in tasks:
        low, high = task.volume
        volume = _count(low, language) if low == high else f"{_count(low, language)} \u2013 {_count(high, language)}"
        calls = [
            _money(task.ways[way].calls, language, currency) if way in task.ways else say("portfolio_closed", language)
            for way in WAYS
        ]
        basis = say(f"portfolio_{task.basis}", language, said=say(f"portfolio_said_{task.said}", language))
        rows.append([visible(task.name), basis, volume, *calls, _quality(task, language)])
    return rows


def mixture_rows(found: Portfolio, language: Language, currency: Currency) -> list[list[str]]:
    """A row a mixture: what it is, dollars a month, hours of people a month."""
    return [
        [name, _money(m.money, language, currency), _hours(m.hours, language)] for name, m in _steps(found, language)
    ]


def _steps(found: Portfolio, language: Language) -> list[tuple[str, Mixture]]:
    steps = [(say("portfolio_all_large", language), found.path[0])]
    names = [task.name for task in found.tasks]
    for name, mixture in zip(found.moved, found.path[1:], strict=True):
        way = say(f"way_{mixture.ways[names.index(name)]}", language)
        steps.append((say("portfolio_step", language, task=visible(name), way=way), mixture))
    steps.append((say("portfolio_all_small", language), found.all_small))
    steps.append((say("portfolio_cheapest", language, n=found.enumerated), found.cheapest))
    return steps


def conclusions(found: Portfolio, language: Language, currency: Currency) -> list[str]:
    """Which side wins, what to move first, and what is not proven."""
    worth = money(sum(found.simplicity) / 2, language, currency)
    if found.one_model_wins:
        said = [say("portfolio_stay", language, worth=worth)]
    else:
        saving = money(found.all_large.middle - found.cheapest.middle, language, currency)
        said = [say("portfolio_move", language, saving=saving, worth=worth)]
        before, after = (money(m.middle, language, currency) for m in found.path[:2])
        said.append(say("portfolio_first", language, task=visible(found.moved[0]), before=before, after=after))
    if any(task.basis == "advised" for task in found.tasks):
        said.append(say("portfolio_unproven", language))
    return said


def note(assumed: Assumptions, language: Language, currency: Currency) -> str:
    """What the figures rest on."""
    machines = _money(assumed.of("small_machine"), language, currency)
    return say(
        "portfolio_note", language, machines=machines, vat=assumed.vat[language], rate=rate_text(currency, language)
    )


def _bars(mixtures: Sequence[Mixture]) -> list[dict[str, Any]]:
    """Ranges and middles in per cent of the dearest."""
    dearest = max(m.money[1] for m in mixtures)
    return [
        {
            "left": round(100 * m.money[0] / dearest, 2),
            "width": round(100 * (m.money[1] - m.money[0]) / dearest, 2),
            "middle": round(100 * m.middle / dearest, 2),
        }
        for m in mixtures
    ]


def _quality(task: PortfolioTask, language: Language) -> str:
    said = [
        f"{say(f'way_{way}', language)} {_share(one.quality, language)}"
        for way, one in task.ways.items()
        if one.quality is not None
    ]
    return "; ".join(said) or say("portfolio_unmeasured", language)


def _share(measured: Measured, language: Language) -> str:
    def percent(value: float) -> str:
        text = f"{100 * value:.1f}"
        return text.replace(".", ",") if language == "ru" else text

    if measured.low is None or measured.high is None:
        return f"{percent(measured.value)} % (n = {measured.n})"
    return f"{percent(measured.value)} % ({percent(measured.low)}\u2013{percent(measured.high)}, n = {_count(measured.n, language)})"


def _money(amount: Range, language: Language, currency: Currency) -> str:
    low, high = (money(value, language, currency) for value in amount)
    return low if low == high else f"{low} \u2013 {high}"


def _hours(hours: Range, language: Language) -> str:
    text = f"{hours[0]:.0f} \u2013 {hours[1]:.0f}"
    return f"{text} ч" if language == "ru" else f"{text} h"


def _count(value: float, language: Language) -> str:
    return f"{value:,.0f}".replace(",", "\u00a0" if language == "ru" else ",")
