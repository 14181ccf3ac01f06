"""Batches hold every row once, are near in length, and follow from seed and epoch alone."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sizewise.specialists.train.batches import batches, padded


@given(st.lists(st.integers(1, 50), max_size=80), st.integers(1, 20), st.integers(0, 5))
def test_every_row_once_and_none_too_large(lengths: list[int], size: int, epoch: int) -> None:
    made = batches(lengths, size, 1, epoch)
    assert sorted(row for rows in made for row in rows) == list(range(len(lengths)))
    assert all(1 <= len(rows) <= size for rows in made)


def test_the_same_seed_and_epoch_give_the_same() -> None:
    lengths = list(np.random.default_rng(0).integers(1, 60, 500))
    one, two, other = (batches(lengths, 16, 3, epoch) for epoch in (2, 2, 3))
    assert all(np.array_equal(a, b) for a, b in zip(one, two, strict=True))
    assert not all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))


def test_near_lengths_stand_together() -> None:
    lengths = list(np.random.default_rng(0).integers(1, 100, 2_000))
    padding = sum(max(lengths[r] for r in rows) * len(rows) for rows in batches(lengths, 32, 0)) / sum(lengths)
    assert padding < 1.2  # at random it would be about 2


def test_units_stay_together() -> None:
    units = [np.array([i, i + 1]) for i in range(0, 20, 2)]
    for rows in batches([5] * 20, 7, 0, 0, units):
        assert len(rows) <= 6
        assert all(row ^ 1 in rows for row in rows)


def test_padding() -> None:
    tokens, mask = padded([[1, 2], []], 9)
    assert tokens.tolist() == [[1, 2], [9, 9]]
    assert mask.tolist() == [[1, 1], [0, 0]]
    assert padded([])[0].shape == (0, 1)
