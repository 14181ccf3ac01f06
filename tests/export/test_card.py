from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from sizewise.export.export import export
from sizewise.run import Run


def front_matter(card: str) -> dict[str, Any]:
    """The card's YAML, whose values are JSON."""
    head = card.split("---\n")[1]
    return {key: json.loads(value) for key, _, value in (line.partition(": ") for line in head.splitlines())}


@pytest.fixture(scope="module")
def cards(served_run: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    out = export(served_run, "wheel", tmp_path_factory.mktemp("card") / "out", small=True).folder
    return (out / "README.md").read_text(encoding="utf-8"), (out / "README.ru.md").read_text(encoding="utf-8")


def test_the_front_matter_is_the_hubs(cards: tuple[str, str], served_run: Path) -> None:
    english, russian = map(front_matter, cards)
    assert english == russian
    assert english["license"] == "other"
    assert english["pipeline_tag"] == "text-classification"
    assert set(english["language"]) == {"en", "ru"}
    (index,) = english["model-index"]
    (result,) = index["results"]
    verdict = Run.open(served_run).verdict
    assert result["dataset"]["revision"] == verdict.data.sha256
    found = {metric["type"]: metric for metric in result["metrics"]}
    assert verdict.small is not None
    assert verdict.small.agreement is not None
    assert found["agreement"]["value"] == verdict.small.agreement.value
    assert found["agreement"]["n"] == verdict.small.agreement.n


def test_both_languages_say_the_same_numbers(cards: tuple[str, str]) -> None:
    english, russian = (card.split("---\n", 2)[2] for card in cards)
    figures = [sorted(re.findall(r"\d+(?:[.,]\d+)?", text.replace(",", "."))) for text in (english, russian)]
    assert set(figures[0]) - set(figures[1]) <= {"2.0"}  # Apache-2.0, once named in words alone
    headings = [len(re.findall("^## ", text, re.MULTILINE)) for text in (english, russian)]
    assert headings[0] == headings[1] == 8
    assert not re.findall(r"\b(the|with|which)\b", re.sub(r"`[^`]*`|<[^>]*>|```.*?```", "", russian, flags=re.DOTALL))


def test_the_card_says_limits_terms_and_what_was_measured(cards: tuple[str, str], served_run: Path) -> None:
    english = cards[0]
    assert "OpenAI Services Agreement" in english
    assert re.search(r"<https://[^>]+>, read on 20\d\d-\d\d-\d\d", english)
    assert "Held against the run on" in english
    assert "The guarantee was certified for the weights before that." in english
    for limit in Run.open(served_run).verdict.limits:
        assert limit[:40] in english
