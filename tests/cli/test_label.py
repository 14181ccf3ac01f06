"""``sizewise label`` as a person runs it, against a scripted upstream."""

from __future__ import annotations

import csv
import json
import re
import subprocess
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sizewise.cli import label as command
from sizewise.core.errors import SizewiseError
from sizewise.llm.scripted.upstream import Step, Upstream

KEY = "sk-proj-0123456789abcdef"
TEXTS = ["where is parcel {}", "верните деньги за заказ {} 🙂", "I cannot log in as {}"]
LABELS = ["delivery", "refund", "account"]
Done = subprocess.CompletedProcess[bytes]


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "in.jsonl"
    rows = [{"id": f"r{i}", "input": TEXTS[i % 3].format(i % 20), "split": "train", "own": i} for i in range(60)]
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


@dataclass(frozen=True)
class Ended:
    """How ``label`` ended in this process, where the clients are imported but once."""

    returncode: int
    stdout: bytes
    stderr: bytes


Label = Callable[..., Ended]


@pytest.fixture
def label(
    source: Path, upstream: Upstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsysbinary: Any
) -> Label:
    """``label`` with everything that it needs; no answer of its may ever hold the key."""
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)

    def run(budget: float = 1.0, model: str = "openai:gpt-4o", path: str = "/v1", **more: Any) -> Ended:
        given = {"base_url": upstream.address + path, "labels": ",".join(LABELS)} | more
        status, said = 0, b""
        try:
            command.label([str(source)], tmp_path / "out.jsonl", model, budget, **given)
        except SizewiseError as error:
            status, said = error.exit_status, str(error).encode()
        told = capsysbinary.readouterr()
        assert KEY.encode() not in told.out + told.err + said
        return Ended(status, told.out, told.err + said)

    return run


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_rows_in_order_by_the_contract(label: Label, upstream: Upstream, tmp_path: Path) -> None:
    done = label(review=9)
    assert done.returncode == 0, done.stderr.decode()
    told = done.stderr.decode()
    for part in ("OpenAI Services Agreement", "LIMIT training", "estimated", "about $", "the budget is $1"):
        assert part in told
    made = rows(tmp_path / "out.jsonl")
    assert [row["id"] for row in made] == [f"r{i}" for i in range(60)]
    assert [row["answer"] for row in made] == [LABELS[i % 3] for i in range(60)]
    first = made[0]
    assert first["own"] == 0
    assert first["split"] == "train"
    assert first["model"] == "openai:gpt-4o"
    assert (first["prompt_tokens"], first["completion_tokens"], first["finish_reason"]) == (120, 6, "stop")
    assert first["cost_usd"] == pytest.approx(0.00036)
    assert first["prompt_version"]
    assert first["latency_ms"] > 0
    assert first["labelled_at"].startswith("20")
    assert len(upstream.seen) == 60, "each distinct text once"
    assert "$0.0216" in done.stdout.decode()
    with (tmp_path / "out.review.csv").open(encoding="utf-8-sig", newline="") as file:
        review = list(csv.DictReader(file))
    assert sorted(row["answer"] for row in review) == sorted(LABELS * 3)


def test_a_finished_file_is_not_written_again(label: Label, upstream: Upstream) -> None:
    assert label().returncode == 0
    again = label()
    assert again.returncode == 2
    assert b"--force" in again.stderr
    assert label(force=True).returncode == 0
    assert len(upstream.seen) == 60


def test_the_budget_is_kept_and_the_work_too(label: Label, upstream: Upstream, tmp_path: Path) -> None:
    done = label(budget=0.006)
    assert done.returncode == 3
    assert b"larger --budget" in done.stderr
    made = rows(tmp_path / "out.jsonl")
    asked = [row for row in made if row["answer"]]
    assert len(made) == 60
    assert 0 < len(asked) < 60
    assert len(upstream.seen) * 0.00036 <= 0.006
    assert all("not asked" in row["problem"] for row in made if not row["answer"])
    before = len(upstream.seen)
    assert label(budget=1.0).returncode == 0
    assert len(upstream.seen) == 60
    assert before == len(asked)


def test_a_dry_run_sends_nothing(label: Label, upstream: Upstream, tmp_path: Path) -> None:
    done = label(dry_run=True)
    assert done.returncode == 0, done.stderr.decode()
    told = done.stdout.decode()
    assert "where is parcel 0" in told
    assert '"enum": ["delivery", "refund", "account"]' in told
    assert "nothing was sent" in told
    assert upstream.seen == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl"]


def test_the_terms_are_said_before_anything_is_sent(label: Label, upstream: Upstream) -> None:
    upstream.script.extend(Step(401, {"error": {"message": "no", "code": None}}) for _ in range(60))
    done = label()
    assert done.returncode == 2
    told = done.stderr.decode()
    assert "training on answers" in told.split("refused the key")[0], "said, although nothing was answered"
    assert re.search(r"\(https://\S+, seen 20\d\d-", told)
    assert "Read them before you go on" in told


def test_what_is_no_label_is_kept_and_marked(label: Label, upstream: Upstream, tmp_path: Path) -> None:
    upstream.script.extend(
        [Step(text='{"label": "weather"}'), Step(text="Refund."), Step(text='{"label": "re', ended="length")]
    )
    done = label(concurrency=1)
    assert done.returncode == 0, done.stderr.decode()
    made = rows(tmp_path / "out.jsonl")
    assert (made[0]["answer"], made[0]["problem"]) == ("weather", "the answer is none of the labels")
    assert made[1]["answer"] == "Refund."
    assert made[2]["problem"] == "the answer was cut at the token limit"
    assert b"1 rows: the answer was cut" in done.stdout


@pytest.mark.parametrize(("model", "path"), [("openai:gpt-4o", "/v1"), ("anthropic:claude-sonnet-4-5", "")])
def test_batches(model: str, path: str, label: Label, upstream: Upstream, tmp_path: Path) -> None:
    done = label(batch=True, model=model, path=path)
    assert done.returncode == 0, done.stderr.decode()
    made = rows(tmp_path / "out.jsonl")
    assert [row["answer"] for row in made] == [LABELS[i % 3] for i in range(60)]
    full = (120 * 2.5 + 6 * 10) / 1e6 if model.startswith("openai") else (120 * 3 + 6 * 15) / 1e6
    assert made[0]["cost_usd"] == pytest.approx(full / 2), "half the price"
    assert len(upstream.batches) == 1


def test_a_price_that_nobody_knows(label: Label) -> None:
    done = label(model="openai:gpt-nobody-knows")
    assert done.returncode == 2
    assert b"--price" in done.stderr
    assert label(price="1,2", model="openai:gpt-nobody-knows").returncode == 0


def test_a_key_that_is_missing(sizewise: Callable[..., Done], source: Path, tmp_path: Path) -> None:
    done = sizewise(
        "label", source, "--out", tmp_path / "o.jsonl", "--model", "openai:gpt-4o", "--budget", "1", "--labels", "a,b",
        OPENAI_API_KEY="",
    )  # fmt: skip
    assert done.returncode == 2
    assert b"OPENAI_API_KEY" in done.stderr


def test_as_a_process_of_its_own(
    sizewise: Callable[..., Done], source: Path, upstream: Upstream, tmp_path: Path
) -> None:
    done = sizewise(
        "label", source, "--out", tmp_path / "o.jsonl", "--model", "openai:gpt-4o", "--budget", "1", "--labels",
        ",".join(LABELS), "--base-url", f"{upstream.address}/v1", OPENAI_API_KEY=KEY,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    assert len(rows(tmp_path / "o.jsonl")) == 60
    assert b"60 answers in 60 rows" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["--model", "gpt-4o"], "provider:model"),
        (["--model", "nobody:gpt-4o"], "Providers: openai"),
        (["--model", "azure:mine"], "--base-url"),
        (["--model", "openai:x", "--base-url", "ftp://x"], "--base-url must be"),
        (["--model", "openai:x", "--base-url", "http://me:secret@host/v1"], "without a name or a password"),
        (["--model", "openai:gpt-4o", "--price", "cheap"], "--price"),
    ],
)
def test_what_is_refused(
    arguments: list[str], told: str, sizewise: Callable[..., Done], source: Path, tmp_path: Path
) -> None:
    done = sizewise(
        "label",
        source,
        "--out",
        tmp_path / "o.jsonl",
        "--budget",
        "1",
        "--labels",
        "a,b",
        *arguments,
        OPENAI_API_KEY=KEY,
    )
    assert done.returncode == 2
    assert told in done.stderr.decode()
    assert b"secret" not in done.stderr
    assert not (tmp_path / "o.jsonl").exists()
