"""Five seeds on the banking log: each carves another calibrate from train, folds and fits anew; test stays the official one."""

from __future__ import annotations

import statistics
import sys
import tempfile
from pathlib import Path
from typing import Literal

from shared_data import path, result

import sizewise

SEEDS = range(5)


def run(reference: Literal["llm", "gold"]) -> None:
    figures: dict[str, list[float]] = {}
    for seed in SEEDS:
        with tempfile.TemporaryDirectory() as folder:
            verdict = sizewise.decide(
                path("banking77_llm_log"), out=Path(folder) / "run", reference=reference, seed=seed,
                target=0.97 if reference == "llm" else None, rungs=["keywords", "encoder"],
            ).verdict  # fmt: skip
        best = verdict.rungs[-1]
        found = {"agreement": best.agreement, "accuracy": best.accuracy, "macro_f1": best.macro_f1}
        if verdict.cascade:
            found |= {
                "coverage": verdict.cascade.coverage, "coverage_calibrate": verdict.cascade.coverage_calibrate,
                "answered_agreement": verdict.cascade.answered_agreement, "risk": verdict.cascade.risk,
                "system_accuracy": verdict.cascade.system_accuracy,
            }  # fmt: skip
        values = {name: round(measured.value, 4) for name, measured in found.items() if measured}
        result(f"banking, reference {reference}", seed=seed, decision=verdict.decision, rung=best.name, **values)
        for name, value in values.items():
            figures.setdefault(name, []).append(value)
    result(
        f"banking, reference {reference}, median of {len(SEEDS)} carves",
        **{name: statistics.median(values) for name, values in figures.items()},
    )


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ["llm", "gold"]:
        run("llm" if wanted == "llm" else "gold")
