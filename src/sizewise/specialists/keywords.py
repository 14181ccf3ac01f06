"""Word and character n-grams under a linear head each: the smallest rung that reads the text."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.errors import RunError
from sizewise.core.example import Train
from sizewise.core.model import Evidence, Fitted, Rung
from sizewise.specialists.folds import folds as folds_of
from sizewise.specialists.heads import (
    Head,
    Mixture,
    Singles,
    Target,
    fit_logistic,
    fit_shares,
    targets_of,
)
from sizewise.specialists.ngrams import NGrams, most_features
from sizewise.specialists.opinions import judged, most_probable
from sizewise.specialists.out_of_fold import cheaper, cross_scores
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Ints = NDArray[np.int64]
SCALE = 8.0  # of the features against the head's penalty; chosen out-of-fold
MANY_ROWS = 20_000  # of more than so many the reduced n-grams are not kept for the rung above: memory
BASIS_ROWS = 20_000  # more are not needed to find the directions in which n-grams vary
BLOCKS = ("words", "characters")


@dataclass(frozen=True, slots=True)
class KeywordsRecipe:
    """``dimensions`` and ``word_dimensions`` are the ranks to which character and word n-grams are reduced
    before their heads are fitted. Fewer rows than ``as_for`` are fitted in the way that so many would be."""

    dimensions: int = 768
    word_dimensions: int = 256
    penalty: float = 1.0
    iterations: int = 10
    as_for: int = 0
    seed: int = 0
    name: str = "keywords"

    def fit(self, examples: Train) -> KeywordsSpecialist:
        """Learn n-grams, their reductions, the heads, and out-of-fold the heads' shares."""
        specialist = self.validate(examples, folds_of(examples, self.seed), {}).specialist
        assert isinstance(specialist, KeywordsSpecialist)
        return specialist

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:  # noqa: ARG002
        """Fit, and score each fold by heads that were fitted on the other folds."""
        started = time.perf_counter()
        ngrams = NGrams.fit(examples.inputs, examples.groups, most_features(len(examples.labels)))
        matrix, known = ngrams.matrix(examples.inputs)
        reduced = self.reduced(blocks(matrix, ngrams.word_count))
        target, other = targets_of(examples)
        first, logits = self._mixture(reduced, target, folds)
        fitted = time.perf_counter() - started
        specialist = KeywordsSpecialist(examples.labels, ngrams, first)
        second: Singles | None = None
        if other is not None:
            mixture, second = self._mixture(reduced, other, folds)
            specialist = replace(specialist, second=mixture)
        evidence = specialist.judged(named(logits), known, None if second is None else named(second))
        told = cheaper(target, self.as_for, *(features for features, _ in reduced.values()))
        return Fitted(
            specialist, evidence, logits, fitted, time.perf_counter() - started, second, told,
            reduced if len(examples) <= MANY_ROWS else None,
        )  # fmt: skip

    def reduced(self, views: Mapping[str, Any]) -> dict[str, tuple[Singles, Singles]]:
        """For each block its (n, rank) features and the (n-grams, rank) directions that reduce to them."""
        ranks = {"words": self.word_dimensions, "characters": self.dimensions}
        directions = {name: _directions(view, ranks[name], self.seed) for name, view in views.items()}
        return {name: (np.asarray(view @ directions[name], dtype=np.float32), directions[name])
                for name, view in views.items()}  # fmt: skip

    def _mixture(
        self, reduced: Mapping[str, tuple[Singles, Singles]], target: Target, folds: Ints
    ) -> tuple[Mixture, Singles]:
        """A head a block for one target, in the shares that suit their (blocks, n, labels) out-of-fold scores."""
        heads, scores = {}, []
        for name in BLOCKS:
            features, directions = reduced[name]
            head, held_out = cross_scores(self._head, features, target, folds, rows=self.as_for)
            scores.append(held_out)
            # A head that reads n-grams where this one reads their reduction: serving needs no reduction.
            heads[name] = Head(np.asarray(directions @ head.weights), head.bias)
        logits = np.stack(scores)
        return Mixture(heads, fit_shares(named(logits), target)), logits

    def _head(self, reduced: Singles, targets: Singles) -> Head:
        return fit_logistic(reduced, targets, self.penalty, self.iterations)


def blocks(matrix: Any, word_count: int) -> dict[str, Any]:
    """The word and the character columns of (n, n-grams) weights."""
    return {"words": matrix[:, :word_count], "characters": matrix[:, word_count:]}


def named(logits: NDArray[Any]) -> dict[str, Singles]:
    """The blocks' scores by name, from (blocks, n, labels)."""
    return dict(zip(BLOCKS, np.asarray(logits, dtype=np.float32), strict=True))


def _directions(matrix: Any, rank: int, seed: int) -> Singles:
    """The first right singular vectors, shape (n-grams, rank), scaled for the head's penalty."""
    from sklearn.utils.extmath import randomized_svd

    if not matrix.shape[1]:
        return np.zeros((0, 1), dtype=np.float32)
    if matrix.shape[0] > BASIS_ROWS:
        chosen = np.random.default_rng(seed).choice(matrix.shape[0], BASIS_ROWS, replace=False)
        matrix = matrix[np.sort(chosen)]
    kept = max(1, min(rank, min(matrix.shape) - 1))
    _, _, right = randomized_svd(matrix, kept, n_iter=1, random_state=seed)
    return np.asarray(right.T * SCALE, dtype=np.float32)


@dataclass(frozen=True, slots=True)
class OneRow:
    """One input's n-grams of a kind: a sparse matrix of one row would take longer to make than to use."""

    columns: NDArray[np.int32]
    weights: Singles

    def __matmul__(self, table: Singles) -> Singles:
        return np.asarray(np.einsum("i,ij->j", self.weights, table[self.columns])[None, :])


@dataclass(frozen=True, slots=True)
class Read:
    """What heads read of n inputs, by their names, and the (n,) share of each input's n-grams that train knew."""

    views: Mapping[str, Any]
    known: NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class KeywordsSpecialist:
    """N-grams, the heads that answer, and where the log had two references, heads for a second opinion."""

    labels: tuple[str, ...]
    ngrams: NGrams
    first: Mixture
    second: Mixture | None = None
    name: str = "keywords"
    exports: ClassVar[tuple[str, ...]] = ("folder", "wheel", "onnx")

    def scores(
        self, inputs: Sequence[str]
    ) -> tuple[dict[str, Singles], NDArray[np.float64], dict[str, Singles] | None]:
        """Each head's (n, labels) scores, the (n,) share of each input's n-grams that train knew, and second scores."""
        read = self.read(inputs)
        return (
            self.first.scores(read.views),
            read.known,
            None if self.second is None else self.second.scores(read.views),
        )

    def read(self, inputs: Sequence[str]) -> Read:
        """The words and characters of ``inputs`` as heads read them."""
        start = self.ngrams.word_count
        if len(inputs) != 1:
            words, characters, known = self.ngrams.views(inputs)
            return Read({"words": words, "characters": characters}, known)
        columns, weights, share = self.ngrams.row(inputs[0])
        cut = int((columns < start).sum())
        views = {
            "words": OneRow(columns[:cut], weights[:cut]),
            "characters": OneRow(columns[cut:] - start, weights[cut:]),
        }
        return Read(views, np.array([share]))

    def judged(
        self, scores: Mapping[str, Singles], known: NDArray[np.float64], second: Mapping[str, Singles] | None = None
    ) -> Evidence:
        """Evidence from the heads' scores, for a whole run or one fold of it."""
        return judged(self.labels, (self.first, self.second), (scores, second), known)

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities, what the heads think of the joint answer, and how little it looks like train."""
        return self.judged(*self.scores(inputs))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))

    def save(self, folder: Path) -> None:
        """Write labels, n-grams and heads."""
        save_json(folder / "labels.json", list(self.labels))
        self.ngrams.save(folder)
        arrays = self.first.arrays("first") | ({} if self.second is None else self.second.arrays("second"))
        save_arrays(folder / "keywords.safetensors", arrays)

    @classmethod
    def load(cls, folder: Path) -> KeywordsSpecialist:
        """Read what ``save`` wrote."""
        arrays = load_arrays(folder / "keywords.safetensors")
        first = Mixture.from_arrays("first", arrays, BLOCKS)
        if first is None:
            raise RunError(f"{folder / 'keywords.safetensors'} holds no heads: it is damaged. Make the run again.")
        labels = tuple(load_json(folder / "labels.json"))
        return cls(labels, NGrams.load(folder), first, Mixture.from_arrays("second", arrays, BLOCKS))


RUNG = Rung("keywords", 10, KeywordsRecipe, KeywordsSpecialist.load)
