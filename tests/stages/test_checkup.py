"""A log that streams by is found to be what it is found to be in memory."""

from __future__ import annotations

import json
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
