"""The floor of every report: always the commonest answer."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.example import Train
from sizewise.core.model import Evidence, Fitted, Rung
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

    def validate(self, examples: Train, folds: NDArray[np.int64], below: Mapping[str, Fitted]) -> Fitted:  # noqa: ARG002
        """Each fold's rows by the counts of the other folds."""
        started = time.perf_counter()
        specialist = self.fit(examples)
        fitted = time.perf_counter() - started
        parts = [self.fit(examples.subset(np.flatnonzero(folds != f).tolist())) for f in range(int(folds.max()) + 1)]
        shares = np.stack([part.shares for part in parts]).astype(np.float32)[folds]
        evidence = Evidence(examples.labels, shares, {}, np.zeros(len(examples)))
        logits = np.log(shares + np.float32(1e-9))[None]
        return Fitted(specialist, evidence, logits, fitted, time.perf_counter() - started)


@dataclass(frozen=True, slots=True)
class MajoritySpecialist:
    """Says the commonest label to everything; ``shares`` has shape (labels,)."""

    labels: tuple[str, ...]
    shares: NDArray[np.float64]
    name: str = "majority"
    exports: ClassVar[tuple[str, ...]] = ("folder", "wheel")

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


RUNG = Rung("majority", 0, MajorityRecipe, MajoritySpecialist.load)
