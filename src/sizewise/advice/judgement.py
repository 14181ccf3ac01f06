"""From answers to an advice: a sum of points, its interval over all that is not known, and the region it lies in.

The arithmetic is kept so simple that ``advice.js`` can do the same in a browser; a test holds the two together.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from sizewise.advice.questionnaire import Answers
from sizewise.advice.rules import Question, Risk, Rules

Advice = Literal["small", "cascade", "large", "measure-first"]
Where = Literal["api", "own", "either"]


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one question adds: ``low`` equals ``high`` where it was answered."""

    question: str
    answer: str | float | None
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class PossibleRisk:
    """A risk that applies by the answers given (``certain``), or may apply since an answer is missing."""

    risk: Risk
    certain: bool


@dataclass(frozen=True, slots=True)
class Judgement:
    """The advice, and what it rests on.

    ``low`` and ``high`` bound the score over every completion of what is not known; ``lowest`` and
    ``highest`` bound it over everything. ``certainty`` is 1 − (high − low) / (highest − lowest). ``large_where`` says
    where a large model may run. ``settle`` names unanswered questions, the one that would narrow the interval most first.
    """

    advice: Advice
    large_where: Where
    low: float
    high: float
    lowest: float
    highest: float
    certainty: float
    contributions: tuple[Contribution, ...]
    contradictions: tuple[int, ...]
    risks: tuple[PossibleRisk, ...]
    settle: tuple[str, ...]


def judge(answers: Answers, rules: Rules) -> Judgement:
    """The advice on checked ``answers``."""
    contributions = tuple(_contribution(q, answers) for q in rules.questions)
    low, high = sum(c.low for c in contributions), sum(c.high for c in contributions)
    lowest = sum(q.reach[0] for q in rules.questions)
    highest = sum(q.reach[1] for q in rules.questions)
    unknown = [c for c in contributions if c.answer is None]
    return Judgement(
        advice=_region(low, high, rules),
        large_where=_where(answers),
        low=low,
        high=high,
        lowest=lowest,
        highest=highest,
        certainty=1 - (high - low) / (highest - lowest),
        contributions=contributions,
        contradictions=tuple(
            i for i, c in enumerate(rules.contradictions) if all(answers.get(k) == v for k, v in c.when.items())
        ),
        risks=tuple(_risks(rules.risks, answers)),
        settle=tuple(c.question for c in sorted(unknown, key=lambda c: c.low - c.high)),
    )


def points(question: Question, answer: str | float) -> float:
    """What ``answer`` is worth; numbers lie on straight lines between the scale's steps, over their logarithm."""
    if question.options:
        return next(o.points for o in question.options if o.id == answer)
    assert not isinstance(answer, str)
    (first, worth), (_, most) = question.scale[0], question.scale[-1]
    if answer <= first:
        return worth
    for (x0, y0), (x1, y1) in pairwise(question.scale):
        if answer <= x1:
            return y0 + (y1 - y0) * (math.log(answer) - math.log(x0)) / (math.log(x1) - math.log(x0))
    return most


def _contribution(question: Question, answers: Answers) -> Contribution:
    answer = answers.get(question.id)
    if answer is None:
        return Contribution(question.id, None, *question.reach)
    worth = points(question, answer)
    return Contribution(question.id, answer, worth, worth)


def _region(low: float, high: float, rules: Rules) -> Advice:
    """One region for the whole interval; from the cascade's border up a cascade is right either way."""
    borders = rules.borders
    if low >= borders.small:
        return "small"
    if low >= borders.cascade:
        return "cascade"
    return "large" if high <= borders.large else "measure-first"


def _where(answers: Answers) -> Where:
    """A closed perimeter leaves own machines only; where that is not known, an API is not promised."""
    perimeter = answers.get("perimeter")
    return "own" if perimeter == "closed" else "either" if perimeter is None else "api"


def _risks(risks: Sequence[Risk], answers: Answers) -> list[PossibleRisk]:
    found = []
    for risk in risks:
        certain = not risk.when or any(answers.get(name) in values for name, values in risk.when.items())
        if certain or any(name not in answers for name in risk.when):
            found.append(PossibleRisk(risk, certain))
    return found
