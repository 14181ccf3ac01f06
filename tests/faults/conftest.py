"""The command line in forks, with a fault at a point of our choice."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Ended:
    """How a call ended: its status (minus the signal that killed it), points passed, what it said."""

    status: int
    points: int
    said: str


Obey = Callable[..., Ended]


@pytest.fixture(scope="session")
def obey() -> Iterator[Obey]:
    """Call ``sizewise`` in a fork, with ``act`` at the point ``at``; without a fault by default."""
    environment = os.environ | {
        "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.faults.driver"], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    )  # fmt: skip

    def call(*arguments: object, at: int = 0, act: str = "kill") -> Ended:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(json.dumps([at, act, [str(a) for a in arguments]]) + "\n")
        process.stdin.flush()
        ended = Ended(**json.loads(process.stdout.readline()))
        assert "Traceback" not in ended.said, ended.said
        return ended

    with process:
        yield call
        assert process.stdin is not None
        process.stdin.close()
