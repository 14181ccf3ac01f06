"""The advice for a terminal, and as JSON."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sizewise.advice.costs import Assumptions, Currency, WayCost, monthly_costs
from sizewise.advice.judgement import Contribution, Judgement, judge
from sizewise.advice.next_step import next_step
from sizewise.advice.questionnaire import Answers
from sizewise.advice.rules import Language, Question, Rules
from sizewise.advice.words import advice_text, money, rate_text, say, signed

WIDTH = 100
SHOWN = 6


@dataclass(frozen=True, slots=True)
class Advised:
    """An advice with all that it rests on."""

    answers: Answers
    rules: Rules
    assumed: Assumptions
    judgement: Judgement
    costs: tuple[WayCost, ...]
    currency: Currency


def advise(answers: Answers, rules: Rules, assumed: Assumptions, currency: str = "USD") -> Advised:
    """Judge checked ``answers``, and count what each way would cost, to be shown in ``currency``."""
    costs = monthly_costs(answers, assumed)
    return Advised(answers, rules, assumed, judge(answers, rules), costs, assumed.currency(currency))


def summary(advised: Advised, language: Language = "en", decision: str | None = None) -> str:
    """Advice, score, what it rests on, contradictions, costs, risks, what would settle the rest, the next step.

    ``decision`` is a finished run's verdict, which the advice is then held against.
    """
    sections = (_head, _weights, _contradictions, _costs, _risks, _settle, _next)
    lines = [line for section in sections for line in section(advised, language)]
    if decision is not None:
        lines += ["", *_wrapped(compared(advised.judgement, decision, language))]
    return "\n".join(lines)


def compared(judgement: Judgement, decision: str, language: Language) -> str:
    """The advice beside a run's verdict."""
    found = say(f"way_{decision}", language)
    if judgement.advice == "measure-first":
        return say("measured_open", language, decision=found)
    name = "measured_agrees" if judgement.advice == decision else "measured_differs"
    return say(name, language, advice=say(f"way_{judgement.advice}", language), decision=found)


def as_data(advised: Advised, decision: str | None = None) -> dict[str, Any]:
    """The same as plain data for JSON: numbers in points and US dollars a month."""
    judgement = advised.judgement
    reason, command = next_step(judgement, advised.answers)
    return {
        "rules_date": advised.rules.date,
        "assumptions_date": advised.assumed.date,
        "answers": dict(advised.answers),
        "advice": judgement.advice,
        "large_where": judgement.large_where,
        "score": {
            "low": judgement.low,
            "high": judgement.high,
            "lowest": judgement.lowest,
            "highest": judgement.highest,
        },
        "certainty": judgement.certainty,
        "contributions": [
            {"question": c.question, "answer": c.answer, "low": c.low, "high": c.high} for c in judgement.contributions
        ],
        "contradictions": [dict(advised.rules.contradictions[i].when) for i in judgement.contradictions],
        "costs_usd_per_month": {
            c.way: {"low": c.total[0], "high": c.total[1], "people_low": c.people[0], "people_high": c.people[1]}
            for c in advised.costs
        },
        "currency": {"name": advised.currency.name, "per_usd": advised.currency.per_usd, "date": advised.currency.date},
        "risks": [{"way": r.risk.way, "id": r.risk.id, "certain": r.certain} for r in judgement.risks],
        "settle": list(judgement.settle),
        "next": {"reason": reason, "command": command},
        "measured": decision,
    }


def _head(advised: Advised, language: Language) -> Iterator[str]:
    judgement = advised.judgement
    yield from _wrapped(advice_text(judgement, language))
    borders = advised.rules.borders
    values: Mapping[str, float] = {
        "low": judgement.low, "high": judgement.high, "lowest": judgement.lowest, "highest": judgement.highest,
        "large": borders.large, "cascade": borders.cascade, "small": borders.small,
    }  # fmt: skip
    exact = judgement.low == judgement.high
    written = {name: signed(value, language) for name, value in values.items()}
    yield from _wrapped(say("score_exact" if exact else "score", language, **written))
    known = sum(c.answer is not None for c in judgement.contributions)
    yield from _wrapped(
        say("certainty", language, certainty=round(100 * judgement.certainty), answered=known,
            questions=len(judgement.contributions))
    )  # fmt: skip
    yield from _wrapped(say("opinion", language))


def _weights(advised: Advised, language: Language) -> Iterator[str]:
    known = [c for c in advised.judgement.contributions if c.answer is not None and c.low]
    if not known:
        return
    yield from ("", say("rests_on", language) + ":")
    for contribution in sorted(known, key=lambda c: -abs(c.low))[:SHOWN]:
        question = advised.rules.question(contribution.question)
        yield from _wrapped(
            f"{signed(contribution.low, language):>5}  {question.text[language]} — "
            f"{answer_text(question, contribution, language)}. {question.reason[language]}", "       "
        )  # fmt: skip


def answer_text(question: Question, contribution: Contribution, language: Language) -> str:
    """The answer in the person's words."""
    if isinstance(contribution.answer, str):
        return next(o.text[language] for o in question.options if o.id == contribution.answer)
    number = f"{contribution.answer:,.0f}" if contribution.answer is not None else say("unknown", language)
    return number.replace(",", "\u00a0") if language == "ru" else number


def _contradictions(advised: Advised, language: Language) -> Iterator[str]:
    if advised.judgement.contradictions:
        yield from ("", say("contradictions", language) + ":")
        for index in advised.judgement.contradictions:
            yield from _wrapped(f"! {advised.rules.contradictions[index].text[language]}", "  ")


def _costs(advised: Advised, language: Language) -> Iterator[str]:
    yield from ("", say("costs", language) + ":")
    for cost in advised.costs:
        low, high = (money(v, language, advised.currency) for v in cost.total)
        people = " – ".join(money(v, language, advised.currency) for v in cost.people)
        name = "way_large_own" if cost.way == "large" and advised.judgement.large_where == "own" else f"way_{cost.way}"
        yield f"  {say(name, language):<22}{low} – {high}   ({say('share_people', language)} {people})"
    yield from _wrapped(
        say("costs_note", language, vat=advised.assumed.vat[language], rate=rate_text(advised.currency, language))
    )


def _risks(advised: Advised, language: Language) -> Iterator[str]:
    yield from ("", say("risks", language) + ":")
    for found in advised.judgement.risks:
        mark = "" if found.certain else f" ({say('possible', language)})"
        yield from _wrapped(f"- {say(f'way_{found.risk.way}', language)}: {found.risk.text[language]}{mark}", "  ")


def _settle(advised: Advised, language: Language) -> Iterator[str]:
    if advised.judgement.settle:
        yield from ("", say("settle", language) + ":")
        for name in advised.judgement.settle[:3]:
            question = advised.rules.question(name)
            yield from _wrapped(f"- {question.text[language]} {question.find_out[language]}", "  ")


def _next(advised: Advised, language: Language) -> Iterator[str]:
    reason, command = next_step(advised.judgement, advised.answers)
    yield from ("", f"{say('next', language)}: {command}")
    yield from _wrapped(say(reason, language))


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(text, WIDTH, subsequent_indent=indent, break_on_hyphens=False)
