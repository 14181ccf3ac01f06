"""Word and character n-grams with tf-idf weights, small and quick enough to serve with numpy alone.

Weights follow scikit-learn's ``TfidfVectorizer`` with ``sublinear_tf`` and smoothed idf; character
n-grams stay inside words, as with ``char_wb``. Unlike it, document frequency counts near-duplicate
groups, digits are masked, and an n-gram must stand in at least three groups: what is rarer may be
personal and is not kept.
"""

from __future__ import annotations

import re
import unicodedata
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

LEAST_GROUPS = 3
MOST_FEATURES = 200_000
MOST_WEIGHTS = 50_000_000  # n-grams × labels: 200 MB in single precision
LONGEST_INPUT = 10_000
AT_A_TIME = 512
SHORTEST_CHARACTERS, LONGEST_CHARACTERS = 2, 5
MOST_REMEMBERED, LONGEST_REMEMBERED = 20_000, 30  # words whose n-grams are not cut and looked up again; some 15 MB
_WORD = re.compile(r"\w+|[^\w\s]")
_DIGITS = re.compile(r"\d")
_MASKED = str.maketrans("123456789", "000000000")


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
    text = text[:LONGEST_INPUT]
    if text.isascii():  # the same, in a third of the time
        return _WORD.findall(text.lower().translate(_MASKED))
    return _WORD.findall(_DIGITS.sub("0", unicodedata.normalize("NFKC", text).casefold()))


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


#: the columns of a word and of its character n-grams as far as they are known, as the bytes of C integers; the others
Cut = tuple[bytes, tuple[str, ...]]
Ints = NDArray[np.int64]


class Entries(NamedTuple):
    """N-grams of n texts: (entries,) rows, columns and weights, by row and then column, and the (n,) known shares."""

    rows: Ints
    columns: NDArray[np.int32]
    weights: NDArray[np.float32]
    known: NDArray[np.float64]


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

    def entries(self, inputs: Sequence[str]) -> Entries:
        """The n-grams of ``inputs`` with their weights: little is done a text, the rest for all of them at once."""
        columns, ends, unknown = array("i"), [0], []
        for text in inputs:
            unknown.append(self._enter(words(text), columns))
            ends.append(len(columns))
        return self._weighted(np.frombuffer(columns, np.intc), np.diff(ends), np.array(unknown, dtype=np.int64))

    def _enter(self, tokens: Sequence[str], columns: array[int]) -> int:
        """Add the columns of a text's known n-grams, one for each time they occur; how many other n-grams it has."""
        inside, strangers = self._inside, set[str]()
        for token in tokens:
            known, foreign = inside.get(token) or self._cut(token)
            columns.frombytes(known)
            if foreign:
                strangers.update(foreign)
        pairs = [f"{one} {two}" for one, two in pairwise(tokens)]
        found = list(map(self.vocabularies[0].get, pairs))
        if None in found:
            strangers.update([pair for pair, column in zip(pairs, found, strict=True) if column is None])
            found = [column for column in found if column is not None]
        columns.extend(found)  # type: ignore[arg-type]
        return len(strangers)

    def _cut(self, token: str) -> Cut:
        """What lies in one word is looked up once, because words come back."""
        vocabulary, grams = self.vocabularies[1], list(character_ngrams([token]))
        own = self.vocabularies[0].get(token)
        known = [vocabulary[gram] for gram in grams if gram in vocabulary]
        foreign = [gram for gram in grams if gram not in vocabulary]
        cut = (
            array("i", known if own is None else [own, *known]).tobytes(),
            # the line break tells a word from the characters of another one
            tuple(foreign if own is not None else [f"{token}\n", *foreign]),
        )
        if len(token) <= LONGEST_REMEMBERED:
            if len(self._inside) >= MOST_REMEMBERED:
                self._inside.clear()
            self._inside[token] = cut
        return cut

    def _weighted(self, columns: NDArray[np.intc], sizes: Ints, unknown: Ints) -> Entries:
        """Entries of n texts from the columns of their n-grams, text after text, ``sizes`` (n,) of each."""
        size, texts = max(self.size, 1), np.arange(len(sizes))
        edges: NDArray[Any] = np.arange(len(sizes) + 1) * size
        if size * len(sizes) < 2**31:
            edges = edges.astype(np.int32)  # sorted in less time
        places, counts = np.unique(np.repeat(edges[:-1], sizes) + columns, return_counts=True)
        known = np.diff(np.searchsorted(places, edges))
        rows = np.repeat(texts, known)
        found = (places - rows * size).astype(np.int32)
        weights = (1 + np.log(counts)) * self.idf[found]
        block = 2 * rows + (found >= self.word_count)
        lengths = np.sqrt(np.bincount(block, weights * weights, 2 * len(sizes)))
        share = known / np.maximum(known + unknown, 1)
        return Entries(rows, found, (weights / lengths[block]).astype(np.float32), share)

    def row(self, text: str) -> tuple[NDArray[np.int32], NDArray[np.float32], float]:
        """(columns, weights, share of the n-grams that the vocabulary knows); each block has unit length."""
        found = self.entries([text])
        return found.columns, found.weights, float(found.known[0])

    def matrix(self, inputs: Sequence[str]) -> tuple[csr_matrix, NDArray[np.float64]]:
        """(n, features) weights and, of shape (n,), the share of each input's n-grams that is known."""
        parts = [self.entries(inputs[start : start + AT_A_TIME]) for start in range(0, len(inputs), AT_A_TIME)]
        parts = parts or [self.entries([])]
        ends = np.cumsum(np.concatenate([np.bincount(part.rows, minlength=len(part.known)) for part in parts]))
        matrix = csr_matrix(
            (
                np.concatenate([part.weights for part in parts]),
                np.concatenate([part.columns for part in parts]),
                np.concatenate([[0], ends]),
            ),
            shape=(len(inputs), self.size),
        )
        return matrix, np.concatenate([part.known for part in parts])

    def views(self, inputs: Sequence[str]) -> tuple[csr_matrix, csr_matrix, NDArray[np.float64]]:
        """What ``matrix`` gives, words and characters apart: cutting a matrix in two takes longer than making two."""
        found = self.entries(inputs)
        is_word = found.columns < self.word_count
        halves = []
        for chosen, first, size in (
            (is_word, 0, self.word_count),
            (~is_word, self.word_count, self.size - self.word_count),
        ):
            ends = np.cumsum(np.bincount(found.rows[chosen], minlength=len(inputs)))
            pointers = np.concatenate([[0], ends]).astype(np.int32)
            halves.append(
                csr_matrix((found.weights[chosen], found.columns[chosen] - first, pointers), shape=(len(inputs), size))
            )
        return halves[0], halves[1], found.known

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
