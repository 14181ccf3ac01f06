from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

import pytest

from sizewise.core.measurement import Measured
from sizewise.core.record import Audit, CheckRecord, DataCheck, Found, LabelPair, Leak, Repeats
from sizewise.report.check_page import render
from sizewise.report.check_terminal import summary

from .reader import read
from .records import HOSTILE, data_check

SHARE = Measured(0.034, 0.03, 0.038, 7_003)
REPEATS = Repeats(
    120, 300, 14, 40, (LabelPair("a", "b", 14),), Measured(0.93, 0.9, 0.96, 120), Measured(0.953, 0.93, 0.97, 120)
)
AUDIT = Audit("keywords", "llm", 7_003, 203, SHARE, (), (), Measured(0.9, 0.89, 0.91, 7_003), ())


def found() -> DataCheck:
    return replace(
        data_check(),
        repeats={"exact": REPEATS},
        leaks=(Leak("test", "exact", 19, 17, 2),),
        leaked={"calibrate": 0, "test": 19},
        languages={"en": Measured(0.75, 0.73, 0.77, 2_000), "xx": Measured(0.25, 0.23, 0.27, 2_000)},
        personal={"email": Found(31, 40), "card": Found(7, 7)},
        oddities={"mojibake": Found(9, 9, ("r1", "r2"))},
        reference="llm",
    )


@pytest.mark.parametrize(
    ("language", "says"),
    [
        ("en", ["with a duplicate in train: 19", "120 inputs occur more than once", "95.3", "31", "203 of 7", "3.4", "large model itself"]),
        ("ru", ["повтор которых есть в обучении: 19", "с разными эталонами: 14", "95,3", "31", "203 из 7", "3,4", "ошиблась сама большая модель"]),
    ],
)  # fmt: skip
def test_page_and_summary_say_what_was_found(language: Literal["en", "ru"], says: list[str]) -> None:
    page = read(render(CheckRecord("banking", "1.0", found(), AUDIT), language))
    assert page.text.count("Sizewise") >= 2  # the head and the foot say what made the page
    told = " ".join(summary(found(), AUDIT, language).split())
    for words in says:
        assert words in " ".join(page.text.split())
        assert words in told


def test_labels_that_read_like_sentences_are_counted() -> None:
    odd = replace(data_check(), labels=("refund", "I'm sorry, I can't help with that.", "delivery"))
    assert "Labels that read like sentences: 1;" in " ".join(summary(odd, None).split())
    assert "похожих на фразу: 1;" in " ".join(summary(odd, None, "ru").split())


def test_an_audit_under_gold_speaks_of_labels_and_none_says_so() -> None:
    gold = summary(found(), replace(AUDIT, reference="gold"))
    assert "carry a wrong label" in gold
    assert "large model itself" not in gold
    assert "not looked for" in summary(found(), None)


def test_a_clean_check_says_that_nothing_stands_out() -> None:
    clean = replace(
        data_check(), exact_duplicates=0, near_duplicates=0, merges=(), unusable_rows={}, untaught=(), leaked={},
        repeats={}, personal={}, oddities={}, languages={}, unreadable_values={},
    )  # fmt: skip
    assert "Nothing stands out." in summary(clean, None)
    assert "Ничего необычного не найдено." in summary(clean, None, "ru")
    unread = replace(clean, unreadable_values={"cost_usd": 12, "latency_ms": 1_200})
    for language, says in (("en", "Values that could not be read"), ("ru", "Значения, которые не удалось прочитать")):
        told = " ".join(summary(unread, None, language).split())  # type: ignore[arg-type]
        assert says in told
        assert ": latency_ms 1 200, cost_usd 12. " in told.replace("\u202f", " ").replace("\u00a0", " ")
        assert "Nothing stands out" not in told
        assert "Ничего необычного" not in told


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = read(render(CheckRecord("<script>alert(1)</script>", "1.0", replace(found(), labels=HOSTILE), AUDIT)))
    assert not any(tag in ("script", "link", "img", "iframe") for tag, _ in page.tags)
    assert not any("src" in attributes or attributes.get("href", "#")[:1] != "#" for _, attributes in page.tags)  # type: ignore[index]
    assert [level for level, _ in page.headings if level == 1] == [1]


@pytest.mark.parametrize(
    ("changes", "en", "ru"),
    [
        ({"split_how": "random", "untimed": 9_000, "not_by_time": "unreadable"}, "can be read: 9 000 of 13 083", "9 000 из 13 083"),
        ({"split_how": "random", "untimed": 0, "not_by_time": "within_a_day"}, "lie within a day", "в пределах суток"),
        ({"split_how": "time", "untimed": 12}, "can be read: 12 of 13 083; they are in train", "12 из 13 083; они в обучении"),
    ],
)  # fmt: skip
def test_the_page_says_why_times_did_not_split(changes: dict[str, Any], en: str, ru: str) -> None:
    for language, said in (("en", en), ("ru", ru)):
        page = read(render(CheckRecord("banking", "1.0", replace(found(), **changes), AUDIT), language))  # type: ignore[arg-type]
        assert said in " ".join(page.text.replace("\u202f", " ").split())


def test_a_log_without_times_is_told_nothing_of_them() -> None:
    page = read(render(CheckRecord("banking", "1.0", replace(found(), untimed=13_083), AUDIT)))
    assert "a time that can be read" not in page.text
