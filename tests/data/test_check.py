from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.core.errors import DataError
from sizewise.data.check import CheckedLog
from sizewise.data.label_key import label_key
from sizewise.data.text import folded

LookedAt = Callable[..., CheckedLog]


def test_spellings_are_merged_to_the_commonest_in_answer_and_gold(looked_at: LookedAt) -> None:
    said = ["Card Arrival"] * 3 + ["card_arrival"] * 2 + ["CARD-ARRIVAL", "cardarrival", "other"]
    rows: list[dict[str, Any]] = [{"input": str(i), "answer": a, "gold": "card_arrival"} for i, a in enumerate(said)]
    checked = looked_at([*rows, {"input": "again", "answer": ["other", "CARD_arrival"]}])
    assert {e.answer for e in checked.examples} == {"card_arrival", "other"}
    assert {e.gold for e in checked.examples} == {"card_arrival", None}
    assert checked.examples[-1].further_answers == ("card_arrival",)
    (merge,) = checked.facts.merges
    assert merge.kept == "card_arrival"
    assert merge.merged == {"CARD-ARRIVAL": 1, "CARD_arrival": 1, "Card Arrival": 3, "cardarrival": 1}


def test_the_commonest_spelling_counts_answers_and_gold_alike(looked_at: LookedAt) -> None:
    rows: list[dict[str, Any]] = [{"input": str(i), "answer": "Yes", "gold": "no"} for i in range(3)]
    checked = looked_at([*rows, {"input": "x", "answer": "NO", "gold": "yes"}, {"input": "y", "gold": "yes"}])
    assert [m.kept for m in checked.facts.merges] == ["Yes", "no"]
    tied = looked_at([{"input": "x", "answer": "A b", "gold": "a_b"}])
    assert [m.kept for m in tied.facts.merges] == ["a_b"]  # of two that are equally common, gold's


def test_the_task_files_spelling_wins(looked_at: LookedAt) -> None:
    checked = looked_at([{"input": "x", "answer": "card arrival"}] * 3, labels=["Card_Arrival"])
    assert {e.answer for e in checked.examples} == {"Card_Arrival"}


def test_strict_labels_refuse_and_name_the_spellings(looked_at: LookedAt) -> None:
    rows = [{"input": "x", "answer": "yes"}, {"input": "y", "answer": "yes"}, {"input": "z", "answer": "Yes"}]
    with pytest.raises(DataError, match=r"--strict-labels.*'yes' is also written 'Yes'"):
        looked_at(rows, strict_labels=True)
    assert not looked_at(rows[:2], strict_labels=True).facts.merges


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("Card_Arrival", "card-arrival", True),
        ("item 1", "item-1", True),
        ("ITEM1", "item_1", True),
        ("Возврат денег", "возврат_денег", True),
        ("-1", "1", False),
        ("score -1", "score 1", False),
        ("1-2", "12", False),
        ("1-2", "1_2", True),
        ("-", "_", False),
        ("c", "c++", False),
    ],
)
def test_what_counts_as_one_label(one: str, two: str, same: bool) -> None:
    assert (label_key(one) == label_key(two)) is same


@given(st.text(min_size=1, max_size=12))
def test_a_label_equals_itself_in_other_case_and_is_never_nothing(label: str) -> None:
    assert label_key(label)
    assert label_key(label.casefold()) == label_key(label)


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("Where's my order 123?", "wheres MY\torder 987", True),
        ("ﬁne ①", "FINE 1", True),
        ("Straße", "STRASSE", True),
        ("где заказ №5", "Где заказ № 6!", True),
        ("order 12", "order 123", False),
        ("?", "!", False),
        ("where is it", "where was it", False),
        ("👍", "👎", False),
    ],
)
def test_what_counts_as_a_near_duplicate(one: str, two: str, same: bool) -> None:
    assert (folded(one) == folded(two)) is same


@given(st.text("abгд١7 ", min_size=1, max_size=20), st.sampled_from([" ", "!", "—", "\u200b", "\n"]))
def test_case_punctuation_space_and_digits_do_not_count(text: str, between: str) -> None:
    if any(map(str.isalnum, text)):
        changed = between.join(text.upper().translate(str.maketrans("١7", "20")))
        assert folded(changed) == folded(text)


def test_duplicates_conflicts_and_empty_inputs_are_counted(looked_at: LookedAt) -> None:
    checked = looked_at(
        [
            {"input": "Order 1?", "answer": "a", "gold": "a"},
            {"input": "Order 1?", "answer": "b", "gold": "a"},
            {"input": "order 2", "answer": "a"},
            {"input": "Order 1?", "answer": "b"},
            {"input": "", "answer": "a"},
            {"input": "  ", "answer": "a"},
        ]
    )
    assert (checked.facts.exact_duplicates, checked.facts.near_duplicates) == (2, 2)
    assert (checked.facts.groups, checked.facts.conflicting_inputs, checked.facts.empty_inputs) == (2, 1, 2)
    groups = [e.group for e in checked.examples]
    assert groups == [0, 0, 0, 0, 1, 1]
