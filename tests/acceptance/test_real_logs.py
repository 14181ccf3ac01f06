"""Real data that nobody here wrote, where it lies beside the checkout: reading, checking and splitting it whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sizewise.core.errors import DataError
from sizewise.data.check import CheckedLog, check
from sizewise.data.read import read
from sizewise.data.split import split

FOLDER = Path(__file__).resolve().parents[3] / "shared" / "data"


def checked(name: str) -> CheckedLog:
    path = FOLDER / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/data")
    return check(read([path]))


def test_the_banking_log_is_read_whole_and_as_dirty_as_it_is() -> None:
    log = checked("banking77_llm_log")
    assert len(log.examples) == 13_083
    assert not log.log.rejects
    splits = split(log, "llm")
    assert splits.division.how == "column"
    assert splits.division.carved == ("calibrate",)
    assert len(splits.labels) == 77
    assert (len(splits.calibrate), len(splits.test)) == (3_000, 3_080)
    assert sum(splits.division.unusable_rows.values()) == 41
    assert dict(splits.division.unusable)["get virtual card"] == 34
    assert splits.division.leaked["test"] > 0


def test_gold_is_the_reference_by_itself_where_every_row_carries_it() -> None:
    splits = split(checked("banking77_llm_log"))
    assert splits.reference == "gold"
    assert splits.division.trained_on_answers == 0
    right = sum(e.answer == e.gold for e in splits.test.examples) / len(splits.test)
    assert round(100 * right, 1) == 75.8


def test_a_given_split_is_obeyed_with_all_three_parts() -> None:
    splits = split(checked("clinc150"))
    assert (len(splits.calibrate), len(splits.test)) == (3_100, 5_500)
    assert splits.division.carved == ()
    assert len(splits.labels) == 151


def test_russian_intents_hold_conflicting_gold_and_leaked_rows() -> None:
    log = checked("ru_intents")
    assert log.facts.conflicting_inputs >= 18
    splits = split(log)
    assert len(splits.labels) == 68
    assert splits.division.leaked["test"] > 200
    assert splits.division.untaught


def test_objects_are_no_labels() -> None:
    path = FOLDER / "sroie.jsonl.gz"
    if not path.exists():
        pytest.skip("sroie.jsonl.gz is not in ../shared/data")
    with pytest.raises(DataError, match=r"none of 626 rows can be used.*an object"):
        read([path])
