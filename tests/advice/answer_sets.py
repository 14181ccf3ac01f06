"""Random answers, each question answered or not."""

from __future__ import annotations

import random

from hypothesis import strategies as st

from sizewise.advice.questionnaire import Given
from sizewise.advice.rules import Question, Rules


def random_answers(rules: Rules, seed: int) -> dict[str, Given]:
    """One answer set; each question is left out in one case of four."""
    drawn = random.Random(seed)
    return {q.id: _one(q, drawn) for q in rules.questions if drawn.random() > 0.25}


def _one(question: Question, drawn: random.Random) -> Given:
    if question.options:
        return drawn.choice(question.options).id
    return float(round(10 ** drawn.uniform(0, 8)))


def answer_sets(rules: Rules) -> st.SearchStrategy[dict[str, Given]]:
    """The same for hypothesis."""
    return st.integers(0, 2**32).map(lambda seed: random_answers(rules, seed))
