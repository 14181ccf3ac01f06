from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

import sizewise
from sizewise.run import Run

from .logs import rows, write

#: differ from run to run: identity, times, memory, and what is derived from them
PASSING = {
    "run_id",
    "created",
    "seconds",
    "latency_ms",
    "batch_latency_ms",
    "throughput_per_s",
    "peak_memory_mb",
    "fit_seconds",
}
DERIVED = {"small_per_1k_usd", "cascade_per_1k_usd", "cost_per_1k_usd", "months"}


def lasting(value: Any) -> Any:
    if isinstance(value, dict):
        return {k: lasting(v) for k, v in value.items() if k not in PASSING | DERIVED}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def decide(log: Path, out: Path) -> Run:
    return sizewise.decide(log, out=out, rungs=["majority", "keywords"])


def verdict(out: Path) -> Any:
    return lasting(json.loads((out / "verdict.json").read_bytes()))


def kill_when(file: Path, log: Path, out: Path) -> None:
    """Start the run in a process of its own and kill it as soon as ``file`` is there."""
    program = "import sys, sizewise; sizewise.decide(sys.argv[1], out=sys.argv[2], rungs=['majority', 'keywords'])"
    process = subprocess.Popen([sys.executable, "-c", program, str(log), str(out)], start_new_session=True)
    try:
        until = time.monotonic() + 60
        while not file.exists() and process.poll() is None and time.monotonic() < until:
            time.sleep(0.002)
        assert process.poll() is None, "it ended before it could be killed"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A log and the run that was made of it in one go."""
    folder = tmp_path_factory.mktemp("whole")
    log = write(folder / "log.jsonl", rows(400, seed=21, noise=0.2))
    decide(log, folder / "run")
    return log, folder / "run"


@pytest.mark.parametrize(
    "when",
    [
        pytest.param("majority/fitted.json", marks=pytest.mark.faults),
        pytest.param("majority/profile.json", marks=pytest.mark.faults),
        "keywords/fitted.json",
    ],
)
def test_killed_during_the_contest_and_resumed_equals_uninterrupted(
    uninterrupted: tuple[Path, Path], tmp_path: Path, when: str
) -> None:
    log, whole = uninterrupted
    out = tmp_path / "run"
    kill_when(out / ".work" / when, log, out)
    assert not (out / "verdict.json").exists()
    state = json.loads((out / "state.json").read_bytes())
    run = decide(log, out)
    assert run.verdict.run_id == state["run_id"], "the same run went on"
    assert verdict(out) == verdict(whole)
    assert (out / "predictions.jsonl").read_bytes() == (whole / "predictions.jsonl").read_bytes()
    for name in ("keywords.safetensors", "ngrams.json", "confidence.safetensors", "cascade.json"):
        assert (out / "specialist" / name).read_bytes() == (whole / "specialist" / name).read_bytes()
    assert not (out / ".work").exists()
    assert not list(out.rglob("*.part"))
