"""What the LLM said beside its answer, from the file to what is learned from."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.example import Train
from sizewise.core.task import ReferenceChoice
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import split

REASON = "Речь о посылке 🙂"


def learned(tmp_path: Path, reference: ReferenceChoice = "auto", **first: Any) -> tuple[Train, dict[str, int]]:
    """Train out of a log whose row ``t0`` has ``first`` beside its answer; and what was unreadable."""
    labels = ("доставка", "log_in", "refund")
    rows: list[dict[str, Any]] = [
        {"id": f"t{i}", "input": f"text {chr(97 + i % 26)} {chr(97 + i // 26)} {labels[i % 3]}", "answer": labels[i % 3],
         "split": "train" if i < 60 else "calibrate" if i < 70 else "test"}
        for i in range(80)
    ]  # fmt: skip
    rows = [row | {"gold": row["answer"]} for row in rows] if reference == "gold" else rows
    rows[0] |= first
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    log = read([path])
    return split(check(log), reference).train, dict(log.unreadable)


def test_a_log_without_any_teaches_labels_alone(tmp_path: Path) -> None:
    train, _ = learned(tmp_path)
    assert train.soft == ()
    assert train.rationales == ()
    assert train.subset([1, 2]).soft == ()


def test_probabilities_are_read_as_labels_are_and_sum_to_one(tmp_path: Path) -> None:
    train, _ = learned(
        tmp_path, probabilities={"Доставка": 0.6, "LOG IN": 0.2, "something else": 0.1}, rationale=REASON
    )
    assert train.soft[0] == pytest.approx({"доставка": 0.75, "log_in": 0.25})
    assert train.soft[1] is None
    assert train.rationales[:2] == (REASON, None)
    part = train.subset([1, 0])
    assert (part.soft[1], part.rationales[1]) == (train.soft[0], REASON)


def test_where_the_llm_said_otherwise_the_target_is_right_and_its_reasons_are_not_taught(tmp_path: Path) -> None:
    said: dict[str, Any] = {"probabilities": {"refund": 0.9, "доставка": 0.1}}
    assert learned(tmp_path, **said)[0].soft == (), "its likeliest label is not its answer"
    wrong = learned(tmp_path, "gold", **said, answer="refund", rationale=REASON)[0]
    assert (wrong.targets[0], wrong.soft, wrong.rationales) == ("доставка", (), ())


@pytest.mark.parametrize(
    "value", [[0.5, 0.5], "0.7", {"доставка": "high"}, {"доставка": 1.5}, {"доставка": True}, {"доставка": 0}, {}, -1]
)
def test_what_is_no_probabilities_is_counted_and_the_row_kept(tmp_path: Path, value: object) -> None:
    train, unreadable = learned(tmp_path, probabilities=value)
    assert train.soft == ()
    assert "t0" in train.ids
    assert unreadable == {"probabilities": 1}


def test_probabilities_in_a_text_as_tables_write_them(tmp_path: Path) -> None:
    train, _ = learned(tmp_path, probabilities='{"доставка": 1.0, "refund": null}')
    assert train.soft[0] == {"доставка": 1.0}


def test_a_rationale_that_is_no_text(tmp_path: Path) -> None:
    train, unreadable = learned(tmp_path, rationale=["because"])
    assert (train.rationales, unreadable) == ((), {"rationale": 1})


def test_too_little_of_the_probabilities_is_about_labels(tmp_path: Path) -> None:
    assert learned(tmp_path, probabilities={"доставка": 0.3, "spam": 0.7})[0].soft == ()
