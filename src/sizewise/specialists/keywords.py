"""Word and character n-grams under a linear head: the smallest rung that reads the text."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.example import Train
from sizewise.core.model import Evidence, Fitted
from sizewise.specialists.heads import (
    Head,
    Singles,
    Target,
    enough,
    fit_logistic,
    fit_temperature,
    log_sum_exp,
    softmax,
    targets_of,
)
from sizewise.specialists.ngrams import NGrams, most_features
from sizewise.specialists.opinions import most_probable, second_opinion
from sizewise.specialists.out_of_fold import cross_scores, whole
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Ints = NDArray[np.int64]
SCALE = 8.0  # of the features against the head's penalty; chosen out-of-fold
BASIS_ROWS = 20_000  # more are not needed to find the directions in which n-grams vary


@dataclass(frozen=True, slots=True)
class Scorer:
    """A head on the n-grams themselves, and the factor that makes its scores logits."""

    head: Head
    temperature: float

    def __call__(self, features: Any) -> Singles:
        """(n, labels) centred scores of (n, n-grams) weights."""
        return self.head(features)


@dataclass(frozen=True, slots=True)
class KeywordsRecipe:
    """``dimensions`` is the rank to which the n-grams are reduced before the head is fitted."""

    dimensions: int = 768
    penalty: float = 1.0
    iterations: int = 40
    seed: int = 0
    name: str = "keywords"

    def fit(self, examples: Train) -> KeywordsSpecialist:
        """Learn n-grams, their reduction and the head."""
        ngrams, matrix, _, reduction = self._features(examples)
        target, _ = targets_of(examples)
        head = whole(self._head, np.asarray(matrix @ reduction, dtype=np.float32), target)
        return KeywordsSpecialist(examples.labels, ngrams, Scorer(_unreduced(head, reduction), 1.0))

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:  # noqa: ARG002
        """Fit, and score each fold by a head that was fitted on the other folds."""
        started = time.perf_counter()
        ngrams, matrix, known, reduction = self._features(examples)
        reduced = np.asarray(matrix @ reduction, dtype=np.float32)
        prepared = time.perf_counter() - started
        target, other = targets_of(examples)
        scorer, scores = self._scorer(reduced, reduction, target, folds)
        fitted = prepared + (time.perf_counter() - started - prepared) / (int(folds.max()) + 2)
        specialist = KeywordsSpecialist(examples.labels, ngrams, scorer)
        second: Singles | None = None
        if other is not None:
            second_scorer, second = self._scorer(reduced, reduction, other, folds)
            specialist = replace(specialist, second=second_scorer)
        evidence = specialist.judged(scores, known, second)
        return Fitted(
            specialist,
            evidence,
            scores,
            fitted,
            time.perf_counter() - started,
            second,
        )

    def _scorer(self, reduced: Singles, reduction: Singles, target: Target, folds: Ints) -> tuple[Scorer, Singles]:
        head, scores = cross_scores(self._head, reduced, target, folds)
        rows = enough(np.flatnonzero(target.taught), target.size)
        temperature = fit_temperature(scores[rows], target.numbers[rows])
        return Scorer(_unreduced(head, reduction), temperature), scores

    def _features(self, examples: Train) -> tuple[NGrams, Any, NDArray[np.float64], Singles]:
        """N-grams, their weights in each row, the share of each row's that is known, and their reduction."""
        from sklearn.utils.extmath import randomized_svd

        ngrams = NGrams.fit(examples.inputs, examples.groups, most_features(len(examples.labels)))
        matrix, known = ngrams.matrix(examples.inputs)
        sample = matrix
        if len(examples) > BASIS_ROWS:
            chosen = np.random.default_rng(self.seed).choice(len(examples), BASIS_ROWS, replace=False)
            sample = matrix[np.sort(chosen)]
        rank = max(1, min(self.dimensions, min(sample.shape) - 1))
        _, _, right = randomized_svd(sample, rank, n_iter=1, random_state=self.seed)
        return ngrams, matrix, known, np.asarray(right.T * (SCALE / np.sqrt(2)), dtype=np.float32)

    def _head(self, reduced: Singles, targets: Singles) -> Head:
        return fit_logistic(np.asarray(reduced, dtype=np.float32), targets, self.penalty, self.iterations)


def _unreduced(head: Head, reduction: Singles) -> Head:
    """The head that reads n-grams where ``head`` reads their reduction: serving needs no reduction."""
    return Head(np.asarray(reduction @ head.weights), head.bias)


@dataclass(frozen=True, slots=True)
class KeywordsSpecialist:
    """N-grams, the scorer that answers, and where the log had two references, one for a second opinion."""

    labels: tuple[str, ...]
    ngrams: NGrams
    scorer: Scorer
    second: Scorer | None = None
    name: str = "keywords"

    def scores(self, inputs: Sequence[str]) -> tuple[Singles, NDArray[np.float64], Singles | None]:
        """(n, labels) scores, the (n,) share of each input's n-grams that train knew, and second scores."""
        matrix, known = self._row(inputs[0]) if len(inputs) == 1 else self.ngrams.matrix(inputs)
        return self._scored(self.scorer, matrix), known, self._scored(self.second, matrix) if self.second else None

    def _row(self, text: str) -> tuple[tuple[NDArray[np.int32], Singles], NDArray[np.float64]]:
        columns, weights, known = self.ngrams.row(text)
        return (columns, weights), np.array([known])

    def _scored(self, scorer: Scorer, matrix: Any) -> Singles:
        if not isinstance(matrix, tuple):
            return scorer(matrix)
        columns, weights = matrix  # one row: numpy alone, no sparse matrix
        scores = weights @ scorer.head.weights[columns] + scorer.head.bias
        return np.asarray((scores - scores.mean())[None, :], dtype=np.float32)

    def judged(self, scores: Singles, known: NDArray[np.float64], second: Singles | None = None) -> Evidence:
        """Evidence from scores, for a whole run or one fold of it."""
        best = scores.argmax(axis=1) if len(scores) else np.zeros(0, dtype=np.int64)
        features = {"known": known, "highest": scores.max(axis=1, initial=-np.inf).astype(np.float64)}
        opinion = None
        if second is not None and self.second is not None:
            opinion, more = second_opinion(second * self.second.temperature, best)
            features |= more
        return Evidence(
            self.labels, softmax(scores * np.float32(self.scorer.temperature)), features, -log_sum_exp(scores), opinion
        )

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities, the share of known n-grams, and an energy score for what looks unlike train."""
        return self.judged(*self.scores(inputs))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))

    def save(self, folder: Path) -> None:
        """Write labels, n-grams and heads."""
        save_json(folder / "labels.json", list(self.labels))
        self.ngrams.save(folder)
        arrays: dict[str, NDArray[Any]] = {}
        for name, scorer in (("first", self.scorer), ("second", self.second)):
            if scorer is not None:
                arrays |= {f"{name}.weights": scorer.head.weights, f"{name}.bias": scorer.head.bias}
                arrays[f"{name}.temperature"] = np.array([scorer.temperature], dtype=np.float32)
        save_arrays(folder / "keywords.safetensors", arrays)

    @classmethod
    def load(cls, folder: Path) -> KeywordsSpecialist:
        """Read what ``save`` wrote."""
        arrays = load_arrays(folder / "keywords.safetensors")
        scorers = {
            name: Scorer(
                Head(arrays[f"{name}.weights"], arrays[f"{name}.bias"]), float(arrays[f"{name}.temperature"][0])
            )
            for name in ("first", "second")
            if f"{name}.weights" in arrays
        }
        labels = tuple(load_json(folder / "labels.json"))
        return cls(labels, NGrams.load(folder), scorers["first"], scorers.get("second"))
