"""Divide train into folds: near-duplicates together, each label spread evenly."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Train

FOLDS = 5


def folds(examples: Train, seed: int, count: int = FOLDS) -> NDArray[np.int64]:
    """The fold of each row, shape (n,), numbered from zero; the same seed gives the same folds."""
    by_label: defaultdict[str, list[int]] = defaultdict(list)
    first_label: dict[int, str] = {}
    for group, target in zip(examples.groups, examples.targets, strict=True):
        if group not in first_label:
            first_label[group] = target
            by_label[target].append(group)
    random = np.random.default_rng(seed)
    fold_of: dict[int, int] = {}
    next_fold = 0
    for label in sorted(by_label):
        for group in random.permutation(by_label[label]):
            fold_of[int(group)] = next_fold % count
            next_fold += 1
    return np.array([fold_of[group] for group in examples.groups], dtype=np.int64)
