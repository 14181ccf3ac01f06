"""Real processes, stopped at moments drawn over the whole run: killed, interrupted, terminated; again and again."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from .sameness import essence

PATIENT = 6.0  # seconds for a signal to end a process on a busy machine; two on an idle one


@dataclass(frozen=True, slots=True)
class Uninterrupted:
    """A log, the rungs, how long a run of it takes in seconds, and what it leaves."""

    log: Path
    rungs: str
    seconds: float
    essence: dict[str, Any]


def start(log: Path, out: Path, rungs: str) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "sizewise.cli.main", "decide", str(log), "--out", str(out), "--rungs", rungs]
    return subprocess.Popen(
        command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # nohup has it ignored
    )  # fmt: skip


def made(folder: Path, rows: list[dict[str, Any]], rungs: str) -> Uninterrupted:
    log = folder / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    started = time.monotonic()
    with start(log, folder / "run", rungs) as process:
        _, said = process.communicate()
    assert process.returncode == 0, said.decode()
    return Uninterrupted(log, rungs, time.monotonic() - started, essence(folder / "run"))


@pytest.fixture(scope="module")
def small(log_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    return made(tmp_path_factory.mktemp("small"), log_rows[:110], "majority,keywords")


@pytest.fixture(scope="module")
def with_encoder(log_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Uninterrupted:
    return made(tmp_path_factory.mktemp("encoder"), log_rows[:110], "majority,keywords,encoder")


def alive(group: int) -> bool:
    """Whether any process of the group is left, given a moment to be gone."""
    until = time.monotonic() + PATIENT
    while time.monotonic() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        time.sleep(0.05)
    return True


def stopped(whole: Uninterrupted, out: Path, after: float, by: signal.Signals) -> bool:
    """Start the run and stop it ``after`` seconds; whether it was still on its way."""
    with start(whole.log, out, whole.rungs) as process:
        try:
            _, said = process.communicate(timeout=after)
        except subprocess.TimeoutExpired:
            os.kill(process.pid, by)  # the parent alone, as a supervisor does
            sent = time.monotonic()
            _, said = process.communicate(timeout=60)
            if by == signal.SIGKILL:
                return True
            assert time.monotonic() - sent < PATIENT
            if b" s  " not in said:
                return True  # Python itself was still starting
            assert b"Traceback" not in said, said.decode()
            assert not alive(process.pid), "an orphan is left"
            assert process.returncode in (130, 0), said.decode()
            assert process.returncode == 0 or b"interrupted. What was done is kept" in said
            return process.returncode != 0
    assert process.returncode in (0, 2), said.decode()
    return False


def chain(whole: Uninterrupted, out: Path, stops: int, draw: random.Random) -> None:
    """Stopped up to ``stops`` times on its way, it ends as if nothing had been."""
    for _ in range(stops):
        by = draw.choice([signal.SIGKILL, signal.SIGKILL, signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
        if not stopped(whole, out, draw.uniform(0.1, whole.seconds), by) and (out / "verdict.json").exists():
            break
    with start(whole.log, out, whole.rungs) as process:
        _, said = process.communicate()
    assert process.returncode == 0 or b"holds a finished run" in said, said.decode()
    assert essence(out) == whole.essence
    assert not (out / ".work").exists()
    assert not list(out.rglob("*.part"))


def test_stopped_five_times_on_its_way(small: Uninterrupted, tmp_path: Path) -> None:
    chain(small, tmp_path / "run", 5, random.Random(5))


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(17))
def test_stopped_three_times_on_its_way(small: Uninterrupted, tmp_path: Path, seed: int) -> None:
    chain(small, tmp_path / "run", 3, random.Random(seed))


@pytest.mark.faults
@pytest.mark.parametrize("seed", range(5))
def test_stopped_on_its_way_with_the_encoder(
    with_encoder: Uninterrupted, tmp_path: Path, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SIZEWISE_CACHE", str(tmp_path / "cache"))  # empty: encoding is interrupted too
    chain(with_encoder, tmp_path / "run", 3, random.Random(seed))


def test_ctrl_c_while_a_rung_is_measured_leaves_no_orphan(small: Uninterrupted, tmp_path: Path) -> None:
    with start(small.log, tmp_path / "run", small.rungs) as process:
        measured = tmp_path / "run" / ".work" / "majority" / "fitted.json"
        while not measured.exists() and process.poll() is None:
            time.sleep(0.002)
        children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
        until = time.monotonic() + 20
        while children.exists() and not children.read_text() and time.monotonic() < until:
            time.sleep(0.002)
        os.kill(process.pid, signal.SIGINT)
        sent = time.monotonic()
        _, said = process.communicate(timeout=60)
    assert time.monotonic() - sent < PATIENT
    assert process.returncode == 130, said.decode()
    assert said.decode().splitlines()[-1].startswith("sizewise: interrupted. What was done is kept")
    assert not alive(process.pid)


DEAF = """
import sys, numpy
from sizewise.cli.interrupts import interruptible
matrix = numpy.random.default_rng(0).normal(size=(4000, 4000))
with interruptible():
    print(1, flush=True)
    numpy.linalg.svd(matrix)
"""


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_a_calculation_that_hears_nothing_is_ended_too(by: signal.Signals) -> None:
    process = subprocess.Popen([sys.executable, "-c", DEAF], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"1\n"
        time.sleep(1)
        sent = time.monotonic()
        process.send_signal(by)
        _, said = process.communicate(timeout=60)
    assert time.monotonic() - sent < PATIENT
    assert (process.returncode, said.count(b"interrupted. What was done is kept")) == (130, 1)


def test_what_the_caller_ignores_stays_ignored(tmp_path: Path) -> None:
    program = "import signal, os\nfrom sizewise.cli.interrupts import interruptible\nwith interruptible():\n os.kill(os.getpid(), signal.SIGHUP)\nprint('on')"
    done = subprocess.run(["nohup", sys.executable, "-c", program], capture_output=True, cwd=tmp_path, check=False)
    assert done.stdout == b"on\n"


ENDING = """
import atexit, os, signal, sys
def by_itself():
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        os.kill(os.getpid(), number)
atexit.register(by_itself)  # runs after what main() registers
from sizewise.cli.main import main
main()
"""


def test_a_signal_to_a_process_that_has_done_its_work_does_not_change_its_status() -> None:
    done = subprocess.run([sys.executable, "-c", ENDING, "--version"], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("sizewise ")
