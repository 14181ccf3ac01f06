"""Word and character n-grams with tf-idf weights, small and quick enough to serve with numpy alone.

Weights follow scikit-learn's ``TfidfVectorizer`` with ``sublinear_tf`` and smoothed idf; character
n-grams stay inside words, as with ``char_wb``. Unlike it, document frequency counts near-duplicate
groups, digits are masked, and an n-gram must stand in at least three groups: what is rarer may be
personal and is not kept.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

LEAST_GROUPS = 3
MOST_FEATURES = 200_000
MOST_WEIGHTS = 50_000_000  # n-grams × labels: 200 MB in single precision
LONGEST_INPUT = 10_000
SHORTEST_CHARACTERS, LONGEST_CHARACTERS = 2, 5
MOST_REMEMBERED, LONGEST_REMEMBERED = 20_000, 30  # words whose n-grams are not cut and looked up again; some 15 MB
_WORD = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d")


def most_features(labels: int) -> int:
    """How many n-grams of either kind may be kept, so that their weights for all labels stay within bounds.

    >>> most_features(77), most_features(1_000)
    (200000, 25000)
    """
    return min(MOST_FEATURES, MOST_WEIGHTS // (2 * max(1, labels)))


def words(text: str) -> list[str]:
    """The words and signs of ``text``, NFKC, casefolded, digits masked; only its first 10,000 characters.

    >>> words("Where's order 42?")
    ['where', "'", 's', 'order', '00', '?']
    """
    normal = unicodedata.normalize("NFKC", text[:LONGEST_INPUT]).casefold()
    return _WORD.findall(_DIGITS.sub("0", normal))


def word_ngrams(tokens: Sequence[str]) -> Iterator[str]:
    """Words, and pairs of neighbouring words."""
    yield from tokens
    for one, two in pairwise(tokens):
        yield f"{one} {two}"


def character_ngrams(tokens: Sequence[str]) -> Iterator[str]:
    """Two to five characters in a row inside each word, its edges marked by spaces."""
    for token in tokens:
        padded = f" {token} "
        size = len(padded)
        for length in range(SHORTEST_CHARACTERS, LONGEST_CHARACTERS + 1):
            if length >= size:
                yield padded
                break
            for start in range(size - length + 1):
                yield padded[start : start + length]


Cut = tuple[tuple[int, ...], tuple[str, ...]]  # the columns of a word's known character n-grams, and its other ones


@dataclass(frozen=True, slots=True)
class NGrams:
    """The vocabulary and its weights; ``idf`` has shape (features,), word n-grams first."""

    vocabularies: tuple[dict[str, int], dict[str, int]]
    idf: NDArray[np.float32]
    _inside: dict[str, Cut] = field(default_factory=dict, repr=False, compare=False)

    @property
    def size(self) -> int:
        return len(self.idf)

    @property
    def word_count(self) -> int:
        """How many features are word n-grams; those of characters follow them."""
        return len(self.vocabularies[0])

    @classmethod
    def fit(cls, inputs: Sequence[str], groups: Sequence[int], most: int = MOST_FEATURES) -> NGrams:
        """Learn vocabulary and idf; ``groups`` numbers each input's near-duplicate group, ``most`` are kept of a kind."""
        first = dict(zip(groups, inputs, strict=True))
        counts: tuple[Counter[str], Counter[str]] = (Counter(), Counter())
        inside: dict[str, set[str]] = {}
        for text in first.values():
            tokens = words(text)
            counts[0].update(set(word_ngrams(tokens)))
            for token in set(tokens).difference(inside):
                inside[token] = set(character_ngrams([token]))
            counts[1].update(set().union(*[inside[token] for token in tokens]))
            if len(inside) > MOST_REMEMBERED:
                inside.clear()
        vocabularies: list[dict[str, int]] = []
        frequencies: list[int] = []
        for count in counts:
            kept = [(gram, n) for gram, n in count.items() if n >= LEAST_GROUPS]
            kept = sorted(sorted(kept, key=lambda item: (-item[1], item[0]))[:most])
            offset = len(frequencies)
            vocabularies.append({gram: offset + i for i, (gram, _) in enumerate(kept)})
            frequencies += [n for _, n in kept]
        idf = np.log((1 + len(first)) / (1 + np.array(frequencies, dtype=np.float64))) + 1
        return cls((vocabularies[0], vocabularies[1]), idf.astype(np.float32))

    def row(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.float32], float]:
        """(columns, weights, share of the n-grams that the vocabulary knows); each block has unit length."""
        tokens = words(text)
        one, unknown = self._words(tokens)
        two, strangers = self._characters(tokens)
        share = (len(one) + len(two)) / max(len(one) + len(two) + unknown + strangers, 1)
        columns = np.array([*one, *two], dtype=np.int32)
        weights = np.array([*one.values(), *two.values()], dtype=np.float64)
        weights = (1 + np.log(weights)) * self.idf[columns]
        for block in (weights[: len(one)], weights[len(one) :]):
            block /= math.sqrt(block @ block) or 1.0
        return columns, weights.astype(np.float32), share

    def _words(self, tokens: Sequence[str]) -> tuple[dict[int, int], int]:
        """How often each known word n-gram occurs, by its column, and how many others there are."""
        counts, vocabulary = Counter(word_ngrams(tokens)), self.vocabularies[0]
        found = {vocabulary[gram]: count for gram, count in counts.items() if gram in vocabulary}
        return found, len(counts) - len(found)

    def _characters(self, tokens: Sequence[str]) -> tuple[dict[int, int], int]:
        """The same for characters: a word's own are looked up once, because words come back."""
        columns: list[int] = []
        strangers: set[str] = set()
        for token in tokens:
            known, others = self._inside.get(token) or self._cut(token)
            columns += known
            strangers.update(others)
        return Counter(columns), len(strangers)

    def _cut(self, token: str) -> Cut:
        vocabulary, grams = self.vocabularies[1], list(character_ngrams([token]))
        cut = (
            tuple([vocabulary[gram] for gram in grams if gram in vocabulary]),
            tuple([gram for gram in grams if gram not in vocabulary]),
        )
        if len(token) <= LONGEST_REMEMBERED:
            if len(self._inside) >= MOST_REMEMBERED:
                self._inside.clear()
            self._inside[token] = cut
        return cut

    def matrix(self, inputs: Sequence[str]) -> tuple[csr_matrix, NDArray[np.float64]]:
        """(n, features) weights and, of shape (n,), the share of each input's n-grams that is known."""
        rows = [self.row(text) for text in inputs]
        lengths = [len(columns) for columns, _, _ in rows]
        matrix = csr_matrix(
            (
                np.concatenate([w for _, w, _ in rows]) if rows else np.zeros(0, dtype=np.float32),
                np.concatenate([c for c, _, _ in rows]) if rows else np.zeros(0, dtype=np.int32),
                np.concatenate([[0], np.cumsum(lengths)]),
            ),
            shape=(len(rows), self.size),
        )
        return matrix, np.array([known for _, _, known in rows])

    def save(self, folder: Path) -> None:
        """Write the vocabulary as JSON and the weights as safetensors."""
        save_json(folder / "ngrams.json", [list(vocabulary) for vocabulary in self.vocabularies])
        save_arrays(folder / "ngrams.safetensors", {"idf": self.idf})

    @classmethod
    def load(cls, folder: Path) -> NGrams:
        """Read what ``save`` wrote."""
        one, two = load_json(folder / "ngrams.json")
        return cls(
            ({g: i for i, g in enumerate(one)}, {g: len(one) + i for i, g in enumerate(two)}),
            load_arrays(folder / "ngrams.safetensors")["idf"],
        )
