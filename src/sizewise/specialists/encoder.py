"""A frozen sentence encoder beside the n-grams: three linear heads whose scores are averaged.

The heads read the n-grams (the ``keywords`` rung), principal components of four poolings of the encoder,
and the vector's similarity to anchors (a Nyström approximation of a radial kernel, Williams and Seeger
2001). An anchor is the mean of three train vectors, so that no single text is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.example import Train
from sizewise.core.model import Evidence, Fitted
from sizewise.models.catalogue import DEFAULT_ENCODER
from sizewise.specialists.heads import (
    Head,
    Singles,
    fit_logistic,
    fit_ridge,
    fit_shares,
    log_sum_exp,
    one_hot,
    softmax,
)
from sizewise.specialists.keywords import (
    KeywordsRecipe,
    KeywordsSpecialist,
    agreement_features,
    most_probable,
    target_numbers,
)
from sizewise.specialists.sentence_vectors import Progress, SentenceEncoder, VectorCache
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Ints = NDArray[np.int64]
SCALE = 8.0
GAMMA = 2.0
KERNEL_GAIN = 12.0
EVEN_SHARES = (0.5, 0.3, 0.4)  # before out-of-fold scores say better
HEADS = ("components", "anchors", "ngrams")


@dataclass(frozen=True, slots=True)
class Views:
    """What the heads read of encoder vectors. ``centre`` (views, dimensions), ``anchors`` (anchors, dimensions)."""

    centre: Singles
    anchors: Singles

    def __call__(self, vectors: Singles) -> tuple[Singles, Singles]:
        """(n, views × dimensions) centred unit views and (n, anchors) similarities of the first of them."""
        views = unit(vectors.reshape(len(vectors), *self.centre.shape) - self.centre)
        joined = views.reshape(len(vectors), -1) / np.float32(np.sqrt(len(self.centre)))
        return joined, kernel(views[:, 0], self.anchors)


@dataclass(frozen=True, slots=True)
class Bases:
    """The directions in which the heads are fitted. A fitted head is folded back through its basis: less to read."""

    components: Singles
    whitening: Singles


def unit(vectors: Singles) -> Singles:
    """Vectors of length one along the last axis."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), dtype=np.float32)


def kernel(one: Singles, other: Singles) -> Singles:
    """The radial kernel between unit vectors, shape (len(one), len(other))."""
    # For a single row BLAS would wake its threads, beside the encoder's own: several milliseconds instead of 0.2.
    cosines = np.einsum("ij,j->i", other, one[0])[None, :] if len(one) == 1 else one @ other.T
    return np.asarray(np.exp(-GAMMA * (1 - cosines)), dtype=np.float32)


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """``encoder`` is a model reference; vectors are computed once and cached on disk."""

    encoder: str = DEFAULT_ENCODER
    dimensions: int = 512
    anchors: int = 1_500
    penalty: float = 1.0
    iterations: int = 40
    seed: int = 0
    keywords: KeywordsRecipe = field(default_factory=KeywordsRecipe)
    cache: VectorCache = field(default_factory=VectorCache)
    progress: Progress | None = None
    name: str = "encoder"

    def fit(self, examples: Train) -> EncoderSpecialist:
        """Learn views and heads."""
        encoder = SentenceEncoder.from_reference(self.encoder)
        vectors = self.cache.encode(encoder, examples.inputs, self.progress)
        views, bases = self._views(vectors, encoder.views, examples.groups)
        joined, similarities = views(vectors)
        targets = one_hot(target_numbers(examples), len(examples.labels))
        heads = self._heads(joined @ bases.components, similarities @ bases.whitening, targets)
        return EncoderSpecialist(self.keywords.fit(examples), encoder, views, *folded(heads, bases), shares=EVEN_SHARES)

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:
        """Fit, and score each fold by heads that were fitted on the other folds."""
        lower = below.get(self.keywords.name) or self.keywords.validate(examples, folds, {})
        assert isinstance(lower.specialist, KeywordsSpecialist)
        started = time.perf_counter()
        encoder = SentenceEncoder.from_reference(self.encoder)
        vectors = self.cache.encode(encoder, examples.inputs, self.progress)
        views, bases = self._views(vectors, encoder.views, examples.groups)
        joined, raw_similarities = views(vectors)
        components, similarities = joined @ bases.components, raw_similarities @ bases.whitening
        numbers = target_numbers(examples)
        targets = one_hot(numbers, len(examples.labels))
        heads = self._heads(components, similarities, targets)
        fitted = time.perf_counter() - started
        scores = {name: np.zeros_like(targets) for name in ("components", "anchors")}
        for fold in range(int(folds.max()) + 1):
            held = folds == fold
            one, two = self._heads(components[~held], similarities[~held], targets[~held])
            scores["components"][held] = one(components[held])
            scores["anchors"][held] = two(similarities[held]) * np.float32(KERNEL_GAIN)
        scores["ngrams"] = lower.logits.astype(np.float32)
        shares = fit_shares([scores[name] for name in HEADS], numbers)
        specialist = EncoderSpecialist(lower.specialist, encoder, views, *folded(heads, bases), shares=shares)
        joint = specialist.joined(scores)
        evidence = specialist.judged(scores, lower.evidence.features["known"])
        seconds = time.perf_counter() - started + lower.seconds
        return Fitted(specialist, evidence, joint.astype(np.float64), fitted + lower.fit_seconds, seconds)

    def _heads(self, components: Singles, similarities: Singles, targets: Singles) -> tuple[Head, Head]:
        return (
            fit_logistic(components, targets, self.penalty, self.iterations),
            fit_ridge(similarities, targets, self.penalty),
        )

    def _views(self, vectors: Singles, views: int, groups: Sequence[int]) -> tuple[Views, Bases]:
        shaped = vectors.reshape(len(vectors), views, -1)
        centre = shaped.mean(axis=0)
        anchors = self._anchors(unit(shaped[:, 0] - centre[0]), groups)
        seen = Views(centre, anchors)
        joined, _ = seen(vectors)
        _, directions = np.linalg.eigh(joined.T @ joined)
        components = directions[:, ::-1][:, : self.dimensions] * np.float32(SCALE)
        values, basis = np.linalg.eigh(kernel(anchors, anchors).astype(np.float64))
        whitening = (basis / np.sqrt(np.maximum(values, 1e-4))).astype(np.float32)
        return seen, Bases(np.ascontiguousarray(components), whitening)

    def _anchors(self, vectors: Singles, groups: Sequence[int]) -> Singles:
        """Means of a train vector and its two nearest neighbours from other near-duplicate groups."""
        distinct = np.unique(np.asarray(groups), return_index=True)[1]
        vectors = vectors[np.sort(distinct)]
        random = np.random.default_rng(self.seed)
        chosen = random.choice(len(vectors), min(self.anchors, max(1, len(vectors) // 3)), replace=False)
        least = min(3, len(vectors))
        nearest = np.argpartition(-(vectors[chosen] @ vectors.T), least - 1, axis=1)[:, :least]
        return unit(vectors[nearest].mean(axis=1))


def folded(heads: tuple[Head, Head], bases: Bases) -> tuple[Head, Head]:
    """The two heads with their bases multiplied in."""
    one, two = heads
    return Head(bases.components @ one.weights, one.bias), Head(bases.whitening @ two.weights, two.bias)


@dataclass(frozen=True, slots=True)
class EncoderSpecialist:
    """The ``keywords`` specialist, an encoder, and two heads on what the encoder sees."""

    keywords: KeywordsSpecialist
    encoder: SentenceEncoder
    views: Views
    components: Head
    anchors: Head
    shares: tuple[float, ...]
    name: str = "encoder"

    @property
    def labels(self) -> tuple[str, ...]:
        return self.keywords.labels

    def scores(self, inputs: Sequence[str]) -> tuple[dict[str, Singles], NDArray[np.float64]]:
        """Each head's (n, labels) scores, and the share of each input's n-grams that train knew."""
        if not inputs:
            return {name: np.zeros((0, len(self.labels)), dtype=np.float32) for name in HEADS}, np.zeros(0)
        ngrams, known = self.keywords.scores(inputs)
        joined, similarities = self.views(self.encoder.encode(inputs))
        return {
            "components": self.components(joined),
            "anchors": self.anchors(similarities) * np.float32(KERNEL_GAIN),
            "ngrams": ngrams,
        }, known

    def joined(self, scores: Mapping[str, Singles]) -> Singles:
        """The heads' scores in their shares, shape (n, labels): logits, already at the right temperature."""
        shares = zip(self.shares, HEADS, strict=True)
        return np.asarray(sum(np.float32(share) * scores[name] for share, name in shares), dtype=np.float32)

    def judged(self, scores: Mapping[str, Singles], known: NDArray[np.float64]) -> Evidence:
        """Evidence from the heads' scores."""
        joint = self.joined(scores)
        best = joint.argmax(axis=1) if len(joint) else np.zeros(0, dtype=np.int64)
        features = {"known": known, "highest": joint.max(axis=1, initial=-np.inf).astype(np.float64)}
        return Evidence(
            self.labels,
            softmax(joint),
            features | agreement_features(scores, best),
            -log_sum_exp(joint),
        )

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities, what the heads think of one another's answers, and how unlike train the input looks."""
        return self.judged(*self.scores(inputs))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))

    def save(self, folder: Path) -> None:
        """Write all but the encoder, which stays where it is: the manifest names it by reference and hash."""
        self.keywords.save(folder)
        save_arrays(
            folder / "encoder.safetensors",
            {
                "centre": self.views.centre, "anchors": self.views.anchors,
                "components.weights": self.components.weights, "components.bias": self.components.bias,
                "anchors.weights": self.anchors.weights, "anchors.bias": self.anchors.bias,
                "shares": np.array(self.shares),
            },
        )  # fmt: skip
        save_json(
            folder / "encoder.json", {"reference": self.encoder.files.reference, "sha256": self.encoder.files.sha256}
        )

    @classmethod
    def load(cls, folder: Path) -> EncoderSpecialist:
        """Read what ``save`` wrote; the encoder's files are checked against their hashes."""
        about, arrays = load_json(folder / "encoder.json"), load_arrays(folder / "encoder.safetensors")
        reference = f"file:{folder / 'encoder'}" if (folder / "encoder").is_dir() else about["reference"]
        return cls(
            KeywordsSpecialist.load(folder),
            SentenceEncoder.from_reference(reference, about["sha256"]),
            Views(arrays["centre"], arrays["anchors"]),
            Head(arrays["components.weights"], arrays["components.bias"]),
            Head(arrays["anchors.weights"], arrays["anchors.bias"]),
            tuple(arrays["shares"].tolist()),
        )
