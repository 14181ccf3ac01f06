"""Measure one specialist in a process of its own: ``python -m sizewise.profile RUNG FOLDER < inputs.json``.

Memory is only this rung's, and no other rung's caches are warm. Prints one JSON object: milliseconds one
by one, milliseconds an answer in batches, answers a second in batches, and peak memory in MiB.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

WARM_UP = 20
BATCH = 32
LONGEST = 20.0  # seconds for either way, after which no further input is timed


def profile(rung: str, folder: Path, inputs: list[str]) -> dict[str, Any]:
    """Time the specialist in ``folder`` on ``inputs``, one by one and in batches."""
    from sizewise.specialists.ladder import load_specialist

    specialist = load_specialist(rung, folder)
    until = time.perf_counter() + LONGEST
    for text in inputs[:WARM_UP]:
        specialist.evidence([text])
        if time.perf_counter() > until:
            break
    singles: list[float] = []
    until = time.perf_counter() + LONGEST
    for text in inputs:
        if time.perf_counter() > until:
            break
        started = time.perf_counter()
        specialist.evidence([text])
        singles.append((time.perf_counter() - started) * 1_000)
    batches: list[float] = []
    until = time.perf_counter() + LONGEST
    for start in range(0, len(inputs), BATCH):
        if time.perf_counter() > until:
            break
        part = inputs[start : start + BATCH]
        started = time.perf_counter()
        specialist.evidence(part)
        batches.append((time.perf_counter() - started) * 1_000 / len(part))
    return {"one_by_one_ms": singles, "batched_ms": batches, "peak_memory_mb": peak_memory_mb() + children_mb()}


def peak_memory_mb(status: Path = Path("/proc/self/status")) -> float:
    """This process's own peak in MiB. Linux's ``ru_maxrss`` survives exec and would be the parent's."""
    if status.exists():
        for line in status.read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) / 1_024
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (1_024**2 if sys.platform == "darwin" else 1_024)


def children_mb() -> float:
    """The peak memory of the processes that this one started and that still run (a local model's engine), in MiB."""
    found = Path(f"/proc/self/task/{os.getpid()}/children")
    numbers = found.read_text().split() if found.exists() else []
    return sum(peak_memory_mb(Path(f"/proc/{number}/status")) for number in numbers)


if __name__ == "__main__":
    print(json.dumps(profile(sys.argv[1], Path(sys.argv[2]), json.load(sys.stdin))))
