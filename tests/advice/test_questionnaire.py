"""Questionnaires, rules and assumptions as files: what is wrong is said with file and place."""

from __future__ import annotations

from pathlib import Path

import pytest

from sizewise.advice.costs import read_assumptions
from sizewise.advice.questionnaire import checked_answers, read_answers, written
from sizewise.advice.rules import read_rules
from sizewise.core.errors import TaskError

from .answer_sets import random_answers

RULES = read_rules()


@pytest.mark.parametrize("seed", range(20))
def test_a_questionnaire_reads_back_as_it_was_written(tmp_path: Path, seed: int) -> None:
    answers = random_answers(RULES, seed)
    file = tmp_path / "анкета 🙂.toml"
    file.write_text(written(answers, RULES), encoding="utf-8")
    assert read_answers(file, RULES) == answers


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[answers]\nfeild = 'narrow'", "did you mean 'field'"),
        ("[answers]\nfield = 'narow'", "did you mean 'narrow'"),
        ("[answers]\nfield = 7", "field = 7"),
        ("[answers]\nvolume = -1", "must be a number from 0 up"),
        ("[answers]\nvolume = 'many'", "must be a number from 0 up"),
        ("[answers]\nvolume = nan", "must be a number from 0 up"),
        ("[answers]\nvolume = true", "must be a number from 0 up"),
        ("answers = 3", "must be a table"),
        ("[answers", "is no questionnaire"),
    ],
)
def test_a_wrong_answer_is_said_where_it_stands(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "q.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(TaskError, match=r"q\.toml") as caught:
        read_answers(file, RULES)
    assert said in str(caught.value)


def test_volume_may_be_written_as_people_write_it() -> None:
    assert checked_answers({"volume": "2 000 000"}, RULES) == {"volume": 2_000_000.0}
    assert checked_answers({"volume": "1e6", "field": "unknown", "tasks": ""}, RULES) == {"volume": 1_000_000.0}


@pytest.mark.parametrize("content", [b"\xff\xfe", b"[borders]\nlarge = 1\n", b"", b"date = 1\nborders = 3"])
def test_files_that_are_none_are_refused(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "broken.toml"
    file.write_bytes(content)
    with pytest.raises(TaskError, match=r"broken\.toml"):
        read_rules(file)
    with pytest.raises(TaskError, match=r"broken\.toml"):
        read_assumptions(file)


def test_files_that_are_missing_are_named(tmp_path: Path) -> None:
    for read in (read_rules, read_assumptions):
        with pytest.raises(TaskError, match="no file"):
            read(tmp_path / "none.toml")
    with pytest.raises(TaskError, match="no questionnaire"):
        read_answers(tmp_path / "none.toml", RULES)


def test_own_weights_change_the_advice(tmp_path: Path) -> None:
    from importlib.resources import files

    text = files("sizewise.advice").joinpath("advice.toml").read_text("utf-8")
    assert 'id = "narrow", points = 4' in text
    file = tmp_path / "mine.toml"
    file.write_text(text.replace('id = "narrow", points = 4', 'id = "narrow", points = 40'), encoding="utf-8")
    assert read_rules(file).question("field").reach == (-5, 40)


def test_every_rule_has_its_reason_source_and_way_to_find_out_in_both_languages() -> None:
    for question in RULES.questions:
        for language in ("en", "ru"):
            assert question.text[language]
            assert question.reason[language]
            assert question.find_out[language]
        assert RULES.sources[question.source]
    assumed = read_assumptions()
    assert all(entry.source and entry.date and entry.unit for entry in assumed.entries.values())
