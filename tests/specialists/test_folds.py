from __future__ import annotations

from collections import Counter

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sizewise.core.example import Train
from sizewise.specialists.folds import FOLDS, folds


def train(rows: list[tuple[int, str]]) -> Train:
    n = len(rows)
    texts = tuple(map(str, range(n)))
    return Train(texts, texts, tuple(t for _, t in rows), tuple(g for g, _ in rows), ("a", "b", "c"))


rows = st.lists(st.tuples(st.integers(0, 30), st.sampled_from("abc")), min_size=1, max_size=80)


@given(rows, st.integers(0, 5))
def test_near_duplicates_share_a_fold(pairs: list[tuple[int, str]], seed: int) -> None:
    found = folds(train(pairs), seed)
    fold_of = dict(zip((g for g, _ in pairs), found, strict=True))
    assert all(fold_of[group] == fold for (group, _), fold in zip(pairs, found, strict=True))
    assert set(found) <= set(range(FOLDS))


@given(rows)
def test_the_same_seed_gives_the_same_folds(pairs: list[tuple[int, str]]) -> None:
    np.testing.assert_array_equal(folds(train(pairs), 1), folds(train(pairs), 1))


def test_each_label_is_spread_evenly() -> None:
    pairs = [(i, "abc"[i % 3]) for i in range(90)]
    found = folds(train(pairs), 0)
    for label in "abc":
        sizes = Counter(int(f) for f, (_, t) in zip(found, pairs, strict=True) if t == label)
        assert set(sizes.values()) == {6}


def test_another_seed_gives_other_folds() -> None:
    pairs = [(i, "abc"[i % 3]) for i in range(90)]
    assert (folds(train(pairs), 0) != folds(train(pairs), 1)).any()
