from __future__ import annotations

import re

import pytest

from sizewise.report.terminal import MOST_LINES, WIDTH, summary
from sizewise.verdict.wording import LANGUAGES, Language

from .records import EVERY


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("language", LANGUAGES)
def test_summary_is_short_plain_and_safe(name: str, language: Language) -> None:
    said = summary(EVERY[name], language)
    assert len(said.splitlines()) <= MOST_LINES
    assert max(map(len, said.splitlines())) <= WIDTH + 20
    assert not [c for c in said if ord(c) < 32 and c != "\n"]
    assert "\u202e" not in said
    assert "[31m" not in said
    assert "None" not in said


@pytest.mark.parametrize(
    ("name", "language", "first"),
    [
        ("small-llm", "en", "The small model (encoder) can do the whole task"),
        ("cascade-llm", "ru", "Малой модели (encoder) можно доверить 74,1\u00a0% запросов"),
        ("large-llm", "en", "Stay with the large model"),
        ("more-data-llm", "ru", "Решать рано"),
        ("contradicted", "en", "!! The test rows contradict the guarantee"),
        ("contradicted", "ru", "!! Тестовые строки противоречат гарантии"),
    ],
)
def test_what_matters_stands_first(name: str, language: Language, first: str) -> None:
    assert summary(EVERY[name], language).startswith(first)


def test_ladder_costs_bound_and_limits_are_there() -> None:
    said = summary(EVERY["cascade-gold"])
    chosen = next(line for line in said.splitlines() if line.startswith("encoder"))
    assert "94.1\u00a0% (93.3–94.9\u00a0%)" in chosen
    assert "3.10\u00a0ms" in chosen
    assert "244\u00a0MiB" in chosen
    assert "chosen" in chosen
    for part in (
        "75.8\u00a0%",
        "575\u00a0ms",
        "$0.079",
        "$0.29",
        "bound 0.84\u00a0%",
        "1.00\u00a0%",
        "0.620",
        "Limits:",
    ):
        assert part in said


def test_columns_are_aligned() -> None:
    lines = summary(EVERY["cascade-gold"]).splitlines()
    table = [line for line in lines if line.startswith(("rung", "majority", "keywords", "encoder", "openai"))]
    starts = {line.index(part) for line, part in zip(table, ("accuracy", "4.0", "91.3", "94.1", "75.8"), strict=True)}
    assert len(starts) == 1


def test_hostile_names_do_nothing_to_a_terminal() -> None:
    for language in LANGUAGES:
        said = summary(EVERY["hostile"], language)
        assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]", said)
        assert "x" * 200 not in said
        assert "y" * 200 not in said
        assert max(len(line) for line in said.splitlines()) <= WIDTH + 20
