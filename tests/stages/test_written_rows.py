"""What an LLM wrote for train: learned from by every fold, scored by none, and kept only where it helps."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import sizewise
from sizewise.core.example import Example, Train
from sizewise.core.verdict import Verdict
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import split
from sizewise.stages.written_rows import Learned

COMMON = ("refund", "delivery")
HINTS = {
    "refund": ["money back", "return the payment", "give me a refund"],
    "delivery": ["where is my parcel", "the courier is late", "track my order"],
    "account": [
        "cannot log in",
        "forgot the password",
        "locked out",
        "two factor fails",
        "reset the pin",
        "sign in error",
    ],
}


def real_rows(rows: int = 700, rare: int = 12) -> list[dict[str, Any]]:
    draw = random.Random(1)
    made = []
    for number in range(rows):
        label = "account" if number < rare else draw.choice(COMMON)
        made.append(
            {"id": f"r{number}", "input": f"{draw.choice(HINTS[label])} {number:x}{draw.random():.6f}", "gold": label}
        )
    draw.shuffle(made)
    return made


def written_rows(label: str, said: str, count: int = 60) -> list[dict[str, Any]]:
    return [
        {"id": f"w{n}", "input": f"{said} {'abcdefgh'[n % 8] * 3} written {'klmnopqr'[n // 8] * 2}", "answer": label,
         "split": "train", "augmented": True, "model": "openai:gpt-4o", "prompt_version": "p"}
        for n in range(count)
    ]  # fmt: skip


def log(path: Path, rows: list[dict[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def codes(verdict: Verdict) -> dict[str, Any]:
    return {one.code: one.parameters for one in (*verdict.reasons, *verdict.limit_codes)}


def test_they_move_no_other_row_and_are_in_no_split(tmp_path: Path) -> None:
    rows = real_rows()
    alone = split(check(read([log(tmp_path / "a.jsonl", rows)])), "gold")
    more = [*written_rows("account", "help with"), {"input": rows[0]["input"], "answer": "refund", "augmented": True}]
    both = split(check(read([log(tmp_path / "b.jsonl", [*more, *rows])])), "gold")
    assert [e.id for e in both.test.examples] == [e.id for e in alone.test.examples]
    assert [e.id for e in both.calibrate.examples] == [e.id for e in alone.calibrate.examples]
    assert set(both.train.ids) == set(alone.train.ids)
    assert both.division.sizes == alone.division.sizes
    assert both.division.how == alone.division.how == "random"
    assert both.division.augmented == 61
    assert both.written is not None
    assert len(both.written) == 60, "the one that repeats a real row is left out"
    assert set(both.written.targets) == {"account"}


def test_one_that_says_it_is_test_is_rejected(tmp_path: Path) -> None:
    rows = [*real_rows(50), *written_rows("account", "help", 3)]
    rows[-1]["split"] = "test"
    (reject,) = read([log(tmp_path / "a.jsonl", rows)]).rejects
    assert "augmented" in reject.reason


def test_a_log_of_one_model_stays_one(tmp_path: Path) -> None:
    rows = [row | {"model": "mine", "answer": row["gold"]} for row in real_rows(60)]
    path = log(tmp_path / "a.jsonl", [*rows, *written_rows("account", "help", 3)])
    assert sum(e.augmented for e in read([path]).examples) == 3
    assert len(read([path], only={"model": "mine"}).examples) == 63


def test_every_other_fold_learns_from_them() -> None:
    real = Train(tuple("abcdef"), tuple("abcdef"), ("x", "y") * 3, tuple(range(6)), ("x", "y"))
    more = Train(("g", "h"), ("g", "h"), ("x", "x"), (6, 7), ("x", "y"))
    learned = Learned(real, more)
    numbers = learned.folds(0)
    assert learned.rows.inputs == tuple("abcdefgh")
    assert set(numbers[6:]) == {numbers[:6].max() + 1}
    assert np.array_equal(numbers[:6], Learned(real).folds(0))


@pytest.fixture
def helped(tmp_path: Path) -> Path:
    """Rows of which three labels are rare and often wrong without help; what is written names them."""
    draw = random.Random(3)
    labels = ("alpha", "beta", "gamma", "delta")
    rows = [{"id": f"r{n}", "input": f"about the {label} {draw.choice('pqrstuv')}{n:x} {draw.random():.6f}", "gold": "common"}
            for n, label in enumerate(["thing"] * 400)]  # fmt: skip
    words = {label: ["".join(draw.sample("bcdfghjklmnpqrstvwxz", 7)) for _ in range(40)] for label in labels}
    for label in labels:
        rows += [
            {"id": f"{label}{n}", "input": f"{word} {draw.choice('pqrstuv')} {draw.random():.6f}", "gold": label}
            for n, word in enumerate(words[label])
        ]
    draw.shuffle(rows)
    more = [
        {"input": f"{word} please {'abcdefg'[n]} {'hijklm'[n]}", "answer": label, "augmented": True, "split": "train"}
        for label in labels for word in words[label] for n in range(3)
    ]  # fmt: skip
    return log(tmp_path / "helped.jsonl", [*rows, *more])


def test_what_helps_is_kept_and_said(helped: Path, tmp_path: Path) -> None:
    run = sizewise.decide(helped, out=tmp_path / "run", rungs=["majority", "keywords"])
    told = codes(run.verdict)["written_kept"]
    assert told["n"] == 480
    assert told["rows"] == run.verdict.data.splits["train"]
    assert 0 < told["low"] <= told["difference"] <= told["high"]
    assert run.verdict.data.augmented == 480
    manifest = json.loads((run.folder / "specialist" / "manifest.json").read_text())
    assert len(manifest["written_ids"]) == 480
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "inputs that an LLM wrote" in page
    assert "rows that an LLM wrote" in page


def test_what_misleads_is_left_out_and_said(tmp_path: Path) -> None:
    rows = [
        *real_rows(),
        *written_rows("account", "where is my parcel"),
    ]
    run = sizewise.decide(log(tmp_path / "log.jsonl", rows), out=tmp_path / "run", rungs=["majority", "keywords"])
    told = codes(run.verdict)["written_dropped"]
    assert told["low"] <= 0
    manifest = json.loads((run.folder / "specialist" / "manifest.json").read_text())
    assert "written_ids" not in manifest
    assert not [one for one in manifest["training_ids"] if str(one).startswith("w")]
    alone = sizewise.decide(
        log(tmp_path / "alone.jsonl", real_rows()), out=tmp_path / "alone", rungs=["majority", "keywords"]
    )
    same = [(rung.name, rung.accuracy, rung.out_of_fold) for rung in run.verdict.rungs]
    assert same == [(rung.name, rung.accuracy, rung.out_of_fold) for rung in alone.verdict.rungs]


def test_an_example_is_real_unless_it_says_otherwise() -> None:
    assert not Example("1", "text").augmented
