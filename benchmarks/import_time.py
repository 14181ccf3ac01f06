"""`import sizewise`, less the interpreter's own start: medians of whole processes, in turn."""

from __future__ import annotations

import statistics
import subprocess
import sys
import time

from shared_data import result

RUNS = 30


def seconds(code: str) -> float:
    started = time.perf_counter()
    subprocess.run([sys.executable, "-c", code], check=True)
    return time.perf_counter() - started


def main() -> None:
    pairs = [(seconds("pass"), seconds("import sizewise")) for _ in range(RUNS)]
    result(
        "import sizewise",
        seconds=round(statistics.median(after - before for before, after in pairs), 4),
        interpreter_seconds=round(statistics.median(before for before, _ in pairs), 4),
        runs=RUNS,
    )


if __name__ == "__main__":
    main()
