"""The floor of every report: always the commonest answer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.example import Train
from sizewise.core.model import Evidence
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json


@dataclass(frozen=True, slots=True)
class MajorityRecipe:
    """Counts the labels, nothing more."""

    name: str = "majority"

    def fit(self, examples: Train) -> MajoritySpecialist:
        """Learn each label's share of ``examples``."""
        counts = Counter(examples.targets)
        shares = np.array([counts[label] for label in examples.labels], dtype=float)
        return MajoritySpecialist(examples.labels, shares / shares.sum())

    def out_of_fold(self, examples: Train, folds: NDArray[np.int64]) -> Evidence:
        """Each fold's rows by the counts of the other folds."""
        parts = [self.fit(examples.subset(np.flatnonzero(folds != fold).tolist())) for fold in range(int(folds.max()) + 1)]
        probabilities = np.stack([parts[fold].shares for fold in folds])
        return Evidence(examples.labels, probabilities, {}, np.zeros(len(examples)))


@dataclass(frozen=True, slots=True)
class MajoritySpecialist:
    """Says the commonest label to everything; ``shares`` has shape (labels,)."""

    labels: tuple[str, ...]
    shares: NDArray[np.float64]
    name: str = "majority"

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The same answer to each input."""
        best = self.labels[int(self.shares.argmax())]
        return [Answer(best) for _ in inputs]

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """The label shares for each input."""
        return Evidence(self.labels, np.tile(self.shares, (len(inputs), 1)), {}, np.zeros(len(inputs)))

    def save(self, folder: Path) -> None:
        """Write labels and shares."""
        save_json(folder / "labels.json", list(self.labels))
        save_arrays(folder / "majority.safetensors", {"shares": self.shares})

    @classmethod
    def load(cls, folder: Path) -> MajoritySpecialist:
        """Read what ``save`` wrote."""
        return cls(tuple(load_json(folder / "labels.json")), load_arrays(folder / "majority.safetensors")["shares"])
