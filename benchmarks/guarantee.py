"""The guarantee itself, by BARGAIN's protocol: fit once; the remaining rows are the population, so its risk is known.

2,000 calibration sets of 3,000 rows are drawn from it with replacement and the threshold is set on each.
"""

from __future__ import annotations

import numpy as np
from fitted import fitted
from shared_data import path, result

from sizewise.cascade.guarantee import certify_risk
from sizewise.stages.calibration import judge

DRAWS, ROWS, LIMIT, DELTA = 2_000, 3_000, 0.03, 0.05


def main() -> None:
    rung, splits = fitted(path("banking77_llm_log"), "llm")
    population = judge(rung, [*splits.calibrate.examples, *splits.test.examples], "llm")
    random = np.random.default_rng(0)
    violated, covered = 0, []
    for _ in range(DRAWS):
        drawn = random.integers(0, len(population.wrong), ROWS)
        certificate = certify_risk(population.confidence[drawn], population.wrong[drawn], LIMIT, DELTA)
        answered = (
            population.confidence >= certificate.threshold
            if certificate.threshold is not None
            else np.zeros(len(population.wrong), dtype=bool)
        )
        violated += bool((answered & population.wrong).mean() > LIMIT)
        covered.append(float(answered.mean()))
    result(
        "guarantee, reference llm", population=len(population.wrong), draws=DRAWS, rows_a_draw=ROWS, delta=DELTA,
        violations=violated / DRAWS, coverage_median=round(float(np.median(covered)), 4),
    )  # fmt: skip


if __name__ == "__main__":
    main()
