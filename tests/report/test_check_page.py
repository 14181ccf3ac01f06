from __future__ import annotations

from dataclasses import replace
from typing import Literal

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
        repeats={}, personal={}, oddities={}, languages={},
    )  # fmt: skip
    assert "Nothing stands out." in summary(clean, None)
    assert "Ничего необычного не найдено." in summary(clean, None, "ru")


def test_the_page_loads_nothing_and_runs_nothing() -> None:
    page = read(render(CheckRecord("<script>alert(1)</script>", "1.0", replace(found(), labels=HOSTILE), AUDIT)))
    assert not any(tag in ("script", "link", "img", "iframe") for tag, _ in page.tags)
    assert not any("src" in attributes or attributes.get("href", "#")[:1] != "#" for _, attributes in page.tags)  # type: ignore[index]
    assert [level for level, _ in page.headings if level == 1] == [1]
