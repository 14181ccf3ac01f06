from __future__ import annotations

import re
from pathlib import Path
from string import Formatter

import pytest

import sizewise.pipeline
from sizewise.report.page import render
from sizewise.report.words import Words, texts
from sizewise.verdict.wording import LANGUAGES, Language

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


def test_every_language_that_can_be_told_has_a_name() -> None:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    codes = {str(code) for code in LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True).nb_classes}
    for language in LANGUAGES:
        named = {key.removeprefix("language.") for key in texts(language) if key.startswith("language.")}
        assert codes | {"und"} <= named


def test_every_stage_of_a_run_has_a_name() -> None:
    stages = re.findall(r'clock\.stage\("(\w+)"\)', Path(sizewise.pipeline.__file__).read_text(encoding="utf-8"))
    assert len(stages) > 8
    for language in LANGUAGES:
        assert {f"stage.{name}" for name in (*stages, "total")} <= texts(language).keys()


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_count_stays_with_its_n(language: Language) -> None:
    pages = (render(EVERY[name], language) for name in EVERY if name != "hostile")
    assert not [found for page in pages for found in re.findall(r".{20}\bn = \d", page)]
