"""`sizewise decide` on 100,000 generated rows of 1,000 classes: time, memory, and whether each rung beats the one below."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scale_data import rows
from shared_data import result, write


def main(count: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        log, out = write(Path(folder) / "log.jsonl", list(rows(count))), Path(folder) / "run"
        command = [sys.executable, "-m", "sizewise.cli.main", "decide", str(log), "--out", str(out), "--json"]
        environment = os.environ | {"SIZEWISE_CACHE": os.environ.get("SIZEWISE_CACHE", f"{folder}/cache")}
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=sys.stderr, env=environment)
        assert process.stdout is not None
        printed = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        seconds, peak = time.perf_counter() - started, usage.ru_maxrss / 1024
        verdict = json.loads(printed) if printed else {}
        result(
            f"decide, {count:,} rows of 1,000 classes",
            seconds=round(seconds, 1), cpu_seconds=round(usage.ru_utime + usage.ru_stime, 1), peak_memory_mb=round(peak),
            status=status, stages=verdict.get("seconds"), decision=verdict.get("decision"),
        )  # fmt: skip
        for rung in verdict.get("rungs", ()):
            result(
                rung["name"], out_of_fold=rung["out_of_fold"]["score"], accuracy=rung["accuracy"],
                p50_ms=rung["latency_ms"]["p50"]["value"], memory_mb=round(rung["peak_memory_mb"]["value"]),
                artifact_mb=round(rung["artifact_mb"]["value"]), fit_seconds=round(rung["fit_seconds"]["value"], 1),
            )  # fmt: skip


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 100_000)
