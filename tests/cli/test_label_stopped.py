"""``label`` that is killed and interrupted on its way: nothing answered is paid for again, no row is lost."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest

from sizewise.llm.scripted.upstream import Upstream

ROWS = 160


def answers(journal: Path) -> Counter[str]:
    if not journal.exists():
        return Counter()
    lines = journal.read_bytes().rpartition(b"\n")[0].splitlines()
    return Counter(entry["k"] for line in lines if "k" in (entry := json.loads(line)))


COST = (120 * 2.5 + 6 * 10) / 1e6  # what the upstream counts, at gpt-4o's price


@pytest.mark.faults
def test_a_budget_is_kept_over_kills(tmp_path: Path) -> None:
    """What the upstream served can have been billed: it never exceeds the budget, whatever is killed and tried again."""
    source, out, budget = tmp_path / "in.jsonl", tmp_path / "out.jsonl", 0.3
    source.write_text(
        "".join(json.dumps({"input": f"where is parcel {i}"}) + "\n" for i in range(800)), encoding="utf-8"
    )
    with Upstream(delay=0.05, errors=0.1) as upstream:
        command = [
            sys.executable, "-m", "sizewise.cli.main", "label", str(source), "--out", str(out), "--model", "openai:gpt-4o",
            "--budget", str(budget), "--labels", "delivery,refund", "--base-url", f"{upstream.address}/v1", "--concurrency", "8",
        ]  # fmt: skip
        environment = os.environ | {"OPENAI_API_KEY": "sk-stopped-0123456789"}
        for more in (10, 25, 40):
            process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            while len(upstream.seen) < more and process.poll() is None:
                time.sleep(0.02)
            process.kill()
            process.wait()
        last = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        served = len(upstream.seen)
    assert last.returncode == 3, "the budget ends first"
    assert "does not reach further" in last.stderr
    assert served > 100
    assert served * COST <= budget, "failed calls are in it, too"
    answered = sum(answers(tmp_path / "out.jsonl.journal").values())
    assert answered == sum(bool(json.loads(line)["answer"]) for line in out.read_text(encoding="utf-8").splitlines())


@pytest.mark.faults
@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_stopped_on_its_way(sent: signal.Signals, tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    journal = tmp_path / "out.jsonl.journal"
    source.write_text(
        "".join(json.dumps({"input": f"where is parcel {i}"}) + "\n" for i in range(ROWS)), encoding="utf-8"
    )
    with Upstream(delay=0.1, errors=0.04) as upstream:
        command = [
            sys.executable, "-m", "sizewise.cli.main", "label", str(source), "--out", str(out), "--model", "openai:gpt-4o",
            "--budget", "5", "--labels", "delivery,refund", "--base-url", f"{upstream.address}/v1", "--concurrency", "6",
        ]  # fmt: skip
        environment = os.environ | {"OPENAI_API_KEY": "sk-stopped-0123456789"}
        for goal in (20, 60):
            process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE)
            while sum(answers(journal).values()) < goal and process.poll() is None:
                time.sleep(0.05)
            process.send_signal(sent)
            at = time.perf_counter()
            _, said = process.communicate()
            assert time.perf_counter() - at < 6
            assert process.returncode == (-signal.SIGKILL if sent == signal.SIGKILL else 130)
            assert b"Traceback" not in said
            assert not out.exists()
        before = set(answers(journal))
        asked = Counter(seen.text for seen in upstream.seen)
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
        again = Counter(seen.text for seen in upstream.seen) - asked
    rows = [json.loads(line) for line in out.read_text(encoding="utf-8").splitlines()]
    assert [row["input"] for row in rows] == [f"where is parcel {i}" for i in range(ROWS)]
    assert all(row["answer"] == "delivery" for row in rows)
    assert max(answers(journal).values()) == 1
    assert len(again) == ROWS - len(before), "what had an answer was not asked again"
    assert "160 answers in 160 rows" in done.stdout
