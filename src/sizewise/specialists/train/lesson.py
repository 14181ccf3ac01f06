"""What an encoder is tuned on: token numbers, the label of each row, and where known a label by another reference."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
LONGEST_TOKENS = (
    128  # in training: the cost of a text grows faster than its length, and what a text is about it says early
)


@dataclass(frozen=True, slots=True)
class Lesson:
    """``tokens`` of each of n rows; ``targets`` (n,) positions among ``labels`` labels; ``others`` (n,), -1 where unknown.

    ``seen`` is, where it is known, what the layers that are not tuned make of each row: (tokens, dimensions). ``vectors``
    (n, dimensions) are the unit vectors before anything is tuned.
    """

    tokens: Sequence[Sequence[int]]
    targets: Ints
    labels: int
    others: Ints | None = None
    seen: Sequence[NDArray[np.float32] | None] | None = None
    vectors: NDArray[np.float32] | None = None

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def lengths(self) -> list[int]:
        return [len(tokens) for tokens in self.tokens]

    def part(self, rows: Ints) -> Lesson:
        """Some rows alone."""
        others = None if self.others is None else self.others[rows]
        seen = None if self.seen is None else [self.seen[row] for row in rows]
        vectors = None if self.vectors is None else self.vectors[rows]
        return Lesson([self.tokens[row] for row in rows], self.targets[rows], self.labels, others, seen, vectors)


def tokens_of(tokenizer: Any, texts: Sequence[str]) -> list[list[int]]:
    """Token numbers of each text, the first 128 of them and at least one."""
    encodings = tokenizer.encode_batch(list(texts))
    return [list(encoding.ids[:LONGEST_TOKENS]) or [0] for encoding in encodings]


def pairs(targets: Ints, random: np.random.Generator) -> list[Ints]:
    """Rows in twos of one label, each row once; a label with an odd number of rows leaves one row alone.

    >>> [sorted(unit.tolist()) for unit in pairs(np.array([0, 1, 0]), np.random.default_rng(0))]
    [[0, 2], [1]]
    """
    units = []
    for label in np.unique(targets):
        rows = random.permutation(np.flatnonzero(targets == label))
        units += [rows[start : start + 2] for start in range(0, len(rows), 2)]
    return units


def set_aside(groups: Ints, share: float, most: int, seed: int) -> NDArray[np.bool_]:
    """Which rows (n,) are kept out of training to tell when to stop: whole groups of near-duplicates."""
    wanted = min(most, int(share * len(groups)))
    held = np.zeros(len(groups), dtype=bool)
    order = np.random.default_rng((seed, 7)).permutation(np.unique(groups))
    if wanted:
        rank = np.argsort(order)[np.searchsorted(np.unique(groups), groups)]
        held[np.argsort(rank, kind="stable")[:wanted]] = True
        held = np.isin(groups, groups[held])
    return held
