"""The coverage that calibration would certify if the small model erred more or less often than it does."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade.guarantee import certify_excess, from_the_surest
from sizewise.evaluate.coverage_forecast import certified_coverages, weights

Floats = NDArray[np.float64]

EXCESS_DRAWS, EXCESS_GRID = 24, 20


@dataclass(frozen=True, slots=True)
class Traffic:
    """Rows that the small model did not learn from and that stand for the traffic; all of shape (rows,). ``llm_wrong``
    only under gold."""

    confidence: Floats
    wrong: NDArray[np.bool_]
    llm_wrong: NDArray[np.bool_] | None


def certified(
    quantity: Literal["risk", "excess"],
    limit: float,
    delta: float,
    traffic: Traffic,
    wrong: Floats,
    rows: int,
    random: np.random.Generator,
) -> Floats:
    """(draws,) the coverage that ``rows`` calibration rows certify, for each share of wrong answers in ``wrong`` (draws,)."""
    if quantity == "risk":
        return certified_coverages(traffic.confidence, traffic.wrong, wrong, rows, limit, delta, random)
    grid = np.quantile(traffic.confidence, np.linspace(0, 1, EXCESS_GRID, endpoint=False))
    assert traffic.llm_wrong is not None
    lost = traffic.wrong.astype(float) - traffic.llm_wrong
    grid = from_the_surest(grid, traffic.confidence, lost, limit)
    found = np.zeros(len(wrong))
    for i, each in enumerate(wrong):
        drawn = random.choice(len(traffic.wrong), rows, p=weights(traffic.wrong, float(each)))
        sure = traffic.confidence[drawn]
        threshold = certify_excess(sure, lost[drawn], grid, limit, delta, seed=i).threshold
        found[i] = 0.0 if threshold is None else float((sure >= threshold).mean())
    return found
