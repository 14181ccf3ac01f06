"""Task files (TOML) and the options that override them, resolved into one ``Task``."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from sizewise.core.errors import TaskError
from sizewise.core.task import Bar, Task
from sizewise.data.template import Template

_TABLES: dict[str, dict[str, type]] = {
    "task": {"name": str, "kind": str, "instructions": str, "wordings": list, "labels": list, "reference": str, "seed": int},
    "data": {"path": str, "columns": dict, "only": dict, "strict_labels": bool, "template": str, "raw_answers": bool},
    "large": {"model": str},
    "bar": {
        "target": float, "margin": float, "delta": float, "min_coverage": float, "latency_p95_ms": float,
        "memory_mb": float, "volume_per_month": float, "perimeter": str,
    },
}  # fmt: skip
_CHOICES = {
    ("task", "kind"): ("classify", "extract", "generate"),
    ("task", "reference"): ("auto", "gold", "llm"),
    ("bar", "perimeter"): ("open", "closed"),
}
MOST_WORDINGS = 20
_SHARES = ("target", "margin", "delta", "min_coverage")
_USUAL = {"target": 0.97, "margin": 0.01, "delta": 0.05, "min_coverage": 0.2}


def read_task(path: Path) -> Task:
    """The task in a task file; its data path is relative to the file. Raises ``TaskError``."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError:
        raise TaskError(f"no task file {path}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaskError(f"{path} is not a task file: {error}.") from error
    _known(path, "", raw, [*_TABLES, "rungs"])
    for table, keys in _TABLES.items():
        section = raw.get(table, {})
        if not isinstance(section, dict):
            raise TaskError(f"{path}: [{table}] must be a table.")
        _known(path, table, section, list(keys))
        for key, value in section.items():
            _typed(path, table, key, value, keys[key])
    task, data, bar = raw.get("task", {}), raw.get("data", {}), raw.get("bar", {})
    if task.get("kind", "classify") != "classify":
        raise TaskError(f"{path}: kind = {task['kind']!r}: this version decides classify tasks only.")
    rungs = _rungs(path, raw.get("rungs", {}))
    return checked(
        Task(
            name=task.get("name", path.stem),
            instructions=task.get("instructions"),
            wordings=_wordings(path, task.get("wordings", [])),
            labels=_labels(path, task.get("labels")),
            path=_beside(path, data["path"]) if "path" in data else None,
            columns=_texts(path, "columns", data.get("columns", {})),
            only=_texts(path, "only", data.get("only", {})),
            large=raw.get("large", {}).get("model"),
            reference=task.get("reference", "auto"),
            bar=Bar(**bar),
            rung_settings=rungs[1],
            minutes=rungs[2],
            strict_labels=data.get("strict_labels", False),
            template=data.get("template"),
            raw_answers=data.get("raw_answers", False),
            seed=task.get("seed", 0),
            rungs=rungs[0] or Task("").rungs,
        )
    )


def _beside(path: Path, name: str) -> str:
    if "\0" in name:
        raise TaskError(f"{path}: [data] path = {name!r} is no path.")
    return name if "://" in name else str((path.parent / name).resolve())


def checked(task: Task) -> Task:
    """``task`` itself, or ``TaskError`` where one of its numbers makes no sense or it names no rung."""
    if not 0 <= task.seed < 2**32:
        raise TaskError(f"seed = {task.seed} must be a whole number from 0 to {2**32 - 1}.")
    if not task.rungs:
        raise TaskError("no rung is named: for example --rungs majority,keywords.")
    if task.template is not None and not task.template.startswith("@"):
        Template(task.template)
    for name in _SHARES:
        value = getattr(task.bar, name)
        if value is not None and not 0 < value < 1 and not (name == "min_coverage" and value in (0, 1)):
            raise TaskError(
                f"{name} = {value} must lie between 0 and 1, for example --{name.replace('_', '-')} {_share(name, value)}."
            )
    if task.minutes is not None and not 0 < task.minutes < float("inf"):
        raise TaskError(f"minutes = {task.minutes} must be a positive number, for example --minutes 30.")
    for name in ("latency_p95_ms", "memory_mb", "volume_per_month"):
        value = getattr(task.bar, name)
        if value is not None and not 0 < value < float("inf"):
            raise TaskError(f"{name} = {value} must be a positive number.")
    return task


def _share(name: str, given: float) -> str:
    """What was probably meant: a percentage as a share; else what is usual."""
    return f"{given / 100 if 1 < given < 100 else _USUAL[name]:.6g}"


def task_tables(task: Task) -> dict[str, Any]:
    """The tables of a task file that resolves to ``task``, without what is not set."""
    bar = {name: getattr(task.bar, name) for name in _TABLES["bar"]}
    about = {
        "name": task.name, "kind": task.kind, "instructions": task.instructions, "reference": task.reference,
        "seed": task.seed, "labels": list(task.labels) if task.labels else None,
        "wordings": list(task.wordings) or None,
    }  # fmt: skip
    data = {
        "path": task.path, "columns": dict(task.columns), "only": dict(task.only), "strict_labels": task.strict_labels,
        "template": task.template, "raw_answers": task.raw_answers,
    }  # fmt: skip
    tables: dict[str, dict[str, Any]] = {
        "task": about, "data": data, "large": {"model": task.large}, "bar": bar,
        "rungs": {"minutes": task.minutes} | {name: dict(task.rung_settings.get(name, {})) for name in task.rungs},
    }  # fmt: skip
    return {name: {k: v for k, v in table.items() if v is not None} for name, table in tables.items()}


def with_options(task: Task, bar: Mapping[str, Any], **options: Any) -> Task:
    """``task`` with every option that is not ``None``."""
    given = {name: value for name, value in options.items() if value is not None}
    limits = {name: value for name, value in bar.items() if value is not None}
    return checked(replace(task, **given, bar=replace(task.bar, **limits)))


def _known(path: Path, table: str, section: Mapping[str, Any], names: list[str]) -> None:
    for key in section:
        if key not in names:
            near = difflib.get_close_matches(key, names, 1)
            where = f"[{table}] has no key" if table else "there is no table"
            raise TaskError(
                f"{path}: {where} {key!r}{f' (did you mean {near[0]!r}?)' if near else ''}: {', '.join(names)}."
            )


def _typed(path: Path, table: str, key: str, value: Any, wanted: type) -> None:
    right = isinstance(value, int | float) if wanted is float else isinstance(value, wanted)
    if not right or (isinstance(value, bool) and wanted is not bool):
        raise TaskError(f"{path}: [{table}] {key} = {value!r} must be of type {wanted.__name__}.")
    choices = _CHOICES.get((table, key))
    if choices and value not in choices:
        raise TaskError(f"{path}: [{table}] {key} = {value!r} must be one of {', '.join(choices)}.")


def _labels(path: Path, labels: Any) -> tuple[str, ...] | None:
    if labels is None:
        return None
    if not labels or not all(isinstance(label, str) and label.strip() for label in labels):
        raise TaskError(f"{path}: [task] labels must be a list of texts.")
    return tuple(label.strip() for label in labels)


def _wordings(path: Path, wordings: list[Any]) -> tuple[str, ...]:
    if len(wordings) > MOST_WORDINGS or not all(isinstance(text, str) and text.strip() for text in wordings):
        raise TaskError(f"{path}: [task] wordings must be a list of at most {MOST_WORDINGS} texts.")
    return tuple(wordings)


def _texts(path: Path, key: str, table: Mapping[str, Any]) -> dict[str, str]:
    if not all(isinstance(value, str) for value in table.values()):
        raise TaskError(f"{path}: [data] {key} must map names to texts.")
    return dict(table)


def _rungs(path: Path, table: Any) -> tuple[tuple[str, ...], dict[str, dict[str, Any]], float | None]:
    """The rungs in order, the settings of each, and the minutes that the upper ones may take."""
    held = dict(table) if isinstance(table, dict) else {}
    minutes = held.pop("minutes", None)
    if minutes is not None:
        _typed(path, "rungs", "minutes", minutes, float)
    if not isinstance(table, dict) or not all(isinstance(value, dict) for value in held.values()):
        raise TaskError(
            f"{path}: [rungs] holds one table a rung, for example [rungs.keywords], and perhaps minutes = 30."
        )
    return tuple(held), {name: dict(settings) for name, settings in held.items()}, minutes
