"""`sizewise decide` on the whole banking log, reference llm, target 0.97, empty caches, as a person would run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from shared_data import path, result


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "run"
        command = [sys.executable, "-m", "sizewise.cli.main", "decide", str(path("banking77_llm_log"))]
        command += ["--out", str(out), "--reference", "llm", "--target", "0.97", "--json"]
        environment = {k: v for k, v in os.environ.items() if not k.startswith("OPENBLAS_")}
        started = time.perf_counter()
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=sys.stderr, env=environment | {"SIZEWISE_CACHE": f"{folder}/cache"}
        )
        assert process.stdout is not None
        verdict = json.loads(process.stdout.read())
        _, status, usage = os.wait4(process.pid, 0)
        result(
            "decide, banking, reference llm",
            seconds=round(time.perf_counter() - started, 1),
            peak_memory_mb=round(usage.ru_maxrss / 1024),
            status=status,
            stages=verdict["seconds"],
            decision=verdict["decision"],
            coverage_test=verdict["cascade"]["coverage"],
            coverage_calibrate=verdict["cascade"]["coverage_calibrate"],
            answered_agreement=verdict["cascade"]["answered_agreement"],
            system_agreement=verdict["cascade"]["system_agreement"],
            risk_test=verdict["cascade"]["risk"],
            bound=verdict["guarantee"]["bound"],
        )
        for rung in verdict["rungs"]:
            result(
                f"one by one, {rung['name']}",
                p50_ms=rung["latency_ms"]["p50"],
                p95_ms=rung["latency_ms"]["p95"],
                batched_ms=rung["batch_latency_ms"],
                memory_mb=rung["peak_memory_mb"]["value"],
                artifact_mb=round(rung["artifact_mb"]["value"], 1),
                fit_seconds=round(rung["fit_seconds"]["value"], 1),
            )


if __name__ == "__main__":
    main()
