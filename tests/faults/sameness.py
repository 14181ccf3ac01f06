"""What makes a resumed run equal to an uninterrupted one: all but times, memory, what is derived from them, identity."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

PASSING = {
    "run_id", "created", "seconds", "latency_ms", "batch_latency_ms", "throughput_per_s", "peak_memory_mb",
    "fit_seconds", "command", "latency", "batched_ms", "throughput", "latency_p95_ms",
    "small_per_1k_usd", "cascade_per_1k_usd", "cost_per_1k_usd", "months",
}  # fmt: skip
ALLOWED_TO_DIFFER = {"report.html", "state.json"}  # the report shows the times


def lasting(value: Any) -> Any:
    """``value`` without what may differ between two runs of the same."""
    if isinstance(value, dict):
        return {k: lasting(v) for k, v in value.items() if k not in PASSING}
    return [lasting(item) for item in value] if isinstance(value, list) else value


def essence(run: Path) -> dict[str, Any]:
    """Every file of a finished run by its name: what must be equal."""
    assert json.loads((run / "state.json").read_bytes())["status"] == "finished"
    found: dict[str, Any] = {}
    for file in sorted(run.rglob("*")):
        name = str(file.relative_to(run))
        if not file.is_file() or name in ALLOWED_TO_DIFFER or name.startswith(".work/"):
            continue
        if file.suffix == ".json":
            found[name] = lasting(json.loads(file.read_bytes()))
        elif name == "measurements.jsonl":
            found[name] = [lasting(json.loads(line)) for line in file.read_bytes().splitlines()]
        else:
            found[name] = hashlib.sha256(file.read_bytes()).hexdigest()
    assert (run / "report.html").read_text(encoding="utf-8").rstrip().endswith("</html>")
    return found
