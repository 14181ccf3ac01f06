"""Training: an encoder or a local language model is fine-tuned on the task. An extra opens this door.

Nothing that answers imports from here. Few files here import torch at their top (the repository's `conftest.py` lists
them); the others can be read, and their doctests run, without the extra.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from importlib.util import find_spec

from sizewise.core.errors import InputError, TaskError

INSTALL = 'pip install "sizewise[train]"'
NEEDED = ("torch", "transformers", "peft", "onnx")


def require(rung: str) -> None:
    """Raise ``InputError`` with the line that installs the extra, where some of it is missing."""
    missing = [package for package in NEEDED if find_spec(package) is None]
    if missing:
        raise InputError(
            f"to train, the rung {rung} needs the extra `train` ({', '.join(missing)} is missing): {INSTALL}"
        )


def require_settings(rung: str, recipe: object, least: Mapping[str, float], most: Mapping[str, float]) -> None:
    """Raise ``TaskError`` where a setting of ``recipe`` is no number between its least and its most (which may be none)."""
    for key, low in least.items():
        value, high = getattr(recipe, key), most.get(key, math.inf)
        if not (low <= value <= high and math.isfinite(value)):
            bounds = f"at least {low:g}" if math.isinf(high) else f"between {low:g} and {high:g}"
            raise TaskError(f"[rungs.{rung}] {key} = {value!r} must be {bounds}.")
