"""A rung of somebody else's that takes its time: ``keywords`` learned slowly, with a plan, within the seconds it is given."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sizewise.core.example import Train
from sizewise.core.model import Fitted, Rung, Specialist
from sizewise.specialists.keywords import RUNG as KEYWORDS
from sizewise.specialists.keywords import KeywordsRecipe


@dataclass(frozen=True)
class PatientRecipe:
    """Learns in ``steps`` steps of ``pause`` seconds; says that it will take ``planned``, and stops after ``seconds``."""

    planned: float = 1.0
    thinks: float = 0.0
    steps: int = 2
    pause: float = 0.01
    seconds: float = 0.0
    heeds: int = 1  # 0: it does not look at the clock
    progress: Callable[[int, int], None] | None = None
    work: Path | None = None
    name: str = "patient"

    def fit(self, examples: Train) -> Specialist:
        return KeywordsRecipe().fit(examples)

    def plan(self, train: Train) -> tuple[float, str]:
        time.sleep(self.thinks)
        return self.planned, f"{self.steps} steps over {len(train)} rows"

    def validate(self, examples: Train, folds: Any, below: Mapping[str, Fitted]) -> Fitted:
        assert self.work is not None
        started, done = time.perf_counter(), 0
        for _ in range(self.steps):
            time.sleep(self.pause)
            done += 1
            if self.progress:
                self.progress(1, self.steps)
            if self.heeds and 0 < self.seconds < time.perf_counter() - started:
                break
        (self.work.parents[2] / "steps.txt").write_text(f"{done} of {self.steps} in {self.seconds:.2f}")
        return replace(KeywordsRecipe().validate(examples, folds, below), fit_seconds=self.pause * done)


RUNG = Rung("patient", 35, PatientRecipe, KEYWORDS.load)
