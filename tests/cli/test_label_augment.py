"""``label --augment``: new inputs for rare labels, from a scripted upstream; killed on the way, within the budget."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sizewise.data.text import folded
from sizewise.llm.scripted.upstream import Upstream, labelled
from sizewise.llm.writing import LABEL

KEY = "sk-proj-0123456789abcdef"
TEXTS = {"delivery": "where is parcel {} of mine", "refund": "refund order {} please", "account": "cannot log in, {}"}
COUNTS = {"delivery": 40, "refund": 30, "account": 6}


@pytest.fixture
def upstream() -> Iterator[Upstream]:
    with Upstream() as server:
        yield server


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Rows without a split, answered by their text; the account's are rare."""
    rows = [
        {"id": f"{label}{n}", "input": TEXTS[label].format(f"{chr(97 + n % 26)}{chr(97 + n // 26)}")}
        for label, count in COUNTS.items() for n in range(count)
    ]  # fmt: skip
    path = tmp_path / "in.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def command(source: Path, upstream: Upstream, *more: str, budget: float = 5.0, augment: int = 20) -> list[str]:
    return [
        sys.executable, "-m", "sizewise.cli.main", "label", str(source), "--out", str(source.with_name("out.jsonl")),
        "--model", "openai:gpt-4o", "--budget", str(budget), "--labels", ",".join(COUNTS), "--augment", str(augment),
        "--base-url", f"{upstream.address}/v1", *more,
    ]  # fmt: skip


def run(line: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"OPENAI_API_KEY": KEY}
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False, timeout=120)
    assert "Traceback" not in done.stderr, done.stderr
    assert KEY not in done.stdout + done.stderr
    return done


def rows_in(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out.jsonl").read_text(encoding="utf-8").splitlines()]


def answers_in(folder: Path) -> int:
    journal = (folder / "out.jsonl.journal").read_bytes().rpartition(b"\n")[0]
    return sum(b'"k"' in entry for entry in journal.splitlines())


def writings(upstream: Upstream) -> list[str]:
    return [seen.text for seen in upstream.seen if seen.text.startswith(LABEL)]


def test_rare_labels_first_and_nothing_twice(source: Path, upstream: Upstream, tmp_path: Path) -> None:
    done = run(command(source, upstream))
    assert done.returncode == 0, done.stderr
    rows = rows_in(tmp_path)
    real, made = rows[:76], rows[76:]
    assert len(made) == 20
    said = Counter(row["answer"] for row in made)
    assert said["account"] >= 12, "the rarest is filled up first"
    assert "delivery" not in said
    assert all(row["augmented"] is True and row["split"] == "train" for row in made)
    assert not any("augmented" in row for row in real)
    assert {row["split"] for row in real} == {"train", "calibrate", "test"}, "written down, so that it stays"
    keys = Counter(folded(row["input"]) for row in rows)
    assert max(keys.values()) == 1
    assert "20 new inputs written for train alone" in done.stdout
    assert "LIMIT training" in done.stderr
    held = {row["input"] for row in real if row["split"] != "train"}
    shown = "".join(writings(upstream))
    assert not any(json.dumps(text) in shown for text in held), "what is shown is train"


def test_a_dry_run_shows_the_prompt_and_the_cost_and_sends_nothing(source: Path, upstream: Upstream) -> None:
    done = run(command(source, upstream, "--dry-run"))
    assert done.returncode == 0, done.stderr
    assert "20 new inputs for the labels that turn out rare: 4 calls, about $" in done.stdout
    assert "Invent no personal data" in done.stdout
    assert "nothing was sent" in done.stdout
    assert upstream.seen == []


def test_what_comes_back_again_and_again_is_left_out(source: Path, upstream: Upstream, tmp_path: Path) -> None:
    same = json.dumps({"inputs": ["Cannot log in: AA!", "I lost my password", "i lost my PASSWORD.", "account", 5]})
    upstream.answer = lambda text: same if text.startswith(LABEL) else labelled(text)
    done = run(command(source, upstream))
    assert done.returncode == 0, done.stderr
    (made,) = rows_in(tmp_path)[76:]
    assert made["input"] == "I lost my password"
    assert len(writings(upstream)) == 16, "four rounds, then it is given up"


def test_the_budget_is_kept(source: Path, upstream: Upstream, tmp_path: Path) -> None:
    labelled_alone = 76 * (120 * 2.5 + 6 * 10) / 1e6
    done = run(command(source, upstream, budget=labelled_alone + 0.012, augment=200))
    assert done.returncode == 3, done.stderr
    assert "larger --budget" in done.stderr
    before = len(upstream.seen)
    assert len(rows_in(tmp_path)) > 76
    assert run(command(source, upstream, budget=5.0, augment=200)).returncode == 0
    assert len(rows_in(tmp_path)) == 276
    again = Counter(seen.text for seen in upstream.seen)
    assert max(again[text] for text in again if not text.startswith(LABEL)) == 1
    assert len(upstream.seen) > before


@pytest.mark.faults
def test_killed_on_its_way(source: Path, upstream: Upstream, tmp_path: Path) -> None:
    upstream.delay = 0.15
    line, environment = (
        command(source, upstream, "--concurrency", "2", augment=60),
        os.environ | {"OPENAI_API_KEY": KEY},
    )
    process = subprocess.Popen(line, env=environment, stderr=subprocess.DEVNULL)
    until = time.monotonic() + 60
    while len(writings(upstream)) < 5 and process.poll() is None and time.monotonic() < until:
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert len(rows_in(tmp_path)) == 76, "the answers, whole; nothing that was written yet"
    kept, sent = answers_in(tmp_path), len(upstream.seen)
    assert kept >= 76
    done = run(line)
    assert done.returncode == 0, done.stderr
    assert len(rows_in(tmp_path)) == 136
    assert len(upstream.seen) - sent == answers_in(tmp_path) - kept, "what was answered is not asked again"
    killed = rows_in(tmp_path)
    (tmp_path / "out.jsonl").unlink()
    (tmp_path / "out.jsonl.journal").unlink()
    upstream.delay = 0.0
    assert run(line).returncode == 0
    timeless = [
        [{k: v for k, v in row.items() if k not in ("labelled_at", "latency_ms")} for row in rows]
        for rows in (killed, rows_in(tmp_path))
    ]
    assert timeless[0] == timeless[1]


def test_by_the_forecast_of_a_run(source: Path, upstream: Upstream, finished_run: Path) -> None:
    done = run(command(source, upstream, "--dry-run", "--for", str(finished_run)))
    assert done.returncode == 0, done.stderr
    assert "worth it    " in done.stdout
    refused = run(command(source, upstream, "--dry-run", "--for", str(source.parent)))
    assert refused.returncode == 2


def test_without_labels_it_is_refused(source: Path, upstream: Upstream, tmp_path: Path) -> None:
    line = command(source, upstream)
    line[line.index("--labels") : line.index("--labels") + 2] = ["--instructions", "Summarise it."]
    done = run(line)
    assert done.returncode == 2
    assert "--augment" in done.stderr
    assert upstream.seen == []
