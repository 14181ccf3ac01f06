"""How an answer is read off the base with its adapter: by a head over words, or along the tree of the labels' tokens.

``head``: one request an input. The engine tells how probable some words of its vocabulary are at the end of the prompt,
as many as there are labels and each a word of one label's where it has one of its own; their logarithms, centred, are
numbers that a linear head turns into the labels' scores. The words and the head were there while the adapter was
learned, so the adapter says with them what the head needs. ``tree``: as many requests as labels part on the way; what is
said are the labels themselves.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.specialists.prompted.label_tree import LabelTree

Floats = NDArray[np.float64]
Singles = NDArray[np.float32]
Kind = Literal["head", "tree"]
#: a word that is less probable than the likeliest by this factor (its logarithm) counts as if it were so probable
FLOOR = 40.0

#: (prompt, among) → how probable each of ``among`` is, given that it is one of them
Shares = Callable[[Sequence[int], Sequence[int]], Sequence[float]]


@dataclass(frozen=True, slots=True)
class Head:
    """``words`` (labels,) tokens; ``mix`` (labels, words) and ``bias`` (labels,) of the linear head on their logarithms."""

    words: tuple[int, ...]
    mix: Singles
    bias: Singles

    def scores(self, prompt: Sequence[int], shares: Shares) -> Floats:
        """(labels,) unnormalised logarithms."""
        seen = np.log(np.maximum(np.asarray(shares(prompt, self.words)), 1e-45))
        return np.asarray(centred(seen) @ self.mix.T.astype(np.float64) + self.bias, dtype=np.float64)


@dataclass(frozen=True, slots=True)
class Tree:
    """``labels`` are the tokens of each label, its end included."""

    labels: tuple[tuple[int, ...], ...]

    def scores(self, prompt: Sequence[int], shares: Shares) -> Floats:
        """(labels,) logarithms of the probabilities of the walk."""
        found = LabelTree(self.labels).walk(lambda path, among: shares([*prompt, *path], among))
        return np.asarray(np.log(np.maximum(found, 1e-12)))


def centred(logarithms: Floats) -> Floats:
    """Without what all have in common, and none further than ``FLOOR`` below the largest; along the last axis."""
    raised = np.maximum(logarithms, logarithms.max(axis=-1, keepdims=True) - FLOOR)
    return np.asarray(raised - raised.mean(axis=-1, keepdims=True))


def words_for(labels: Sequence[Sequence[int]], further: Sequence[int]) -> tuple[int, ...]:
    """A token for each label, no two alike: of its own tokens the one that fewest labels have, else one of ``further``.

    >>> words_for([[5, 6], [6, 7], [6]], [6, 8])
    (5, 7, 6)
    """
    having = Counter(token for tokens in labels for token in set(tokens))
    taken: dict[int, int] = {}
    rarest = sorted(range(len(labels)), key=lambda label: min((having[t] for t in labels[label]), default=0))
    for label in rarest:
        own = sorted(dict.fromkeys(labels[label]), key=lambda token: having[token])
        free = next((token for token in (*own, *further) if token not in taken), None)
        if free is None:
            raise ValueError("there are more labels than words")
        taken[free] = label
    return tuple(sorted(taken, key=lambda token: taken[token]))
