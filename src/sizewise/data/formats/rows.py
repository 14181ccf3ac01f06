"""One row under our column names becomes an example, or the reason why it cannot."""

from __future__ import annotations

import math
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sizewise.core.example import Example
from sizewise.data.formats.messages import loaded
from sizewise.data.text import readable

TEXT_COLUMNS = ("input", "answer", "gold", "id", "task", "split", "at", "slice", "prompt_version", "model")
NUMBER_COLUMNS = ("latency_ms", "cost_usd")
COUNT_COLUMNS = ("prompt_tokens", "cached_tokens", "completion_tokens")
LARGEST = 1e12  # of a time, a cost or a count: beyond that nobody measured anything
TAUGHT_COLUMNS = ("probabilities", "rationale")
COLUMNS = (*TEXT_COLUMNS, *NUMBER_COLUMNS, *COUNT_COLUMNS, *TAUGHT_COLUMNS, "augmented")
LONGEST_RATIONALE, MOST_PROBABILITIES = 4_000, 5_000
_EXACT = 2**53
SPLITS = {"train": "train", "calibrate": "calibrate", "test": "test"} | {
    "training": "train", "calibration": "calibrate", "validation": "calibrate", "valid": "calibrate",
    "val": "calibrate", "dev": "calibrate",
}  # fmt: skip


def scalar_text(value: Any) -> str | None:
    """A scalar as text, stripped; ``None`` and NaN are missing, and an empty text stays an (unusable) answer."""
    if value.__class__ is str:
        return readable(value).strip()
    if value is None or is_no_number(value):
        return None
    if isinstance(value, bool):
        return "true" if value else "false"
    return readable(str(value)).strip()


def within(row: Mapping[str, Any], name: str) -> Any:
    """The value of a column, or of ``a.b``: what ``b`` is in the object ``a``.

    >>> within({"meta": {"label": "refund"}}, "meta.label")
    'refund'
    """
    if name in row or "." not in name:
        return row.get(name)
    outer, _, inner = name.partition(".")
    held = loaded(row.get(outer))
    return within(held, inner) if isinstance(held, Mapping) else None


def is_no_number(value: Any) -> bool:
    """Whether ``value`` is a NaN or an infinity."""
    return isinstance(value, float) and not math.isfinite(value)


def problem(values: Mapping[str, Any]) -> str | None:
    """Why a row cannot be used, if it cannot. ``values`` has every one of our columns."""
    text = values["input"]
    if text is None:
        return "no input"
    if not isinstance(text, str):
        return f"input is not text but {type(text).__name__}"
    for column in TEXT_COLUMNS[1:]:
        value = values[column]
        if value is None or value.__class__ is str:
            continue
        for one in value if column == "answer" and isinstance(value, list) else (value,):
            if isinstance(one, dict | list):
                what = "a label" if column in ("answer", "gold") else "one value"
                return f"{column} is not {what} but {'an object' if isinstance(one, dict) else 'a list'}"
    split = scalar_text(values["split"])
    if split and split.casefold() not in SPLITS:
        return f"split is {split[:40]!r}, not train, calibrate or test"
    if split and SPLITS[split.casefold()] != "train" and is_augmented(values):
        return f"an augmented row is no traffic, and split is {split[:40]!r}, not train"
    return None


def is_augmented(values: Mapping[str, Any]) -> bool:
    """Whether the row was written by an LLM: ``true``, 1 or such a text, as CSV has it."""
    value = values["augmented"]
    return value is True or (value is not None and str(value).strip().casefold() in ("true", "1", "yes"))


def example(identifier: str, values: Mapping[str, Any], unreadable: Counter[str]) -> Example:
    """The example in a row that has no problem; values that had to be dropped are counted in ``unreadable``.

    Texts that recur from row to row (labels, splits, models) are held once.
    """
    answer = values["answer"]
    said = answer if isinstance(answer, list) else (answer,)
    labels = [sys.intern(text) for one in said if (text := scalar_text(one)) is not None]
    for name in TEXT_COLUMNS:
        if values[name].__class__ is float and is_no_number(values[name]):
            unreadable[name] += 1
    split = scalar_text(values["split"])
    return Example(
        id=identifier,
        input=readable(values["input"]),
        answer=labels[0] if labels else None,
        gold=_shared(values["gold"]),
        further_answers=tuple(labels[1:]),
        split=SPLITS[split.casefold()] if split else None,
        at=scalar_text(values["at"]) or None,
        slice=_shared(values["slice"]),
        model=_shared(values["model"]),
        latency_ms=_number("latency_ms", values, unreadable),
        prompt_tokens=_count("prompt_tokens", values, unreadable),
        cached_tokens=_count("cached_tokens", values, unreadable),
        completion_tokens=_count("completion_tokens", values, unreadable),
        cost_usd=_number("cost_usd", values, unreadable),
        probabilities=_probabilities(values["probabilities"], unreadable),
        rationale=_rationale(values["rationale"], unreadable),
        augmented=is_augmented(values),
    )


def _probabilities(value: Any, unreadable: Counter[str]) -> Mapping[str, float] | None:
    """Probabilities by label out of an object, or out of a text that holds one, as CSV does."""
    if value is None or value == "":
        return None
    held = loaded(value)
    if isinstance(held, Mapping) and 0 < len(held) <= MOST_PROBABILITIES:
        found = {sys.intern(readable(str(label)).strip()): share for label, share in held.items() if share is not None}
        numbers = all(isinstance(share, float | int) and not isinstance(share, bool) for share in found.values())
        if numbers and all(0 <= share <= 1 for share in found.values()) and sum(found.values()) > 0:
            return {label: float(share) for label, share in found.items()}
    unreadable["probabilities"] += 1
    return None


def _rationale(value: Any, unreadable: Counter[str]) -> str | None:
    if value is None or isinstance(value, str):
        return readable(value).strip()[:LONGEST_RATIONALE] or None if value else None
    unreadable["rationale"] += 1
    return None


def _shared(value: Any) -> str | None:
    text = scalar_text(value)
    return sys.intern(text) if text else None


def _count(column: str, values: Mapping[str, Any], unreadable: Counter[str]) -> int | None:
    number = _number(column, values, unreadable)
    return None if number is None else int(number)


def _number(column: str, values: Mapping[str, Any], unreadable: Counter[str]) -> float | None:
    value = values[column]
    if value is None or value == "":
        return None
    if value.__class__ is int and 0 <= value < _EXACT:
        return float(value)
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, bool) or not 0 <= number <= LARGEST:
        unreadable[column] += 1
        return None
    return number
