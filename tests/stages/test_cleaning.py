"""The cleaned copy: train only, every change listed, and the same split when it is decided on."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.errors import RunError
from sizewise.core.task import Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import split
from sizewise.stages.checkup import check_up
from sizewise.stages.cleaning import LabelFix, changes_path, clean, require_free
from sizewise.stages.listener import Silence

WORDS = ["refund", "parcel", "password", "invoice", "delivery", "account", "заказ", "возврат"]
TASK = Task(name="t")


def log(count: int = 240) -> list[dict[str, Any]]:
    """Rows of two labels without a split, with some of everything that is cleaned."""
    rows: list[dict[str, Any]] = []
    for i in range(count):
        text = f"{WORDS[i % 8]} {WORDS[i // 8 % 8]} {'x' * (i // 64 + 1)} {'yes' if i % 2 else 'no'}"
        rows.append({"id": f"r{i}", "input": text, "answer": "money" if i % 2 else "post", "mine": {"kept": i}})
    rows += [row | {"id": row["id"] + "+"} for row in rows[:40]]
    rows += [rows[i] | {"id": f"s{i}", "answer": "Money" if i % 2 else "post"} for i in range(40, 60)]
    rows += [{"id": "empty", "input": " ", "answer": "post"}, {"id": "odd", "input": "what?", "answer": "I cannot say"}]
    rows += [{"id": f"no{i}", "input": f"nothing {WORDS[i]}"} for i in range(8)]
    return rows


def written(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def cleaned(tmp_path: Path, rows: list[dict[str, Any]], labels: LabelFix = "leave", task: Task = TASK) -> Path:
    source = written(tmp_path / "log.jsonl", rows)
    target = tmp_path / "clean.jsonl"
    found = check_up(task, [source], Silence(), audited=labels != "leave")
    clean([source], found, target, labels, Silence())
    return target


def test_only_train_is_cleaned_and_the_split_is_written_down(tmp_path: Path) -> None:
    target = cleaned(tmp_path, log())
    before, after = split(check(read([tmp_path / "log.jsonl"]))), split(check(read([target])))
    for part in ("calibrate", "test"):
        was, now = getattr(before, part).examples, getattr(after, part).examples
        assert [(e.id, e.input) for e in was] == [(e.id, e.input) for e in now]
    taught = [pair for pair in zip(before.train.ids, before.train.targets, strict=True) if pair[0] != "empty"]
    assert list(zip(after.train.ids, after.train.targets, strict=True)) == taught
    assert after.division.how == "column"
    assert after.division.collapsed == 0


def test_calibrate_and_test_rows_are_as_they_were(tmp_path: Path) -> None:
    target = cleaned(tmp_path, log())
    was = {row["id"]: row for row in log()}
    copied = [row for row in lines(target) if row["split"] != "train"]
    assert copied
    assert all({k: v for k, v in row.items() if k != "split"} == was[row["id"]] for row in copied)


def test_every_change_is_listed_and_nothing_else_changed(tmp_path: Path) -> None:
    target = cleaned(tmp_path, log())
    was, now = {row["id"]: row for row in log()}, {row["id"]: row for row in lines(target)}
    changes = lines(changes_path(target))
    gone = {c["id"] for c in changes if c["what"] == "row"}
    assert was.keys() - now.keys() == gone
    other = {c["id"]: c for c in changes if c["what"] != "row"}
    for identifier, row in now.items():
        same = {k: v for k, v in row.items() if k != "split"}
        if identifier in other:
            change = other[identifier]
            assert was[identifier][change["what"]] == change["from"]
            assert same == was[identifier] | {change["what"]: change["to"]}
        else:
            assert same == was[identifier]
    whys = {c["why"].partition(" as ")[0] for c in changes}
    assert (
        {"same input"}
        <= whys
        <= {"same input", "label spelling", "empty input", "no reference", "the reference is no label"}
    )


def test_contradictions_in_train_become_the_commonest_answer(tmp_path: Path) -> None:
    rows = [
        row | {"split": "train" if i % 3 else ("test" if i % 2 else "calibrate")}
        for i, row in enumerate(log(240)[:240])
    ]
    first = next(row for row in rows if row["split"] == "train")
    rows += [first | {"id": f"again{i}", "answer": "post" if first["answer"] == "money" else "money"} for i in range(2)]
    target = cleaned(tmp_path, rows)
    (change,) = [c for c in lines(changes_path(target)) if c["what"] == "answer"]
    assert change["id"] == first["id"]
    assert (change["from"], change["to"]) == (first["answer"], "post" if first["answer"] == "money" else "money")
    assert "commonest" in change["why"]


@pytest.mark.parametrize("labels", ["drop", "suggest"])
def test_suspected_labels_are_touched_only_when_asked(tmp_path: Path, labels: LabelFix) -> None:
    rows = [
        row | {"split": "train" if i % 4 else ("test" if i % 8 else "calibrate")} for i, row in enumerate(log()[:240])
    ]
    wrong = [row for row in rows if row["split"] == "train"][10::25]
    for row in wrong:
        row["answer"] = "post" if row["answer"] == "money" else "money"
    assert not any("suspected" in c["why"] for c in lines(changes_path(cleaned(tmp_path, rows))))
    target = cleaned(tmp_path, rows, labels)
    changes = [c for c in lines(changes_path(target)) if "suspected" in c["why"]]
    assert len({c["id"] for c in changes} & {row["id"] for row in wrong}) >= 4
    assert all((c["what"] == "row") is (labels == "drop") for c in changes)


def test_other_column_names_become_ours(tmp_path: Path) -> None:
    rows = [{"text": row["input"], "said": row["answer"]} for row in log()[:240]]
    task = Task(name="t", columns={"input": "text", "answer": "said"})
    target = cleaned(tmp_path, rows, task=task)
    assert {"id", "input", "answer", "split"} == set(lines(target)[0])
    assert len(split(check(read([target]))).train)


def test_a_file_that_exists_is_never_written_over_unasked(tmp_path: Path) -> None:
    source, target = written(tmp_path / "log.jsonl", []), tmp_path / "clean.jsonl"
    require_free(target, [source], force=False)
    target.write_text("mine")
    with pytest.raises(RunError, match="--force"):
        require_free(target, [source], force=False)
    require_free(target, [source], force=True)
    with pytest.raises(RunError, match="is being read"):
        require_free(source, [source], force=True)
    changes_path(tmp_path / "new.jsonl").write_text("mine")
    with pytest.raises(RunError, match=r"changes\.jsonl exists"):
        require_free(tmp_path / "new.jsonl", [source], force=False)
