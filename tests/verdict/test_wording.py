from __future__ import annotations

import re
import tomllib
from importlib.resources import files
from string import Formatter

import pytest

from sizewise.verdict.wording import LANGUAGES, QUANTITIES, codes, reason, say

TEXTS = tomllib.loads(files("sizewise.verdict").joinpath("reasons.toml").read_text(encoding="utf-8"))


def placeholders(text: str) -> set[tuple[str, str]]:
    return {(name, spec or "") for _, name, spec, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("code", codes())
def test_every_code_is_said_in_both_languages_with_the_same_placeholders(code: str) -> None:
    assert set(TEXTS[code]) == set(LANGUAGES)
    assert placeholders(TEXTS[code]["en"]) == placeholders(TEXTS[code]["ru"])


@pytest.mark.parametrize("code", codes())
def test_russian_is_russian(code: str) -> None:
    assert any("а" <= letter <= "я" for letter in TEXTS[code]["ru"])
    assert not any("а" <= letter <= "я" for letter in TEXTS[code]["en"])


@pytest.mark.parametrize("name", QUANTITIES)
def test_quantities_are_named_in_both_languages(name: str) -> None:
    assert set(QUANTITIES[name]) == set(LANGUAGES)


def test_numbers_are_written_as_the_language_writes_them() -> None:
    parameters = {"volume": 1_234_567, "small": 1_234.5, "large": 0.5}
    assert "1\u202f234\u202f567" in say("cost_exceeds", parameters, "en")
    assert "$1\u202f234.50" in say("cost_exceeds", parameters, "en")
    assert "$1\u202f234,50" in say("cost_exceeds", parameters, "ru")
    shares = {"coverage": 0.1234, "coverage_low": 0.1, "min_coverage": 0.2, "n": 3_000}
    assert "12.3\u00a0%" in say("coverage_too_low", shares, "en")
    assert "12,3\u00a0%" in say("coverage_too_low", shares, "ru")


def test_quantities_are_translated_inside_a_sentence() -> None:
    parameters: dict[str, str | float | int | None] = {"quantity": "risk", "limit": 0.03, "certainty": 0.95}
    assert QUANTITIES["risk"]["en"] in say("no_threshold", parameters, "en")
    assert QUANTITIES["risk"]["ru"] in say("no_threshold", parameters, "ru")


def test_russian_counts_need_no_plural() -> None:
    one: dict[str, str | float | int | None] = {
        "n": 21,
        "needed": 99,
        "limit": 0.03,
        "rows": 21,
        "groups": 1,
        "test": 1,
        "calibrate": 1,
    }
    for code in (
        "small_test",
        "approximate_groups",
        "too_few_calibration_rows",
        "leakage",
        "like_calibration",
        "like_calibration_all",
    ):
        said = say(code, one, "ru")
        assert re.search(r"\b(21|1) [а-яё]", said) is None, said


def test_no_share_stands_without_its_interval_beside_one_that_has_it() -> None:
    for language in LANGUAGES:
        assert "{large" not in TEXTS["small_against_large"][language]


def test_a_reason_carries_its_english_text() -> None:
    made = reason("no_cost")
    assert made.text == say("no_cost", made.parameters, "en")


def test_what_is_unknown_or_missing_is_an_error() -> None:
    with pytest.raises(KeyError):
        reason("no_such_code")
    with pytest.raises(KeyError):
        reason("small_test")
