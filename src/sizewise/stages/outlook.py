"""What a larger rung could gain over the best of the lower ones, by the forecast of the certified coverage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.core.task import Bar, ReferenceKind
from sizewise.stages.choice import MARGIN
from sizewise.stages.contest import Contestant
from sizewise.stages.foreseen_coverage import EXCESS_DRAWS, Traffic, certified

#: of the best lower rung's errors, what a larger rung is taken to save at best: more than any rung saved on the one below
SAVED = 0.5
DRAWS = 50


@dataclass(frozen=True, slots=True)
class Outlook:
    """The share of traffic that calibration would let ``rung`` answer: as it is, and with ``SAVED`` of its errors saved.

    ``errors`` is its share of wrong answers on train, out of fold.
    """

    rung: str
    today: float
    possible: float
    errors: float

    def may_pay(self, reference: ReferenceKind) -> bool:
        """Whether a larger rung may be better by more than the point that it must be better by."""
        enough = reference != "gold" or SAVED * self.errors > MARGIN  # there accuracy chooses
        return enough and self.possible - self.today > MARGIN


def outlook(best: Contestant, llm_wrong: NDArray[np.bool_] | None, bar: Bar, calibrate: int, seed: int) -> Outlook:
    """What there is to gain above ``best``; ``llm_wrong`` has shape (rows,), ``calibrate`` is the number of its rows."""
    sought: list[tuple[Literal["risk", "excess"], float]] = [("excess", bar.margin)] if llm_wrong is not None else []
    if llm_wrong is None or bar.target is not None:
        sought.append(("risk", 1 - bar.effective_target))
    traffic = Traffic(best.confidence_out_of_fold, ~best.right, llm_wrong)
    errors = float(1 - best.right.mean())

    def median(share: float) -> float:
        random = np.random.default_rng(seed)
        shares = np.full(DRAWS if llm_wrong is None else EXCESS_DRAWS, share)
        drawn = [certified(which, limit, bar.delta, traffic, shares, calibrate, random) for which, limit in sought]
        return float(np.median(np.min(drawn, axis=0)))

    if not calibrate:
        return Outlook(best.name, 0.0, 0.0, errors)
    return Outlook(best.name, median(errors), median((1 - SAVED) * errors), errors)
