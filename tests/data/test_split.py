from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any, Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.data.check import CheckedLog, check
from sizewise.data.read import Log
from sizewise.data.split import Splits, split

LookedAt = Callable[..., CheckedLog]
WORDS = [
    "alpha",
    "bravo",
    "charlie",
    "delta",
    "echo",
    "foxtrot",
    "golf",
    "hotel",
    "india",
    "juliet",
    "kilo",
    "lima",
    "mike",
    "november",
    "oscar",
    "papa",
]


def text(number: int) -> str:
    """A text of its own for each number, also when digits are masked."""
    return " ".join(WORDS[int(digit, 16)] for digit in f"{number:04x}")


def rows(count: int, **columns: Any) -> list[dict[str, Any]]:
    """``count`` different rows of two labels; a column may be a function of the row's number."""
    return [
        {"id": str(i), "input": text(i), "answer": "ab"[i % 2]}
        | {name: value(i) if callable(value) else value for name, value in columns.items()}
        for i in range(count)
    ]


def ids(splits: Splits) -> tuple[set[str], set[str], set[str]]:
    return set(splits.train.ids), {e.id for e in splits.calibrate.examples}, {e.id for e in splits.test.examples}


def test_a_split_column_is_obeyed_and_never_moved(looked_at: LookedAt) -> None:
    names = ["train", "Training", "calibrate", "validation", "valid", "val", "dev", "calibration", "test", " TEST "]
    given_rows = rows(100, split=lambda i: names[i % 10])
    given_rows[8]["input"] = given_rows[0]["input"] + "!"  # leaks from test into train
    given_rows[2]["input"] = given_rows[1]["input"]
    splits = split(looked_at(given_rows))
    train, calibrate, test = ids(splits)
    assert train == {str(i) for i in range(100) if i % 10 in (0, 1)}
    assert calibrate == {str(i) for i in range(100) if 2 <= i % 10 <= 7}
    assert test == {str(i) for i in range(100) if i % 10 >= 8}
    assert splits.division.how == "column"
    assert not splits.division.carved
    assert splits.division.leaked == {"calibrate": 1, "test": 1}


def test_a_missing_calibrate_is_carved_from_train(looked_at: LookedAt) -> None:
    splits = split(looked_at(rows(100, split=lambda i: "test" if i < 30 else "train" if i < 90 else None)))
    train, calibrate, test = ids(splits)
    assert test == {str(i) for i in range(30)}
    assert (len(calibrate), len(train)) == (25, 45)
    assert splits.division.carved == ("calibrate",)


def test_a_missing_test_is_carved_too(looked_at: LookedAt) -> None:
    splits = split(looked_at(rows(100, split=lambda i: "calibrate" if i < 30 else "train")))
    train, calibrate, test = ids(splits)
    assert calibrate == {str(i) for i in range(30)}
    assert (len(test), len(train)) == (20, 50)
    both = split(looked_at(rows(100, split="train")))
    assert both.division.carved == ("test", "calibrate")
    assert list(map(len, ids(both))) == [55, 25, 20]


def day(i: int, step: timedelta = timedelta(hours=1)) -> str:
    return (datetime(2026, 1, 1) + i * step).isoformat()


def test_by_time_test_is_the_latest_and_calibrate_the_period_before(looked_at: LookedAt) -> None:
    splits = split(looked_at(rows(100, at=lambda i: day(99 - i) + ("Z" if i % 2 else ""))))
    train, calibrate, test = ids(splits)
    assert splits.division.how == "time"
    assert test == {str(i) for i in range(20)}
    assert calibrate == {str(i) for i in range(20, 45)}
    assert train == {str(i) for i in range(45, 100)}


@pytest.mark.parametrize(
    ("at", "why", "untimed"),
    [
        (lambda i: day(i, timedelta(minutes=10)), "within_a_day", 0),
        (lambda i: day(i) if i > 1 else None, "unreadable", 2),
        (lambda i: day(i) if i > 1 else "soon", "unreadable", 2),
        (lambda i: None, None, 100),
    ],
)
def test_a_day_or_less_or_too_few_times_is_split_at_random_and_says_why(
    looked_at: LookedAt, at: Callable[[int], str | None], why: str | None, untimed: int
) -> None:
    found = split(looked_at(rows(100, at=at))).division
    assert (found.how, found.not_by_time, found.untimed) == ("random", why, untimed)


@pytest.mark.parametrize("unknown", [None, "unknown", ""])
def test_a_row_in_a_hundred_without_its_time_is_train(looked_at: LookedAt, unknown: str | None) -> None:
    splits = split(looked_at(rows(100, at=lambda i: unknown if i == 99 else day(i))))
    train, calibrate, test = ids(splits)
    assert (splits.division.how, splits.division.untimed, splits.division.not_by_time) == ("time", 1, None)
    assert test == {str(i) for i in range(79, 99)}
    assert calibrate == {str(i) for i in range(54, 79)}
    assert train == {"99", *map(str, range(54))}


@pytest.mark.parametrize(
    "at",
    [
        lambda i: 1_700_000_000 + 3_600 * i,
        lambda i: str(1_700_000_000 + 3_600 * i),
        lambda i: 1_700_000_000_000 + 3_600_000 * i,
        lambda i: 1_700_000_000.5 + 3_600 * i,
        lambda i: day(i).replace("T", " ") + " UTC",
        lambda i: day(i).replace("T", " ") + " Z",
        lambda i: day(i, timedelta(days=1))[:10].replace("-", ""),
    ],
)
def test_times_are_read_as_people_and_programs_write_them(looked_at: LookedAt, at: Callable[[int], object]) -> None:
    splits = split(looked_at(rows(100, at=at)))
    assert (splits.division.how, splits.division.untimed) == ("time", 0)
    assert ids(splits)[2] == {str(i) for i in range(80, 100)}


def test_a_little_more_than_a_day_is_split_by_time(looked_at: LookedAt) -> None:
    assert split(looked_at(rows(145, at=lambda i: day(i, timedelta(minutes=10))))).division.how == "random"
    assert split(looked_at(rows(146, at=lambda i: day(i, timedelta(minutes=10))))).division.how == "time"


def test_random_sizes_seed_and_near_duplicates_together(looked_at: LookedAt) -> None:
    checked = looked_at([row | {"input": text(i // 4) + "!" * i} for i, row in enumerate(rows(400))])
    splits, again, other = split(checked), split(checked), split(checked, seed=1)
    assert ids(splits) == ids(again)
    assert ids(splits) != ids(other)
    assert (len(splits.calibrate), len(splits.test)) == (100, 80)
    assert splits.division.leaked == {"calibrate": 0, "test": 0}
    groups = [{e.group for e in part.examples} for part in (splits.calibrate, splits.test)]
    assert not groups[0] & groups[1]
    assert not (groups[0] | groups[1]) & set(splits.train.groups)


def test_parts_have_a_largest_size() -> None:
    examples = tuple(Example(str(i), text(i), answer="ab"[i % 2]) for i in range(20_000))
    splits = split(check(_log(examples)))
    assert (len(splits.train), len(splits.calibrate), len(splits.test)) == (14_000, 3_000, 3_000)


def _log(examples: tuple[Example, ...]) -> Log:
    return Log(examples, (), ("log",), "0", ("input", "answer"), {}, 0)


example_rows = st.lists(
    st.tuples(st.integers(0, 30), st.sampled_from(["a", "b", "c"]), st.sampled_from([None, "a", "b"])),
    min_size=1,
    max_size=80,
)


@given(example_rows, st.integers(0, 3), st.sampled_from(["auto", "gold", "llm"]))
@settings(deadline=None)
def test_every_row_is_somewhere_once(
    drawn: list[tuple[int, str, str | None]], seed: int, reference: Literal["auto", "gold", "llm"]
) -> None:
    examples = tuple(Example(str(i), text(n), answer=a, gold=g) for i, (n, a, g) in enumerate(drawn))
    try:
        splits = split(check(_log(examples)), reference, seed=seed)
    except DataError:
        return
    train, calibrate, test = ids(splits)
    assert not calibrate & test
    assert not (calibrate | test) & train
    set_aside = sum(splits.division.without_reference.values())
    assert len(calibrate) + len(test) + set_aside <= len(examples)
    assert splits.division.leaked == {"calibrate": 0, "test": 0}
    assert set(splits.train.targets) == set(splits.train.labels) <= set(splits.labels)
    if splits.reference == "gold":
        assert all(e.gold for e in (*splits.calibrate.examples, *splits.test.examples))


def with_split(i: int) -> str:
    return ("train", "calibrate", "test")[i % 3]


@pytest.mark.parametrize(("gold_rows", "kind"), [(0, "llm"), (499, "llm"), (500, "gold"), (1000, "gold")])
def test_auto_takes_gold_from_500_measured_rows(looked_at: LookedAt, gold_rows: int, kind: str) -> None:
    given_rows = rows(1500, split=with_split)
    measured = [row for row in given_rows if row["split"] != "train"]
    for row in measured[:gold_rows]:
        row["gold"] = row["answer"]
    assert split(looked_at(given_rows)).reference == kind


def test_auto_takes_gold_where_nothing_was_answered(looked_at: LookedAt) -> None:
    splits = split(looked_at([{"input": r["input"], "gold": r["answer"]} for r in rows(100)]))
    assert splits.reference == "gold"


@pytest.mark.parametrize(
    ("asked", "has", "says"), [("gold", "answer", "--reference llm"), ("llm", "gold", "--reference gold")]
)
def test_a_reference_that_nothing_carries_is_refused(
    looked_at: LookedAt, asked: Literal["gold", "llm"], has: str, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        split(looked_at([{"input": r["input"], has: r["answer"]} for r in rows(100)]), asked)


def test_too_few_or_too_like_rows_say_so(looked_at: LookedAt) -> None:
    with pytest.raises(DataError, match="3 rows are too few"):
        split(looked_at(rows(3)))
    with pytest.raises(DataError, match="too alike"):
        split(looked_at([row | {"input": "all the same"} for row in rows(100)]))


def test_label_set_from_the_task_file_then_gold_then_answers(looked_at: LookedAt) -> None:
    checked = looked_at(rows(100, gold=lambda i: "abc"[i % 3], answer=lambda i: "abd"[i % 3]))
    asked = split(checked, "gold", labels=["b", "a", "b"])
    assert (asked.labels, asked.division.label_source) == (("b", "a"), "task")
    by_gold = split(checked, "gold")
    assert (by_gold.labels, by_gold.division.label_source) == (("a", "b", "c"), "gold")


@pytest.mark.parametrize(("times", "length", "is_label"), [(5, 80, True), (4, 80, False), (5, 81, False)])
def test_an_answer_is_a_label_from_five_train_rows_and_up_to_80_characters(
    looked_at: LookedAt, times: int, length: int, is_label: bool
) -> None:
    rare = "x" * length
    given_rows = rows(120, split=lambda i: "train" if i < 60 else with_split(i + i % 3))
    for row in given_rows[:times]:
        row["answer"] = rare
    for row in given_rows[-40:]:  # what calibrate and test say makes no label
        row |= {"answer": rare, "split": "test"}
    splits = split(looked_at(given_rows))
    assert splits.division.label_source == "answers"
    assert (rare in splits.labels) is is_label
    assert splits.division.unusable == (() if is_label else ((rare, times + 40),))
    assert splits.division.unusable_rows["test"] == (0 if is_label else 40)
    assert len(splits.test) >= 40  # an unusable reference stays, and counts as wrong


def _of_answers(gold_rows: int, count: int, looked_at: LookedAt) -> Splits:
    """Answers a, b and c; gold, on the first rows, never c; one answer that is no label."""
    given_rows = rows(count, answer=lambda i: "abc"[i % 3])
    for row in given_rows[:gold_rows]:
        row["gold"] = "g" if row["id"] == "0" else "ab"[int(row["id"]) % 2]
    given_rows[-1]["answer"] = "I cannot say"
    return split(looked_at(given_rows), "llm")


def test_sparse_gold_shares_the_label_set_with_the_answers(looked_at: LookedAt) -> None:
    sparse = _of_answers(149, 300, looked_at)
    assert (sparse.labels, sparse.division.label_source) == (("a", "b", "c", "g"), "answers")
    assert dict(sparse.division.unusable) == {"I cannot say": 1}
    assert _of_answers(150, 300, looked_at).labels == ("a", "b", "g")  # half of the rows
    assert _of_answers(500, 1500, looked_at).labels == ("a", "b", "g")  # 500 rows
    assert _of_answers(499, 1500, looked_at).labels == ("a", "b", "c", "g")


def test_labels_of_fewer_than_three_distinct_train_inputs_are_not_taught(looked_at: LookedAt) -> None:
    given_rows = rows(60, split=lambda i: "train" if i < 40 else with_split(i + 1), gold=lambda i: "ab"[i % 2])
    for i, row in enumerate(given_rows[:5]):
        row |= {"gold": "twice", "input": f"only two texts, {'one' if i % 2 else 'two'} {i}"}
    for row in given_rows[5:8]:
        row["gold"] = "thrice"
    splits = split(looked_at(given_rows), "gold")
    assert splits.train.labels == ("a", "b", "thrice")
    assert splits.division.untaught == (("twice", 2),)
    assert "twice" in splits.labels
    assert "twice" not in splits.train.targets


def test_train_is_cleaned_and_what_is_measured_is_not(looked_at: LookedAt) -> None:
    given_rows = rows(60, split=with_split)
    given_rows += [row | {"id": row["id"] + "+"} for row in given_rows]  # every row twice
    given_rows += [given_rows[0] | {"id": "odd", "answer": "b"}]
    splits = split(looked_at(given_rows))
    assert (len(splits.train), splits.division.collapsed, splits.division.conflicting) == (20, 21, 1)
    assert splits.train.targets[splits.train.ids.index("0")] == "a"
    assert (len(splits.calibrate), len(splits.test)) == (40, 40)


def test_under_gold_rows_without_it_train_on_the_answer_and_are_never_measured(looked_at: LookedAt) -> None:
    given_rows = rows(300, split=with_split, gold=lambda i: "ab"[i % 2] if i < 200 else None, answer=lambda i: "a")
    for row in given_rows[200:]:
        row["answer"] = "b"
    splits = split(looked_at(given_rows), "gold")
    train, calibrate, test = ids(splits)
    assert all(int(i) < 200 for i in calibrate | test)
    late = [target for i, target in zip(splits.train.ids, splits.train.targets, strict=True) if int(i) >= 200]
    assert Counter(late) == {"b": 33}
    assert splits.division.trained_on_answers == 33
    assert splits.division.without_reference == {"train": 33, "calibrate": 33, "test": 34}
    assert len(train) == 100


def test_one_class_only_is_refused_and_shown(looked_at: LookedAt) -> None:
    with pytest.raises(DataError, match=r"nothing to learn.*1 label: 'a' \(55\).*--columns"):
        split(looked_at(rows(100, answer="a")))


def test_leaks_are_counted_by_kind_and_by_label_and_not_moved(looked_at: LookedAt) -> None:
    given_rows = rows(90, split=with_split)
    given_rows[1] |= {"input": given_rows[0]["input"], "answer": given_rows[0]["answer"]}
    given_rows[4] |= {"input": given_rows[3]["input"].upper() + "!", "answer": "a"}
    given_rows[3]["answer"] = "b"
    given_rows[5] |= {"input": given_rows[6]["input"], "answer": "a", "gold": None}
    given_rows[6]["answer"] = "b"
    splits = split(looked_at(given_rows), "llm")
    told = [(leak.split, leak.kind, leak.rows, leak.same_label, leak.other_label) for leak in splits.division.leaks]
    assert told == [("calibrate", "exact", 1, 1, 0), ("calibrate", "near", 1, 0, 1), ("test", "exact", 1, 0, 1)]
    assert splits.division.leaked == {"calibrate": 2, "test": 1}
    assert splits.division.sizes == {"train": 30, "calibrate": 30, "test": 30}


@given(example_rows, st.integers(0, 3))
@settings(deadline=None)
def test_a_log_that_streams_by_is_divided_like_one_in_memory(
    drawn: list[tuple[int, str, str | None]], seed: int
) -> None:
    examples = tuple(Example(str(i), text(n), answer=a, gold=g) for i, (n, a, g) in enumerate(drawn))
    try:
        splits = split(check(_log(examples)), seed=seed)
    except DataError:
        return
    division = splits.division
    assert [examples[row].id for row in division.train_rows] == list(splits.train.ids)
    assert division.sizes == {"train": len(splits.train), "calibrate": len(splits.calibrate), "test": len(splits.test)}
    assert division.class_sizes == dict(Counter(splits.train.targets))
