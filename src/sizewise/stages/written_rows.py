"""Whether inputs that an LLM wrote help: tried out of fold on real train rows, and left out where that is not shown."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import RunError
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance
from sizewise.core.model import Fitted, Recipe
from sizewise.evaluate.paired import paired
from sizewise.specialists.folds import folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ladder import is_upper
from sizewise.stages.listener import Listener
from sizewise.store.arrays import load_json, save_json
from sizewise.verdict.wording import reason

FLOOR = "majority"


@dataclass(frozen=True, slots=True)
class Learned:
    """What a rung learns from: ``real`` rows, which alone are scored, and perhaps ``written`` ones behind them."""

    real: Train
    written: Train | None = None

    @property
    def rows(self) -> Train:
        """All of them, the real ones first."""
        return self.real if self.written is None else self.real.joined(self.written)

    def folds(self, seed: int) -> NDArray[np.int64]:
        """The fold of each row: the written ones have one of their own, so that every other fold's heads learn from them."""
        numbers = folds(self.real, seed)
        if self.written is None:
            return numbers
        return np.append(numbers, np.full(len(self.written), numbers.max() + 1))


def tried(
    recipes: Sequence[Recipe], real: Train, written: Train | None, seed: int, work: Path, listener: Listener
) -> tuple[Learned, tuple[Circumstance, ...]]:
    """What the contest learns from, and what is to be said of it: with ``written`` only where they help.

    Held out are real rows alone, of the best lower rung that is in the contest; what decides is the lower end of the
    paired 95 % interval (Tango's) of the difference in right answers.
    """
    if written is None:
        return Learned(real), ()
    about = _kept(work / "written.json")
    if about is None:
        started = time.perf_counter()
        lower = [r for r in recipes if not is_upper(r.name) and r.name != FLOOR] or [KeywordsRecipe(seed=seed)]
        listener.found(f"{len(written):,} inputs that an LLM wrote are tried with {lower[-1].name}, out of fold")
        without, beside = (_right(lower, Learned(real, more), seed) for more in (None, written))
        compared = paired(beside, without)
        assert compared is not None
        gain = compared.difference
        about = {
            "n": len(written), "rung": lower[-1].name, "difference": gain.value, "low": gain.low, "high": gain.high,
            "rows": gain.n, "seconds": time.perf_counter() - started,
        }  # fmt: skip
        save_json(work / "written.json", about)
    kept = float(about["low"] or 0.0) > 0
    told = Circumstance(
        "written_kept" if kept else "written_dropped", {k: v for k, v in about.items() if k != "seconds"}
    )
    listener.found(reason(told.code, **told.parameters).text)
    return Learned(real, written if kept else None), (told,)


def _right(recipes: Sequence[Recipe], learned: Learned, seed: int) -> NDArray[np.bool_]:
    """(real rows,) whether the last of ``recipes`` is right, by heads that did not learn from the row."""
    rows, numbers = learned.rows, learned.folds(seed)
    below: dict[str, Fitted] = {}
    for recipe in recipes:
        below[recipe.name] = recipe.validate(rows, numbers, below)
    position = {label: i for i, label in enumerate(rows.labels)}
    targets = np.array([position[target] for target in learned.real.targets])
    said = below[recipes[-1].name].evidence.probabilities.argmax(axis=1)
    return np.asarray(said[: len(targets)] == targets)


def _kept(path: Path) -> dict[str, str | float | int | None] | None:
    """What an interrupted run found, unless that is not there or damaged."""
    try:
        held = load_json(path)
    except RunError:
        return None
    return (
        held if isinstance(held, dict) and {"n", "rung", "difference", "low", "high", "rows"} <= held.keys() else None
    )
