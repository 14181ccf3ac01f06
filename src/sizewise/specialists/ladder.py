"""The ladder, from smallest to largest: which rungs there are, how each is made and loaded."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from sizewise.core.errors import RunError, TaskError
from sizewise.core.model import Recipe, Specialist
from sizewise.core.task import Task
from sizewise.specialists.encoder import EncoderRecipe, EncoderSpecialist
from sizewise.specialists.keywords import KeywordsRecipe, KeywordsSpecialist
from sizewise.specialists.majority import MajorityRecipe, MajoritySpecialist

_RUNGS: dict[str, tuple[Callable[..., Recipe], Callable[[Path], Specialist]]] = {
    "majority": (MajorityRecipe, MajoritySpecialist.load),
    "keywords": (KeywordsRecipe, KeywordsSpecialist.load),
    "encoder": (EncoderRecipe, EncoderSpecialist.load),
}
RUNGS = tuple(_RUNGS)
_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
_NOT_SETTINGS = {"name", "seed", "keywords", "cache", "progress", "as_for", "reader"}


def recipes(task: Task, progress: Callable[[str, int, int], None] | None = None) -> list[Recipe]:
    """The recipes of ``task.rungs``, smallest first. Raises ``TaskError`` for an unknown rung or setting."""
    for name in task.rungs:
        if name not in _RUNGS:
            near = difflib.get_close_matches(name, RUNGS, 1)
            raise TaskError(
                f"there is no rung {name!r}{f' (did you mean {near[0]!r}?)' if near else ''}. "
                f"The rungs are: {', '.join(RUNGS)}."
            )
    return [_recipe(name, task, progress) for name in RUNGS if name in task.rungs]


def _recipe(name: str, task: Task, progress: Callable[[str, int, int], None] | None) -> Recipe:
    make = _RUNGS[name][0]
    known = {f.name: f.type for f in fields(make)}  # type: ignore[arg-type]
    settings: Mapping[str, Any] = task.rung_settings.get(name, {})
    for key, value in settings.items():
        if key not in known or key in _NOT_SETTINGS:
            allowed = ", ".join(k for k in known if k not in _NOT_SETTINGS) or "none"
            raise TaskError(f"[rungs.{name}] has no setting {key!r}. Its settings are: {allowed}.")
        if isinstance(value, bool) or not isinstance(value, _TYPES[str(known[key])]):
            raise TaskError(f"[rungs.{name}] {key} = {value!r} must be of type {known[key]}.")
    if name == "majority":
        return make()
    if name == "keywords":
        return make(**settings, seed=task.seed)
    lower = KeywordsRecipe(**task.rung_settings.get("keywords", {}), seed=task.seed)
    report = (lambda done, total: progress(name, done, total)) if progress else None
    return make(**settings, seed=task.seed, keywords=lower, progress=report)


def load_specialist(name: str, folder: Path) -> Specialist:
    """The fitted rung ``name`` from ``folder``. Raises ``RunError`` where this version has no such rung."""
    if name not in _RUNGS:
        raise RunError(
            f"{folder}: this version of Sizewise has no rung {name!r}. Install the version that made the run."
        )
    return _RUNGS[name][1](folder)
