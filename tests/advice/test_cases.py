"""Twenty written-down cases, and for each rule a case that flips when only its answer does."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from sizewise.advice.judgement import judge
from sizewise.advice.questionnaire import checked_answers
from sizewise.advice.rules import read_rules

HERE = Path(__file__).parent
RULES = read_rules()
CASES: dict[str, dict[str, Any]] = {
    case["name"]: case for case in tomllib.loads((HERE / "cases.toml").read_text("utf-8"))["cases"]
}
FLIPS: list[dict[str, Any]] = tomllib.loads((HERE / "flips.toml").read_text("utf-8"))["flips"]


@pytest.mark.parametrize("name", CASES)
def test_a_case_ends_in_the_advice_that_was_written_down(name: str) -> None:
    answers = checked_answers(CASES[name]["answers"], RULES)
    assert judge(answers, RULES).advice == CASES[name]["advice"], CASES[name]["why"]


@pytest.mark.parametrize("flip", FLIPS, ids=[f["question"] for f in FLIPS])
def test_a_rule_flips_the_advice_when_only_its_answer_does(flip: dict[str, Any]) -> None:
    answers = checked_answers(CASES[flip["case"]]["answers"], RULES)
    assert answers[flip["question"]] != flip["answer"]
    assert judge(answers, RULES).advice == flip["before"]
    assert judge({**answers, flip["question"]: flip["answer"]}, RULES).advice == flip["after"]


def test_there_are_twenty_cases_of_every_kind_and_a_flip_for_every_question() -> None:
    assert len(CASES) == 20
    assert {case["advice"] for case in CASES.values()} == {"small", "cascade", "large", "measure-first"}
    assert {flip["question"] for flip in FLIPS} == {q.id for q in RULES.questions}
