"""The bundled task keeps what its data card promises."""

from __future__ import annotations

import json
import re
from collections import Counter, defaultdict
from importlib.resources import files

import pytest

from sizewise.data.languages import script
from sizewise.data.task_file import read_task
from sizewise.data.text import folded

Row = dict[str, str]


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    lines = files("sizewise.demo").joinpath("shop.jsonl").read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines]


def test_there_are_enough_distinct_messages(rows: list[Row]) -> None:
    assert len({folded(r["input"]) for r in rows}) >= 1_500
    assert len({folded(r["input"]) for r in rows}) >= 0.995 * len(rows)
    assert len({r["id"] for r in rows}) == len(rows)


def test_both_languages_are_there(rows: list[Row]) -> None:
    cyrillic = sum(script(r["input"]) == "Cyrillic" for r in rows) / len(rows)
    latin = sum(script(r["input"]) == "Latin" for r in rows) / len(rows)
    assert 0.40 <= cyrillic <= 0.60
    assert cyrillic + latin > 0.99
    assert sum(r["slice"] == "ru" for r in rows) / len(rows) >= 0.40


def test_messages_are_written_out_and_not_made_from_templates(rows: list[Row]) -> None:
    """Few messages share any five words in a row with another, digits masked."""
    sharing: dict[tuple[str, ...], set[int]] = defaultdict(set)
    for number, row in enumerate(rows):
        words = re.findall(r"\w+", re.sub(r"\d", "0", row["input"].casefold()))
        for start in range(len(words) - 4):
            sharing[tuple(words[start : start + 5])].add(number)
    overlapping = {number for found in sharing.values() if len(found) > 1 for number in found}
    assert len(overlapping) / len(rows) < 0.02
    openings = Counter(tuple(re.findall(r"\w+", r["input"].casefold())[:3]) for r in rows)
    assert openings.most_common(1)[0][1] <= 12


def test_labels_are_the_task_files(rows: list[Row]) -> None:
    with_labels = read_task_labels()
    assert len(with_labels) == 13
    assert {r["gold"] for r in rows} == set(with_labels)
    assert {r["answer"] for r in rows} <= set(with_labels)
    sizes = Counter(r["gold"] for r in rows)
    assert 0.04 <= sizes["other"] / len(rows) <= 0.06
    assert min(n for label, n in sizes.items() if label != "other") >= 100


def read_task_labels() -> tuple[str, ...]:
    from importlib.resources import as_file

    with as_file(files("sizewise.demo").joinpath("shop.toml")) as path:
        task = read_task(path)
    assert task.bar.target == 0.90
    assert task.labels is not None
    return task.labels


def test_the_two_readings_differ_as_the_card_says(rows: list[Row]) -> None:
    agreement = sum(r["answer"] == r["gold"] for r in rows) / len(rows)
    assert round(100 * agreement, 1) == 96.8
    card = files("sizewise.demo").joinpath("DATA_CARD.md").read_text(encoding="utf-8")
    assert "96.8 %" in card
    assert f"{len(rows):,} messages" in card


def test_messages_hold_no_contact_details(rows: list[Row]) -> None:
    found = [
        r["id"] for r in rows if re.search(r"[\w.]+@[\w.]+\.\w{2,}|\d{4}[ -]?\d{4}[ -]?\d{4}|https?://", r["input"])
    ]
    assert found == []


def test_messages_vary_in_length_and_hold_typos(rows: list[Row]) -> None:
    lengths = sorted(len(r["input"].split()) for r in rows)
    assert lengths[0] <= 2
    assert 8 <= lengths[len(lengths) // 2] <= 20
    assert sum(n > 45 for n in lengths) / len(lengths) > 0.01
