"""One input with several answers: how often, which, and what no model can do better than there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from sizewise.core.task import ReferenceKind
from sizewise.data.tally import Columns, Ints, counted_pairs

MOST_PAIRS = 20
LABELS_AN_INPUT = 5


@dataclass(frozen=True, slots=True)
class Repeated:
    """Inputs with more than one reference. Each array has shape (inputs,).

    ``times`` an input was seen, ``most`` of them with its commonest reference, ``alike`` ordered pairs of
    which have the same one. ``pairs`` counts, for two labels, the inputs that waver between them.
    """

    times: Ints
    most: Ints
    alike: Ints
    pairs: tuple[tuple[str, str, int], ...]


def repeats(columns: Columns, reference: ReferenceKind) -> dict[str, Repeated]:
    """By what is the same: "exact" inputs, "near" ones, or one row's own input, "asked_again".

    Rows without a reference do not count. Kinds without a repeated input are left out.
    """
    references = columns.golds if reference == "gold" else columns.answers
    known = references >= 0
    asked = np.unique(columns.again[:, 0])
    asked_rows = np.concatenate([asked, columns.again[:, 0]])
    asked_said = np.concatenate([columns.answers[asked], columns.again[:, 1]])
    found = {
        "exact": _repeated(columns.inputs[known], references[known], columns.labels),
        "near": _repeated(columns.groups[known], references[known], columns.labels),
        "asked_again": _repeated(asked_rows, asked_said, columns.labels),
    }
    return {kind: repeated for kind, repeated in found.items() if repeated is not None}


def _repeated(keys: Ints, said: Ints, labels: tuple[str, ...]) -> Repeated | None:
    inputs, codes, counts = counted_pairs(keys, said)
    if not len(inputs):
        return None
    starts = np.flatnonzero(np.append(True, np.diff(inputs) != 0))
    times = np.add.reduceat(counts, starts)
    several = times > 1
    if not several.any():
        return None
    return Repeated(
        times=times[several],
        most=np.maximum.reduceat(counts, starts)[several],
        alike=np.add.reduceat(counts * (counts - 1), starts)[several],
        pairs=_pairs(starts, codes, counts, labels),
    )


def _pairs(starts: Ints, codes: Ints, counts: Ints, labels: tuple[str, ...]) -> tuple[tuple[str, str, int], ...]:
    found: Counter[tuple[int, int]] = Counter()
    for one in _wavering(np.append(starts, len(codes)), codes, counts):
        found.update(combinations(sorted(one, key=labels.__getitem__), 2))
    return tuple((labels[a], labels[b], n) for (a, b), n in found.most_common(MOST_PAIRS))


def _wavering(ends: Ints, codes: Ints, counts: Ints) -> Iterator[list[int]]:
    """The commonest labels of each input that has several."""
    for which in np.flatnonzero(np.diff(ends) > 1):
        own = slice(ends[which], ends[which + 1])
        yield codes[own][np.argsort(-counts[own], kind="stable")][:LABELS_AN_INPUT].tolist()
