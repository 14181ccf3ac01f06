"""Rows in batches of about the same length, in an order that a seed and the epoch determine."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]
NEAR = 8  # batches that are sorted by length together: the fewer, the more mixed is what a batch holds


def batches(
    lengths: Sequence[int], size: int, seed: int, epoch: int = 0, units: Sequence[Ints] | None = None
) -> list[Ints]:
    """The rows 0 … n-1, each once, in batches of at most ``size``, shuffled anew each epoch.

    ``units`` are rows that stay together (pairs of one label, for instance), by default each row alone; a batch is
    filled until the next unit does not fit. The same seed and epoch give the same batches, wherever a run is resumed.

    >>> [len(rows) for rows in batches([3, 9, 4, 4, 8], 2, seed=0)]
    [1, 2, 2]
    """
    random = np.random.default_rng((seed, epoch))
    kept = [np.array([row]) for row in range(len(lengths))] if units is None else list(units)
    order = random.permutation(len(kept))
    long = np.array([max(lengths[row] for row in unit) for unit in kept], dtype=np.int64)
    wide = max(1, round(size * NEAR * len(kept) / max(1, len(lengths))))
    made: list[Ints] = []
    for start in range(0, len(order), wide):
        near = order[start : start + wide]
        made += _filled([kept[unit] for unit in near[np.argsort(long[near], kind="stable")]], size)
    return [made[place] for place in random.permutation(len(made))]


def _filled(units: Sequence[Ints], size: int) -> list[Ints]:
    filled: list[list[Ints]] = [[]]
    held = 0
    for unit in units:
        if filled[-1] and held + len(unit) > size:
            filled.append([])
            held = 0
        filled[-1].append(unit)
        held += len(unit)
    return [np.concatenate(parts) for parts in filled if parts]


def padded(sequences: Sequence[Sequence[int]], filler: int = 0) -> tuple[Ints, Ints]:
    """Token numbers as one (n, longest) table, and the (n, longest) mask that is one where a token stands.

    >>> padded([[5, 6, 7], [8]])[0].tolist()
    [[5, 6, 7], [8, 0, 0]]
    """
    width = max(map(len, sequences), default=1) or 1
    tokens = np.full((len(sequences), width), filler, dtype=np.int64)
    mask = np.zeros((len(sequences), width), dtype=np.int64)
    for row, sequence in enumerate(sequences):
        tokens[row, : len(sequence)] = sequence
        mask[row, : len(sequence)] = 1
    return tokens, mask
