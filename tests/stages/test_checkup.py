"""A log that streams by is found to be what it is found to be in memory."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.task import Task
from sizewise.data.answers import read_log
from sizewise.data.check import check
from sizewise.data.split import split
from sizewise.data.survey import Survey
from sizewise.specialists.ngrams import LONGEST_INPUT
from sizewise.stages import checkup
from sizewise.stages.checking import data_check
from sizewise.stages.checkup import check_up
from sizewise.stages.listener import Silence

SAID = ["{}", "The category is {}.", '{{"label": "{}"}}', "```\n{}\n```", "<think>it could be any</think>{}"]


def rows() -> list[dict[str, Any]]:
    """Answers wrapped in several ways, one that is no label and long, contradictions and repeats."""
    made: list[dict[str, Any]] = []
    for i in range(400):
        label = ["refund", "delivery", "Refund"][i % 3]
        made.append({"id": f"r{i}", "input": f"text {'ab'[i % 2] * (i % 37)} {chr(97 + i % 23)}", "slice": "ne"[i % 2]})
        made[-1]["answer"] = SAID[i % 5].format(label) if i % 7 else [label, SAID[1].format("delivery")]
    made[5]["answer"] = "I am sorry, but that I can neither say nor guess, since your message is not clear " * 3
    return made


@pytest.mark.parametrize("raw", [False, True])
def test_a_stream_is_checked_like_a_log_in_memory(tmp_path: Path, raw: bool) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()) + "broken\n", encoding="utf-8")
    task = Task(name="t", raw_answers=raw)
    log = read_log(task, [path])
    checked = check(log)
    splits = split(checked)
    expected = data_check(log.about, checked.facts, splits.division, Survey(LONGEST_INPUT, log.examples))
    found = check_up(task, [path], Silence())
    assert found.data_check == expected
    assert found.audit is not None
    assert found.audit.rows == len(splits.train)
    assert {s.name for s in found.audit.slices} == {"n", "e"}


def test_the_audit_of_a_long_log_is_of_a_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows()), encoding="utf-8")
    monkeypatch.setattr(checkup, "AUDITED_ROWS", 60)
    found = check_up(Task(name="t"), [path], Silence())
    assert found.audit is not None
    assert found.audit.rows <= 60 < found.data_check.splits["train"]


@pytest.mark.parametrize(
    ("at", "how", "why", "unreadable", "said"),
    [
        (lambda i: "soon", "random", "unreadable", 200, ["split at random: 200 of 200 rows have no `at`"]),
        (lambda i: "soon" if i < 50 else 1_700_000_000 + i * 3_600, "random", "unreadable", 50, ["split at random: 50 of 200"]),
        (lambda i: 1_700_000_000 + i, "random", "within_a_day", 0, ["lie within a day"]),
        (lambda i: "soon" if i < 2 else 1_700_000_000 + i * 3_600, "time", None, 2, []),
        (lambda i: None, "random", None, 0, []),
    ],
)  # fmt: skip
def test_times_that_do_not_split_are_told(
    tmp_path: Path, at: Callable[[int], object], how: str, why: str | None, unreadable: int, said: list[str]
) -> None:
    path = tmp_path / "log.jsonl"
    rows = [{"input": f"{'refund' if i % 2 else 'parcel'} {chr(97 + i % 26)}{chr(97 + i // 26)}", "answer": "ab"[i % 2],
             "at": at(i)} for i in range(200)]  # fmt: skip
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    heard = Heard()
    found = check_up(Task(name="t"), [path], heard, audited=False).data_check
    assert (found.split_how, found.not_by_time) == (how, why)
    assert found.unreadable_values.get("at", 0) == unreadable
    assert [sentence in "\n".join(heard.told) for sentence in said] == [True] * len(said)
    assert bool(heard.told) == bool(said)


class Heard(Silence):
    """A listener that keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def found(self, message: str) -> None:
        self.told.append(message)
