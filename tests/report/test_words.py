from __future__ import annotations

import re
from string import Formatter

import pytest

from sizewise.report.page import render
from sizewise.report.words import Words, texts
from sizewise.verdict.wording import LANGUAGES

from .reader import read
from .records import EVERY

LATIN_ALIKE = {"n", "p95", "model", "terminal.latency", "terminal.no", "picture.off", "picture.priced"}


def placeholders(text: str) -> list[str]:
    return sorted(name for _, name, _, _ in Formatter().parse(text) if name)


def test_both_languages_hold_the_same_keys_and_placeholders() -> None:
    english, russian = texts("en"), texts("ru")
    assert english.keys() == russian.keys()
    assert {key for key in english if placeholders(english[key]) != placeholders(russian[key])} == set()


def test_every_russian_text_is_russian() -> None:
    plain = {key: re.sub(r"\{[^}]*\}", "", text) for key, text in texts("ru").items() if key not in LATIN_ALIKE}
    assert {key for key, text in plain.items() if not re.search("[а-яё]", text, re.IGNORECASE)} == set()


@pytest.mark.parametrize("name", [name for name in EVERY if name != "hostile"])
def test_no_english_words_on_the_russian_page(name: str) -> None:
    russian = read(render(EVERY[name], "ru")).text
    pieces = {piece.strip() for text in texts("en").values() for piece in re.split(r"\{[^}]*\}", text)}
    phrases = {piece for piece in pieces if re.search(r"[a-z]{2,}.*\s.*[a-z]{2,}", piece)}
    assert {phrase for phrase in phrases if phrase in russian} == set()


def test_every_key_that_the_code_names_exists() -> None:
    for language in LANGUAGES:
        with pytest.raises(KeyError):
            Words(language)("no.such.text")
