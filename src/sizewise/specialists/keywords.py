"""Word and character n-grams under a linear head: the smallest rung that reads the text."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
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
    fit_logistic,
    fit_temperature,
    log_odds,
    log_sum_exp,
    one_hot,
    softmax,
)
from sizewise.specialists.ngrams import NGrams
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Ints = NDArray[np.int64]
SCALE = 8.0  # of the features against the head's penalty; chosen out-of-fold


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
        ngrams, matrix, reduction = self._features(examples)
        targets = one_hot(target_numbers(examples), len(examples.labels))
        return self._specialist(examples, ngrams, reduction, self._head(matrix @ reduction, targets), 1.0)

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:  # noqa: ARG002
        """Fit, and score each fold by a head that was fitted on the other folds."""
        started = time.perf_counter()
        ngrams, matrix, reduction = self._features(examples)
        reduced = np.asarray(matrix @ reduction)
        numbers = target_numbers(examples)
        targets = one_hot(numbers, len(examples.labels))
        head = self._head(reduced, targets)
        fitted = time.perf_counter() - started
        scores = np.zeros_like(targets)
        for fold in range(int(folds.max()) + 1):
            held = folds == fold
            scores[held] = self._head(reduced[~held], targets[~held])(reduced[held])
        specialist = self._specialist(examples, ngrams, reduction, head, fit_temperature(scores, numbers))
        evidence = specialist.judged(scores, ngrams.matrix(examples.inputs)[1])
        return Fitted(specialist, evidence, scores.astype(np.float64), fitted, time.perf_counter() - started)

    def _features(self, examples: Train) -> tuple[NGrams, Any, Singles]:
        from sklearn.utils.extmath import randomized_svd

        ngrams = NGrams.fit(examples.inputs, examples.groups)
        matrix, _ = ngrams.matrix(examples.inputs)
        rank = max(1, min(self.dimensions, min(matrix.shape) - 1))
        _, _, right = randomized_svd(matrix, rank, n_iter=1, random_state=self.seed)
        return ngrams, matrix, np.asarray(right.T * (SCALE / np.sqrt(2)), dtype=np.float32)

    def _head(self, reduced: Singles, targets: Singles) -> Head:
        return fit_logistic(np.asarray(reduced, dtype=np.float32), targets, self.penalty, self.iterations)

    def _specialist(
        self, examples: Train, ngrams: NGrams, reduction: Singles, head: Head, temperature: float
    ) -> KeywordsSpecialist:
        return KeywordsSpecialist(
            examples.labels, ngrams, Head(np.asarray(reduction @ head.weights), head.bias), temperature
        )


@dataclass(frozen=True, slots=True)
class KeywordsSpecialist:
    """``head`` weighs the n-grams themselves: serving needs no reduction."""

    labels: tuple[str, ...]
    ngrams: NGrams
    head: Head
    temperature: float
    name: str = "keywords"

    def scores(self, inputs: Sequence[str]) -> tuple[Singles, NDArray[np.float64]]:
        """(n, labels) scores and, of shape (n,), the share of each input's n-grams that train knew."""
        if len(inputs) == 1:
            columns, weights, known = self.ngrams.row(inputs[0])
            scores = weights @ self.head.weights[columns] + self.head.bias
            return (scores - scores.mean())[None, :], np.array([known])
        matrix, known_shares = self.ngrams.matrix(inputs)
        return self.head(matrix), known_shares

    def judged(self, scores: Singles, known: NDArray[np.float64]) -> Evidence:
        """Evidence from scores, for a whole run or one fold of it."""
        return Evidence(
            self.labels,
            softmax(scores * self.temperature),
            {"known": known, "highest": scores.max(axis=1).astype(np.float64)},
            -log_sum_exp(scores),
        )

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities, the share of known n-grams, and an energy score for what looks unlike train."""
        return self.judged(*self.scores(inputs))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))

    def save(self, folder: Path) -> None:
        """Write labels, n-grams and head."""
        save_json(folder / "labels.json", list(self.labels))
        self.ngrams.save(folder)
        save_arrays(
            folder / "keywords.safetensors",
            {"weights": self.head.weights, "bias": self.head.bias, "temperature": np.array([self.temperature])},
        )

    @classmethod
    def load(cls, folder: Path) -> KeywordsSpecialist:
        """Read what ``save`` wrote."""
        arrays = load_arrays(folder / "keywords.safetensors")
        head = Head(arrays["weights"], arrays["bias"])
        return cls(tuple(load_json(folder / "labels.json")), NGrams.load(folder), head, float(arrays["temperature"][0]))


def target_numbers(examples: Train) -> Ints:
    """Each row's target as a position in ``examples.labels``, shape (n,)."""
    position = {label: i for i, label in enumerate(examples.labels)}
    return np.array([position[t] for t in examples.targets], dtype=np.int64)


def most_probable(evidence: Evidence) -> list[Answer]:
    """Bare answers: the most probable label of each row, with the probabilities of the first five."""
    answers = []
    for row in evidence.probabilities:
        order = np.argsort(-row, kind="stable")[:5]
        shown = {evidence.labels[i]: float(row[i]) for i in order}
        answers.append(Answer(evidence.labels[int(order[0])], probabilities=shown))
    return answers


def agreement_features(names_and_scores: Mapping[str, Singles], best: Ints) -> dict[str, NDArray[np.float64]]:
    """What each head thinks of the joint answer: its log-odds for it, and whether it would say the same."""
    rows = np.arange(len(best))
    columns: dict[str, NDArray[np.float64]] = {}
    for name, scores in names_and_scores.items():
        columns[f"{name}_log_odds"] = log_odds(softmax(scores)[rows, best])
        columns[f"{name}_agrees"] = (scores.argmax(axis=1) == best).astype(np.float64)
    return columns
