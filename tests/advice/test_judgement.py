"""What must hold of every advice, whatever the answers."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.advice.costs import monthly_costs, read_assumptions
from sizewise.advice.judgement import judge, points
from sizewise.advice.questionnaire import Given
from sizewise.advice.rules import read_rules
from sizewise.advice.summary import advise, as_data, compared, summary
from sizewise.advice.words import advice_text

from .answer_sets import answer_sets

RULES, ASSUMED = read_rules(), read_assumptions()


@given(answer_sets(RULES), st.integers(0, 10_000))
def test_not_knowing_an_answer_never_narrows_the_interval(answers: dict[str, Given], which: int) -> None:
    if not answers:
        return
    forgotten = dict(answers)
    del forgotten[sorted(answers)[which % len(answers)]]
    known, less = judge(answers, RULES), judge(forgotten, RULES)
    assert less.low <= known.low + 1e-9
    assert less.high >= known.high - 1e-9
    assert less.certainty <= known.certainty + 1e-9


@given(answer_sets(RULES))
def test_the_interval_holds_every_completion(answers: dict[str, Given]) -> None:
    judged = judge(answers, RULES)
    best: dict[str, Given] = dict(answers)
    for question in RULES.questions:
        if question.id not in answers:
            best[question.id] = (
                max(question.options, key=lambda o: o.points).id
                if question.options
                else max(question.scale, key=lambda s: s[1])[0]
            )
    assert judge(best, RULES).low == pytest.approx(judged.high)
    assert 0 <= judged.certainty <= 1


@given(answer_sets(RULES), st.sampled_from(["en", "ru"]))
def test_a_closed_perimeter_never_recommends_an_api(answers: dict[str, Given], language: str) -> None:
    judged = judge({**answers, "perimeter": "closed"}, RULES)
    assert judged.large_where == "own"
    text = advice_text(judged, "ru" if language == "ru" else "en")
    assert "behind an API" not in text
    assert "за API" not in text
    assert not any(found.risk.id == "provider" for found in judged.risks)


@given(answer_sets(RULES), st.floats(1, 1e9), st.floats(1, 1e9))
def test_more_volume_never_makes_the_large_model_cheaper_beside_the_small_one(
    answers: dict[str, Given], one: float, other: float
) -> None:
    less, more = sorted((one, other))
    ratios = []
    for volume in (less, more):
        costs = {c.way: c for c in monthly_costs({**answers, "volume": volume}, ASSUMED)}
        ratios.append([costs["large"].total[end] / costs["small"].total[end] for end in (0, 1)])
    assert ratios[1][0] >= ratios[0][0] * (1 - 1e-9)
    assert ratios[1][1] >= ratios[0][1] * (1 - 1e-9)
    volume_rule = RULES.question("volume")
    assert points(volume_rule, more) >= points(volume_rule, less)


@given(answer_sets(RULES))
def test_costs_are_ranges_that_hold_the_people(answers: dict[str, Given]) -> None:
    for cost in monthly_costs(answers, ASSUMED):
        assert 0 < cost.people[0] <= cost.total[0] <= cost.total[1]
        assert cost.people[1] <= cost.total[1]


@given(answer_sets(RULES), st.sampled_from(["small", "large", "more-data", None]))
def test_the_summary_and_the_data_say_the_same(answers: dict[str, Given], decision: str | None) -> None:
    advised = advise(answers, RULES, ASSUMED)
    data = as_data(advised, decision)
    for language in ("en", "ru"):
        text = summary(advised, "ru" if language == "ru" else "en", decision)
        assert data["next"]["command"] in text
        assert "{" not in text
        assert all(len(line) <= 110 for line in text.splitlines())
    assert data["certainty"] == pytest.approx(
        1 - (data["score"]["high"] - data["score"]["low"]) / (data["score"]["highest"] - data["score"]["lowest"])
    )


def test_contradictions_are_pointed_out_and_change_nothing() -> None:
    plain = judge({"perimeter": "closed"}, RULES)
    both = judge({"perimeter": "closed", "today": "llm"}, RULES)
    assert not plain.contradictions
    assert [RULES.contradictions[i].when for i in both.contradictions] == [{"perimeter": "closed", "today": "llm"}]
    assert both.low == plain.low - RULES.question("today").reach[0] + 1


def test_what_is_not_known_is_listed_by_what_it_would_settle() -> None:
    judged = judge({}, RULES)
    reaches = [RULES.question(name).reach for name in judged.settle]
    widths = [high - low for low, high in reaches]
    assert widths == sorted(widths, reverse=True)
    assert len(judged.settle) == len(RULES.questions)


@pytest.mark.parametrize("decision", ["small", "cascade", "large", "more-data"])
def test_a_verdict_is_said_in_the_readers_words(decision: str) -> None:
    advised = advise({"field": "narrow"}, read_rules(), read_assumptions())
    for judgement in (advised.judgement, replace(advised.judgement, advice="small")):
        said = compared(judgement, decision, "ru")
        assert not re.search("[a-z]", said)
