"""A table of weights in one byte each, unpacked row by row where it is looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

MOST = 127


@dataclass(frozen=True, slots=True)
class PackedRows:
    """``table`` (rows, columns) in whole numbers from -127 to 127, ``scale`` (rows,) what one of them is worth."""

    table: NDArray[np.int8]
    scale: NDArray[np.floating[Any]]

    def __getitem__(self, rows: Any) -> NDArray[np.float32]:
        """Some rows as they were, but for the rounding: half of ``scale`` at the most."""
        return np.asarray(self.table[rows].astype(np.float32) * self.scale[rows].astype(np.float32)[..., None])


def packed(weights: NDArray[np.float32]) -> PackedRows:
    """Round (rows, columns) weights, each row by its own scale."""
    largest = np.abs(weights).max(axis=1, initial=0.0)
    scale = np.where(largest > 0, largest / MOST, 1.0).astype(np.float32)
    return PackedRows(np.rint(weights / scale[:, None]).astype(np.int8), scale)
