"""What the check keeps of each row while a log streams by: numbers, no texts, about 40 bytes a row."""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Example
from sizewise.data.moment import seconds
from sizewise.data.text import folded

Ints = NDArray[np.int64]
PARTS = ("train", "calibrate", "test")
NONE = -1
LONGEST_KEPT, LEAST_SEEN = 80, 3
MOST_TEXT = 100_000_000
_PART = {None: NONE} | {name: number for number, name in enumerate(PARTS)}


@dataclass(frozen=True, slots=True)
class Columns:
    """The rows of a log as numbers, each array of shape (rows,).

    ``inputs`` tells equal inputs (a 64-bit hash: two different ones of a million are confused with probability
    3e-8), ``groups`` numbers near-duplicate groups by first appearance, ``answers`` and ``golds`` are positions
    in ``labels`` or −1, ``parts`` positions in ``PARTS`` or −1, ``times`` seconds or NaN. ``again`` are pairs of
    a row and a further answer of it, shape (further answers, 2). ``augmented`` rows were written by an LLM.
    """

    inputs: Ints
    groups: Ints
    answers: Ints
    golds: Ints
    parts: NDArray[np.int8]
    times: NDArray[np.float64]
    again: Ints
    labels: tuple[str, ...]
    augmented: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.inputs)


class Tally:
    """Takes in examples one by one; ``columns`` then has them as arrays."""

    def __init__(self, examples: Iterable[Example] = ()) -> None:
        self._inputs, self._folded = array("q"), array("q")
        self._answers, self._golds = array("i"), array("i")
        self._parts, self._times, self._again = array("b"), array("d"), array("q")
        self._augmented = array("b")
        self._codes: dict[str | int, int] = {}
        self._labels: list[str] = []
        self._text = 0
        self.empty_inputs = 0
        for example in examples:
            self.add(example)

    def add(self, example: Example) -> None:
        """Take in one row."""
        row = len(self._inputs)
        self._inputs.append(hash(example.input))
        self._folded.append(hash(folded(example.input)))
        self._answers.append(self._code(example.answer))
        self._golds.append(self._code(example.gold))
        self._parts.append(_PART[example.split])
        self._times.append(seconds(example.at))
        self._augmented.append(example.augmented)
        for answer in example.further_answers:
            self._again.extend((row, self._code(answer)))
        self.empty_inputs += not example.input.strip()

    def columns(self) -> Columns:
        """All rows so far."""
        return Columns(
            inputs=_ints(self._inputs),
            groups=numbered(_ints(self._folded)),
            answers=_ints(self._answers),
            golds=_ints(self._golds),
            parts=np.array(self._parts, dtype=np.int8),
            times=np.array(self._times, dtype=np.float64),
            again=_ints(self._again).reshape(-1, 2),
            labels=tuple(self._labels),
            augmented=np.array(self._augmented, dtype=bool),
        )

    def _code(self, label: str | None) -> int:
        """The position of ``label`` in the labels.

        A long answer is text, not a label, and every row may have its own: where these texts come to more than
        ``MOST_TEXT`` characters, only hashes tell the further ones apart.
        """
        if label is None:
            return NONE
        key: str | int = label if len(label) <= LONGEST_KEPT else hash(label)
        code = self._codes.get(key)
        if code is None:
            code = self._codes[key] = len(self._labels)
            if isinstance(key, int):
                self._text += len(label)
            self._labels.append(label if isinstance(key, str) or self._text <= MOST_TEXT else UNSHOWN)
        return code


#: stands for answers that are too long to be labels
UNSHOWN = "(longer texts, each seen once or twice)"


def numbered(values: Ints) -> Ints:
    """Equal values as equal numbers, counted from zero in the order in which they first appear.

    >>> numbered(np.array([7, 3, 7, 5])).tolist()
    [0, 1, 0, 2]
    """
    _, first, which = np.unique(values, return_index=True, return_inverse=True)
    rank = np.empty(len(first), dtype=np.int64)
    rank[np.argsort(first, kind="stable")] = np.arange(len(first))
    return np.asarray(rank[which], dtype=np.int64)


def counted_pairs(one: Ints, two: Ints) -> tuple[Ints, Ints, Ints]:
    """The distinct pairs of ``one`` and ``two`` with their counts, sorted by ``one``, then ``two``.

    >>> [a.tolist() for a in counted_pairs(np.array([2, 1, 2]), np.array([5, 4, 5]))]
    [[1, 2], [4, 5], [1, 2]]
    """
    order = np.lexsort((two, one))
    one, two = one[order], two[order]
    starts = np.flatnonzero(np.append(True, (np.diff(one) != 0) | (np.diff(two) != 0))) if len(one) else order
    return one[starts], two[starts], np.diff(np.append(starts, len(one)))


def _ints(values: Sequence[Any]) -> Ints:
    return np.array(values, dtype=np.int64)
