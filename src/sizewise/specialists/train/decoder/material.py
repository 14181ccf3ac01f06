"""What a local model is tuned on: prompts in tokens, the label that each row is to get, and the reasons that are known."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Train

Ints = NDArray[np.int64]
Singles = NDArray[np.float32]
Differing = Literal["reference", "halves", "drop"]


@dataclass(frozen=True, slots=True)
class Material:
    """``prompts`` are tokens, the mark at their end included; ``wanted`` (n, labels) sums to one a row.

    ``reasons`` are a second task (Hsieh et al. 2023, distilling step by step): prompts with their own mark, and how many
    of their last tokens are to be foreseen.
    """

    prompts: Sequence[Sequence[int]]
    targets: Ints
    wanted: Singles
    reasons: Sequence[tuple[Sequence[int], int]] = ()

    def __len__(self) -> int:
        return len(self.prompts)


def wanted(train: Train, soft_share: float, differing: Differing) -> tuple[Singles, NDArray[np.bool_]]:
    """(n, labels) what each row is to get, and which rows are taught.

    The target gets all, or where the LLM's own probabilities are known, all but ``soft_share``, which is given by them.
    Where the LLM's answer is the target and the truth is known to be another (``train.others``), ``differing`` rules:
    ``reference``: the target is right; ``halves``: each gets half; ``drop``: the row is not taught.
    """
    place = {label: i for i, label in enumerate(train.labels)}
    made = np.zeros((len(train), len(place)), dtype=np.float32)
    taught = np.ones(len(train), dtype=bool)
    for row, target in enumerate(train.targets):
        soft = train.soft[row] if train.soft else None
        known = {label: p for label, p in soft.items() if label in place} if soft else {}
        total = sum(known.values())
        share = soft_share if total > 0 else 0.0
        made[row, place[target]] = 1 - share
        for label, probability in known.items():
            made[row, place[label]] += share * probability / total if total > 0 else 0.0
        other = train.others[row] if train.others else None
        if other is not None and other != target:
            taught[row] = differing != "drop"
            if differing == "halves" and other in place:
                made[row] *= 0.5
                made[row, place[other]] += 0.5
    return made, taught


def aside(groups: Sequence[int], share: float, most: int, seed: int) -> NDArray[np.bool_]:
    """Which rows (n,) are kept out: whole groups of near-duplicates, at random, about ``share`` and at most ``most``."""
    numbers = np.unique(np.asarray(groups, dtype=np.int64), return_inverse=True)[1]
    sizes = np.bincount(numbers)
    order = np.random.default_rng((seed, 11)).permutation(len(sizes))
    room = min(most, round(share * len(numbers)))
    kept = order[np.cumsum(sizes[order]) <= room]
    return np.asarray(np.isin(numbers, kept))
