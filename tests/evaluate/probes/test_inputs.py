from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.evaluate.probes.inputs import RULES, is_russian, perturbed


@pytest.mark.parametrize(
    ("rule", "text", "wanted"),
    [
        ("case", "Где посылка?", "ГДЕ ПОСЫЛКА?"),
        ("case", "HELP ME", "help me"),
        ("spaces", "a b", " a  b\n"),
        ("punctuation", "Where, please, is it?!", "Where please is it"),
        ("punctuation", "paid 12.50 twice", "paid 12.50 twice..."),
        ("layout", "Где деньги?", "Ult ltymub?"),
        ("layout", "Ёж", "~;"),
        ("transliteration", "Щука и ёж", "Schuka i yozh"),
        ("layout", "where is it", None),
        ("transliteration", "where is it", None),
        ("typos", "a 12 ?!", None),
        ("typos", "", None),
        ("spaces", "  ", None),
    ],
)
def test_a_rule_by_its_statement(rule: str, text: str, wanted: str | None) -> None:
    assert perturbed(rule, text, 0) == wanted


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=300), st.integers(0, 5))
def test_any_text_is_changed_or_left_alone_and_always_alike(text: str, seed: int) -> None:
    for rule in RULES:
        once = perturbed(rule, text, seed)
        assert once == perturbed(rule, text, seed)
        assert once is None or once != text


def test_slips_are_about_one_in_twelve_letters() -> None:
    text = "unbelievable circumstances prevented delivery yesterday evening " * 5
    slipped = perturbed("typos", text, 1)
    assert slipped is not None
    changed = sum(a != b for a, b in zip(text.split(), slipped.split(), strict=True))
    assert 15 <= changed <= 25
    assert perturbed("typos", text, 2) != slipped


def test_russian_is_told_by_most_letters() -> None:
    assert is_russian("Заказ A-17 не пришёл")
    assert not is_russian("my заказ number seventeen")
    assert not is_russian("123 🙂")
