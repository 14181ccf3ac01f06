"""Whether the contest climbs above the frozen encoder: because it was asked to, or because that may pay; and for how long.

A rung that nobody asked for may pay where the lower ones leave something to be gained by it (``Outlook``), where train
holds rows enough of most labels, and where what it needs is installed. Every upper rung, asked for or not, keeps to the
time that is left of the budget. What was decided is written down, so that a resumed run decides alike.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import InputError, LimitReached, OutOfTime, RunError
from sizewise.core.example import Example, Train
from sizewise.core.measurement import Circumstance
from sizewise.core.model import Planned, Recipe
from sizewise.core.task import AUTO, ReferenceKind, Task
from sizewise.specialists.ladder import BY_NAME_ALONE, is_upper, missing_extras, rungs
from sizewise.stages.choice import MARGIN
from sizewise.stages.contest import Contestant
from sizewise.stages.listener import Listener
from sizewise.stages.outlook import SAVED, outlook
from sizewise.store.arrays import load_json, save_json
from sizewise.verdict.wording import reason

#: train rows that half of the labels must have: the fewest with which contrastive tuning was shown to work (Tunstall 2022)
LEAST_OF_A_LABEL = 8
#: of the time that is left, what a rung may use by itself; it is ended when all of it is over
OWN_SHARE = 0.9
LEAST = 0.001  # seconds: none at all would mean as many as it takes
Step = Callable[[int, int], None]


class Climb:
    """Lets rungs into one contest, and says of each that is not let in why (``told``).

    ``examples`` is the log, for the LLM's answers on train rows; ``calibrate`` counts the rows that will certify.
    """

    def __init__(
        self, task: Task, reference: ReferenceKind, calibrate: int, examples: Sequence[Example], work: Path,
        listener: Listener,
    ) -> None:  # fmt: skip
        self._task, self._reference, self._calibrate, self._listener = task, reference, calibrate, listener
        self._answers = {(e.id, e.input): e.answer for e in examples} if AUTO in task.rungs else {}
        self._path = work / "climbing.json"
        self._kept = _kept(self._path)
        self._seconds = task.climbing_seconds
        self._started: dict[str, float] = {}

    @property
    def told(self) -> tuple[Circumstance, ...]:
        """Why rungs are not in the contest; each once."""
        found = [Circumstance(r["code"], r["parameters"]) for r in self._kept.values() if r.get("code")]
        return tuple(one for i, one in enumerate(found) if one not in found[:i])

    def admit(self, recipe: Recipe, below: Sequence[Contestant], train: Train) -> Recipe | None:
        """The recipe with the time that it may take, or ``None`` where it is not to be fitted."""
        if not is_upper(recipe.name):
            return recipe
        self._say_budget()
        started = time.perf_counter()
        kept = self._kept.get(recipe.name)
        if kept is None:
            kept = self._decided(recipe, below, train)
            self._keep(recipe.name, kept if "left" in kept else kept | {"took": time.perf_counter() - started})
        if "code" in kept:
            return None
        self._started[recipe.name] = started
        return within(recipe, kept["left"])

    def ended(self, name: str, stopped: OutOfTime | None = None) -> None:
        """The rung was fitted, or ``stopped`` because its time was over."""
        if (started := self._started.pop(name, None)) is None:
            return
        kept = self._kept[name]
        took = float(kept.get("took", time.perf_counter() - started))  # a resumed run finds it fitted
        kept = kept | {"took": took}
        if stopped is not None:
            self._listener.found(str(stopped))
            kept |= _told("upper_stopped", rung=name, took=round(took / 60, 1))
        self._keep(name, kept)

    def finish(self, below: Sequence[Contestant], train: Train) -> None:
        """Say what was not considered: the rungs whose extras are missing, where one of them may pay."""
        missing = {
            name: extras for name in rungs()
            if name not in (*BY_NAME_ALONE, *self._task.rungs) and (extras := missing_extras(name))
        }  # fmt: skip
        if AUTO not in self._task.rungs or not missing:
            return
        why_not = self._not_worth_it(below, train)
        for name, extras in missing.items():
            told = why_not or _told("upper_not_installed", rung=name, install=_install(extras))
            self._keep(name, self._kept.get(name, told))

    @property
    def left(self) -> float | None:
        """Seconds that are left of the budget; ``None`` where there is none."""
        if self._seconds is None:
            return None
        return max(0.0, self._seconds - sum(float(one.get("took", 0.0)) for one in self._kept.values()))

    def _say_budget(self) -> None:
        if self._seconds is not None and not self._started and not self._kept:
            self._listener.found(f"rungs above `encoder` may take {self._seconds / 60:g} min in all (--minutes)")

    def _decided(self, recipe: Recipe, lower: Sequence[Contestant], train: Train) -> dict[str, Any]:
        if recipe.name not in self._task.rungs and (why_not := self._not_worth_it(lower, train)):
            return why_not
        left = self.left
        if left is None or self._seconds is None:
            return {"left": None}
        timed, started = within(recipe, left), time.perf_counter()
        minutes = round(self._seconds / 60, 1)
        if not isinstance(timed, Planned):
            return {"left": left} if hasattr(timed, "seconds") else _told("upper_unplanned", rung=recipe.name)
        try:
            seconds, how = timed.plan(train)
        except (InputError, LimitReached) as error:  # too little memory, a licence, a base that cannot be tuned
            if recipe.name in self._task.rungs:
                raise
            return _told("upper_not_possible", rung=recipe.name, why=str(error))
        left = max(0.0, left - (time.perf_counter() - started))  # a plan makes real steps: they count
        needs, rest = round(seconds / 60, 1), round(left / 60, 1)
        self._listener.found(f"{recipe.name}: about {needs} min, {rest} min are left: {how}")
        if seconds > left:
            return _told("upper_out_of_time", rung=recipe.name, needs=needs, left=rest, minutes=minutes)
        return {"left": left}

    def _not_worth_it(self, lower: Sequence[Contestant], train: Train) -> dict[str, Any] | None:
        """Why climbing cannot pay, in words; ``None`` where it may."""
        counts = sorted(Counter(train.targets)[label] for label in train.labels)
        if (middle := counts[len(counts) // 2]) < LEAST_OF_A_LABEL:
            return _told("upper_too_few_rows", rows=middle, needed=LEAST_OF_A_LABEL)
        whole = [c for c in lower if c.rows is None]
        best = max(whole, key=lambda c: float(c.right.mean()))
        seen = outlook(best, self._llm_wrong(train), self._task.bar, self._calibrate, self._task.seed)
        if seen.may_pay(self._reference):
            return None
        return _told(
            "upper_not_needed", rung=seen.rung, saved=SAVED, today=seen.today, possible=seen.possible, margin=MARGIN
        )

    def _llm_wrong(self, train: Train) -> NDArray[np.bool_] | None:
        """Under gold, on which train rows the LLM is wrong; ``None`` where it said nothing, or is the reference."""
        if self._reference != "gold":
            return None
        said = [self._answers.get(key) for key in zip(train.ids, train.inputs, strict=True)]
        if all(answer is None for answer in said):
            return None
        return np.array([a not in (None, t) for a, t in zip(said, train.targets, strict=True)], dtype=bool)

    def _keep(self, name: str, entry: dict[str, Any]) -> None:
        before = self.told
        self._kept[name] = entry
        save_json(self._path, self._kept)
        for circumstance in self.told:
            if circumstance not in before:
                self._listener.found(reason(circumstance.code, **circumstance.parameters).text)


def _kept(path: Path) -> dict[str, dict[str, Any]]:
    """What an interrupted run decided; nothing where that is not there, or damaged."""
    try:
        held = load_json(path)
    except RunError:
        return {}
    entries = held.values() if isinstance(held, dict) else [None]
    whole = all(isinstance(one, dict) and ("left" in one or "code" in one) for one in entries)
    return dict(held) if whole else {}


def _told(code: str, **parameters: str | float | int) -> dict[str, Any]:
    return {"code": code, "parameters": parameters}


def _install(extras: Sequence[str]) -> str:
    return f'pip install "sizewise[{",".join(extras)}]"'


def within(recipe: Recipe, left: float | None) -> Recipe:
    """The recipe told how many ``seconds`` it may take, where it can be told, and ended by ``progress`` after ``left``."""
    if left is None:
        return recipe
    names = {field.name for field in fields(recipe)}  # type: ignore[arg-type]
    changes: dict[str, Any] = {}
    if "seconds" in names:
        own = float(getattr(recipe, "seconds", 0.0) or 0.0)
        changes["seconds"] = max(LEAST, min(own, OWN_SHARE * left) if own > 0 else OWN_SHARE * left)
    if "progress" in names:
        changes["progress"] = _until(left, recipe)
    changed: Recipe = replace(recipe, **changes) if changes else recipe  # type: ignore[type-var]
    return changed


def _until(left: float, recipe: Recipe) -> Step:
    told: Step | None = getattr(recipe, "progress", None)
    end = time.perf_counter() + left

    def step(done: int, total: int) -> None:
        if time.perf_counter() > end:
            raise OutOfTime(f"{recipe.name}: the {left / 60:.1f} min that were left are over; it is left out")
        if told is not None:
            told(done, total)

    return step
