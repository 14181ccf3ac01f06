"""The ladder, from smallest to largest: the rungs that are registered, how each is made and loaded."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field, fields, is_dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sizewise.core import plugins
from sizewise.core.errors import InputError, RunError, TaskError
from sizewise.core.model import Recipe, Rung, Specialist
from sizewise.core.task import AUTO, Task

#: what a task file gives a rung: kinds of value by the name of the field's type
_TYPES: dict[str, tuple[type, ...]] = {"int": (int,), "float": (int, float), "str": (str,)}
_FILLED = ("seed", "instructions", "progress", "found", "keywords", "work")
_OURS = ("name", "as_for")
#: rungs from this place on see a sample of the rows; the audit and the report need one that sees them all
SAMPLED_FROM, FLOOR = 40, "majority"
#: ``auto`` always fits these, and considers the rungs from this place on, but for those that must be asked for by name
LOWER, UPPER_FROM = ("majority", "keywords", "encoder"), 30
BY_NAME_ALONE = ("slm-prompted",)
#: what a rung needs beyond the core: extra → a module of it
EXTRAS: Mapping[str, Mapping[str, str]] = {
    "encoder-tuned": {"train": "torch"},
    "slm-prompted": {"slm": "xllamacpp"},
    "slm-tuned": {"train": "torch", "slm": "xllamacpp"},
}


def rungs() -> tuple[str, ...]:
    """The names of every rung that is registered, the built-in ones by their place and then those of plug-ins."""
    built_in = plugins.BUILT_IN[plugins.RUNGS]
    return (*built_in, *sorted(set(plugins.registered(plugins.RUNGS)) - set(built_in)))


def rung(name: str) -> Rung:
    """The rung called ``name``. Raises ``TaskError`` where there is none, ``InputError`` where a plug-in is broken."""
    point = plugins.registered(plugins.RUNGS).get(name)
    if point is None:
        near = difflib.get_close_matches(name, rungs(), 1)
        raise TaskError(
            f"there is no rung {name!r}{f' (did you mean {near[0]!r}?)' if near else ''}. "
            f"The rungs are: {', '.join(rungs())}."
        )
    found = plugins.loaded(point)
    if not isinstance(found, Rung) or found.name != name or not is_dataclass(found.recipe):
        raise InputError(f"{point.value} is not the rung {name!r}: a Rung of that name, whose recipe is a dataclass.")
    return found


def recipes(
    task: Task,
    progress: Callable[[str, int, int], None] | None = None,
    found: Callable[[str], None] | None = None,
) -> list[Recipe]:
    """The recipes of ``task.rungs``, smallest first. Raises ``TaskError`` for an unknown rung or setting."""
    wanted = _wanted(task)
    if wanted and wanted[0].place >= SAMPLED_FROM:
        wanted.insert(0, rung(FLOOR))
    return [_recipe(one, task, progress, found) for one in wanted]


def _wanted(task: Task) -> list[Rung]:
    named = [name for name in dict.fromkeys(task.rungs) if name != AUTO]
    found = {name: rung(name) for name in named}
    if AUTO in task.rungs:
        if settings := task.rung_settings.get(AUTO):
            raise TaskError(
                f"[rungs.{AUTO}] has no setting {next(iter(settings))!r}: it stands for the rungs themselves."
            )
        found |= {name: rung(name) for name in LOWER}
        upper = {name: rung(name) for name in rungs() if name not in BY_NAME_ALONE and not missing_extras(name)}
        found |= {name: one for name, one in upper.items() if one.place >= UPPER_FROM}
    return sorted(found.values(), key=lambda one: one.place)


def missing_extras(name: str) -> tuple[str, ...]:
    """The extras that the rung ``name`` needs and that are not installed."""
    return tuple(extra for extra, module in EXTRAS.get(name, {}).items() if find_spec(module) is None)


def is_upper(name: str) -> bool:
    """Whether a budget of time applies to the rung: whether it stands above the frozen encoder."""
    return rung(name).place >= UPPER_FROM


def _recipe(
    one: Rung, task: Task, progress: Callable[[str, int, int], None] | None, found: Callable[[str], None] | None
) -> Recipe:
    settings = _checked(one, task.rung_settings.get(one.name, {}))
    known = {field.name for field in fields(one.recipe)}  # type: ignore[arg-type]
    filled: dict[str, Any] = {"seed": task.seed, "instructions": task.instructions, "found": found}
    if "progress" in known:
        filled["progress"] = (lambda done, total: progress(one.name, done, total)) if progress else None
    if "keywords" in known:
        lower = rung("keywords")
        filled["keywords"] = lower.recipe(**_checked(lower, task.rung_settings.get(lower.name, {})), seed=task.seed)
    return one.recipe(**settings, **{name: value for name, value in filled.items() if name in known})


def _checked(one: Rung, settings: Mapping[str, Any]) -> Mapping[str, Any]:
    """The settings of a task file, if the rung has them and their types are right."""
    known = {f.name: str(f.type) for f in fields(one.recipe) if _is_setting(f)}  # type: ignore[arg-type]
    for key, value in settings.items():
        if key not in known:
            raise TaskError(
                f"[rungs.{one.name}] has no setting {key!r}. Its settings are: {', '.join(known) or 'none'}."
            )
        if isinstance(value, bool) or not isinstance(value, _TYPES[known[key]]):
            raise TaskError(f"[rungs.{one.name}] {key} = {value!r} must be of type {known[key]}.")
    return settings


def _is_setting(field: Field[Any]) -> bool:
    plain = str(field.type) in _TYPES and field.default is not MISSING
    return plain and field.name not in (*_OURS, *_FILLED)


def load_specialist(name: str, folder: Path) -> Specialist:
    """The fitted rung ``name`` from ``folder``. Raises ``RunError`` where this version has no such rung."""
    if name not in plugins.registered(plugins.RUNGS):
        raise RunError(
            f"{folder}: this version of Sizewise has no rung {name!r}. Install the version, or the plug-in, that made "
            "the run."
        )
    return rung(name).load(folder)
