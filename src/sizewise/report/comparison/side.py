"""One of the two runs that are compared."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sizewise.core.record import Prediction, RunRecord


@dataclass(frozen=True, slots=True)
class Side:
    """A run with its name (the folder's) and its answers on test."""

    name: str
    record: RunRecord
    predictions: Sequence[Prediction]
