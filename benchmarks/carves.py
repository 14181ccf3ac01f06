"""The banking log over five carves (seeds: other calibration rows, folds and fits), held against each reference.

What `decide` does up to the threshold, and its answers on test; no forecast, no report.
"""

from __future__ import annotations

import statistics
import sys
from typing import Literal

from fitted import fitted
from shared_data import path, result

from sizewise.cascade.cascade import chosen_labels, equal
from sizewise.core.task import Bar
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.stages.calibration import calibrate, excess_on_train, judge

SEEDS = range(5)


def run(reference: Literal["llm", "gold"]) -> None:
    figures: dict[str, list[float]] = {}
    log = check(read([path("banking77_llm_log")])).examples
    for seed in SEEDS:
        rung, splits = fitted(path("banking77_llm_log"), reference, seed)
        bar = Bar(target=0.97 if reference == "llm" else None)
        seen = excess_on_train(rung, splits.train, log)
        here = calibrate(rung, splits.calibrate, reference, bar, seed, seen)
        test = judge(rung, splits.test.examples, reference)
        said = chosen_labels(rung.specialist.evidence([e.input for e in splits.test.examples]))
        values = {
            "accuracy": 1 - float((~equal(said, [e.gold for e in splits.test.examples])).mean()),
            "agreement": 1 - float((~equal(said, [e.answer for e in splits.test.examples])).mean()),
        }
        if here.threshold is not None:
            answered = test.confidence >= here.threshold
            values |= {
                "coverage": float(answered.mean()),
                "coverage_calibrate": float((here.judged.confidence >= here.threshold).mean()),
                "risk": float((answered & test.wrong).mean()),
            }
        result(
            f"banking, reference {reference}",
            seed=seed,
            n=len(splits.test),
            **{k: round(v, 4) for k, v in values.items()},
        )
        for name, value in values.items():
            figures.setdefault(name, []).append(value)
    medians = {name: round(statistics.median(values), 4) for name, values in figures.items()}
    result(f"banking, reference {reference}, median of {len(SEEDS)} carves", **medians)


if __name__ == "__main__":
    for wanted in sys.argv[1:] or ["llm", "gold"]:
        run("llm" if wanted == "llm" else "gold")
