"""The examples that stand in the prompt: of each label the train rows most like the rest of it."""

from __future__ import annotations

from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Train
from sizewise.specialists.ngrams import NGrams

LONGEST, SHORTEST = 200, 3  # characters of an example


def central_examples(train: Train, per_label: int, most_characters: int) -> list[int]:
    """Rows of ``train``, at most ``per_label`` a label, commonest labels first while ``most_characters`` last.

    A row is central if its n-grams are nearest (cosine) to the mean of its label's; ties fall to the earlier row.
    """
    if per_label < 1:
        return []
    ranked = _ranked(train)
    by_size = sorted(ranked, key=lambda label: (-len(ranked[label]), label))
    chosen: list[int] = []
    left = most_characters
    for place in range(per_label):
        for label in by_size:
            if place < len(ranked[label]):
                row = ranked[label][place]
                left -= len(train.inputs[row]) + len(label) + 20
                if left < 0:
                    return _interleaved(chosen, train)
                chosen.append(row)
    return _interleaved(chosen, train)


def _ranked(train: Train) -> dict[str, list[int]]:
    """Each label's usable rows, most central first, one of each near-duplicate group."""
    matrix, _ = NGrams.fit(train.inputs, train.groups).matrix(train.inputs)
    rows: defaultdict[str, list[int]] = defaultdict(list)
    seen: set[tuple[str, int]] = set()
    for row, (text, label, group) in enumerate(zip(train.inputs, train.targets, train.groups, strict=True)):
        if (label, group) not in seen and SHORTEST <= len(text) <= LONGEST and "\n" not in text:
            seen.add((label, group))
            rows[label].append(row)
    ranked = {}
    for label, members in rows.items():
        part = matrix[members]
        likeness: NDArray[np.float64] = np.asarray(part @ np.asarray(part.mean(axis=0)).ravel(), dtype=np.float64)
        ranked[label] = [members[i] for i in np.argsort(-likeness, kind="stable")]
    return ranked


def _interleaved(rows: list[int], train: Train) -> list[int]:
    """The same rows so that neighbours differ in their label: a model leans towards what it read last."""
    order = np.random.default_rng(len(rows)).permutation(len(rows))
    return [rows[i] for i in order] if len({train.targets[r] for r in rows}) > 1 else rows
