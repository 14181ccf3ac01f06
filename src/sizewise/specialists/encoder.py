"""A frozen sentence encoder beside the n-grams: six linear heads whose scores are added in learned shares.

The heads read word and character n-grams (the ``keywords`` rung), principal components of eight poolings
of the encoder, the vector's similarity to anchors (a Nyström approximation of a radial kernel, Williams and
Seeger 2001), its similarity to the labels' own names (an LLM that was shown the labels follows their wording),
and one of them, fitted in closed form, reads similarities and n-grams together. An anchor is the mean of three
train vectors, so that no single text is kept.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance
from sizewise.core.model import Fitted, Rung
from sizewise.specialists import closed_form
from sizewise.specialists.encoder_specialist import JOINT, JOINT_PARTS, EncoderSpecialist
from sizewise.specialists.encoder_views import (
    BLOCK,
    MANY_ROWS,
    SCALE,
    Bases,
    Seen,
    Views,
    anchors_among,
    folded,
    kernel,
    names_head,
    principal,
    spoken,
    unit,
    whitened,
)
from sizewise.specialists.encoders import BY_LANGUAGE, choose, open_encoder
from sizewise.specialists.folds import folds as folds_of
from sizewise.specialists.heads import (
    Head,
    Ints,
    Mixture,
    Singles,
    Target,
    blocks,
    fit_logistic,
    fit_shares,
    targets_of,
)
from sizewise.specialists.keywords import BLOCKS as NGRAM_HEADS
from sizewise.specialists.keywords import KeywordsRecipe, KeywordsSpecialist, named
from sizewise.specialists.out_of_fold import cheaper, cross_scores
from sizewise.specialists.sentence_vectors import Progress, TextEncoder
from sizewise.specialists.vector_cache import VectorCache

PENALTY = 64.0  # of similarities in closed form
JOINT_PENALTY = 20.0
TRIED_ROWS = 4_000


@dataclass(frozen=True, slots=True)
class Scored:
    """A specialist with each head's (n, labels) out-of-fold scores, also for the other reference where there is one, and
    the share of each row's n-grams that train knew."""

    specialist: EncoderSpecialist
    scores: Mapping[str, Singles]
    second: Mapping[str, Singles] | None
    known: NDArray[np.float64]
    fit_seconds: float
    seconds: float
    circumstances: tuple[Circumstance, ...]

    def fitted(self) -> Fitted:
        """It as a rung's result."""
        specialist, second = self.specialist, self.second
        return Fitted(
            specialist,
            specialist.judged(self.scores, self.known, second),
            specialist.first.joined(self.scores)[None],
            self.fit_seconds,
            self.seconds,
            None if second is None or specialist.second is None else specialist.second.joined(second)[None],
            self.circumstances,
        )


@dataclass(frozen=True, slots=True)
class EncoderRecipe:
    """``encoder`` is a model reference, or ``by-language``; vectors are computed once and cached on disk. Where a
    ``reader`` is given, that one reads instead: an encoder that is open and remembers."""

    encoder: str = BY_LANGUAGE
    dimensions: int = 512
    anchors: int = 2_500
    penalty: float = 1.0
    iterations: int = 20
    anchor_iterations: int = 10
    seed: int = 0
    keywords: KeywordsRecipe = field(default_factory=KeywordsRecipe)
    cache: VectorCache = field(default_factory=VectorCache)
    progress: Progress | None = None
    reader: TextEncoder | None = None
    name: str = "encoder"

    def fit(self, examples: Train) -> EncoderSpecialist:
        """Learn views, heads, and out-of-fold the heads' shares."""
        specialist = self.validate(examples, folds_of(examples, self.seed), {}).specialist
        assert isinstance(specialist, EncoderSpecialist)
        return specialist

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:
        """Fit, and score each fold by heads that were fitted on the other folds."""
        return self.scored(examples, folds, below).fitted()

    def scored(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Scored:
        """Fit, with each head's own scores: a rung above adds one of its own."""
        lower = below.get(self.keywords.name) or self.keywords.validate(examples, folds, {})
        assert isinstance(lower.specialist, KeywordsSpecialist)
        started = time.perf_counter()
        encoder = self._encoder(examples)
        views, seen = self._features(encoder, examples)
        target, other = targets_of(examples)
        joint, joint_scores = self._joint(seen, lower, examples, target, folds)
        first, scores = self._mixture(seen, lower.logits, target, folds, joint_scores)
        fitted = time.perf_counter() - started
        specialist = EncoderSpecialist(lower.specialist, encoder, views, first, joint)
        second: dict[str, Singles] | None = None
        if other is not None and lower.second_logits is not None:
            mixture, second = self._mixture(seen, lower.second_logits, other, folds, {})
            specialist = replace(specialist, second=mixture)
        return Scored(
            specialist,
            scores,
            second,
            lower.evidence.features["known"],
            fitted + lower.fit_seconds,
            time.perf_counter() - started + lower.seconds,
            (*self.circumstances(examples), *cheaper(target, self.keywords.as_for, seen.components)),
        )

    def circumstances(self, examples: Train) -> tuple[Circumstance, ...]:
        """What is to be said of the encoder before it runs."""
        return choose(self.encoder, examples.inputs).circumstances

    def _encoder(self, examples: Train) -> TextEncoder:
        """The encoder that was chosen; of two, the one that is more often right out-of-fold on some of train."""
        if self.reader is not None:
            return self.reader
        encoders = [open_encoder(reference) for reference in choose(self.encoder, examples.inputs).references]
        if len(encoders) == 1:
            return encoders[0]
        sample = examples.subset(range(0, len(examples), max(1, len(examples) // TRIED_ROWS)))
        return max(encoders, key=lambda encoder: self._tried(encoder, sample))

    def _tried(self, encoder: TextEncoder, examples: Train) -> float:
        """The share of rows that two ridge heads on the encoder's vectors get right, out-of-fold."""
        _, seen = self._features(encoder, examples)
        target, _ = targets_of(examples)
        numbers = folds_of(examples, self.seed)
        parts = ((seen.components, 1.0), (seen.similarities, PENALTY))
        scores = np.sum([closed_form.cross_scores(x, target, numbers, (p,))[1] for x, p in parts], axis=0)
        return float((scores.argmax(axis=1) == target.numbers).mean())

    def _features(self, encoder: TextEncoder, examples: Train) -> tuple[Views, Seen]:
        vectors = self._encoded(encoder, examples.inputs)
        views, bases = self._views(vectors, encoder.views, examples.groups)
        components = np.empty((len(vectors), bases.components.shape[1]), dtype=np.float32)
        similarities = np.empty((len(vectors), bases.whitening.shape[1]), dtype=np.float32)
        first = np.empty((len(vectors), views.centre.shape[1]), dtype=np.float32)
        for rows in blocks(len(vectors), BLOCK):
            seen = views(vectors[rows])
            np.matmul(seen["components"], bases.components, out=components[rows])
            np.matmul(seen["anchors"], bases.whitening, out=similarities[rows])
            first[rows] = seen["names"]
        names = names_head(self._encoded(encoder, [spoken(label) for label in examples.labels]), encoder.views)
        return views, Seen(components, similarities, first, bases, names)

    def _encoded(self, encoder: TextEncoder, texts: Sequence[str]) -> Singles:
        return encoder.encode(texts) if encoder is self.reader else self.cache.encode(encoder, texts, self.progress)

    def _joint(
        self, seen: Seen, lower: Fitted, examples: Train, target: Target, folds: Ints
    ) -> tuple[Mixture | None, dict[str, Singles]]:
        """A head that reads similarities and n-grams together, as one head a view whose scores are added, and their
        out-of-fold sum; nothing where the rows are too many to hold all that side by side."""
        if max(len(examples), self.keywords.as_for) > MANY_ROWS:
            return None, {}
        assert isinstance(lower.specialist, KeywordsSpecialist)
        reduced = lower.reduced or self.keywords.reduced(lower.specialist.read(examples.inputs).views)
        features = np.concatenate([seen.similarities, *(reduced[name][0] for name in NGRAM_HEADS)], axis=1)
        head, scores = closed_form.cross_scores(features, target, folds, (JOINT_PENALTY,), np.float32)
        bases = (seen.bases.whitening, *(reduced[name][1] for name in NGRAM_HEADS))
        ends = np.cumsum([basis.shape[1] for basis in bases])[:-1]
        parts = zip(JOINT_PARTS, bases, np.split(head.weights, ends), strict=True)
        heads = {name: Head(np.asarray(basis @ weights), head.bias) for name, basis, weights in parts}
        return Mixture(heads, dict.fromkeys(JOINT_PARTS, 1.0)), {JOINT: scores}

    def _mixture(
        self, seen: Seen, ngrams: NDArray[Any], target: Target, folds: Ints, more: Mapping[str, Singles]
    ) -> tuple[Mixture, dict[str, Singles]]:
        """Heads for one target, in the shares that suit their out-of-fold scores, and those scores with ``more``."""
        one, component_scores = cross_scores(self._logistic, seen.components, target, folds, rows=self.keywords.as_for)
        two, anchor_scores = cross_scores(
            self._briefly, seen.similarities, target, folds, PENALTY, rows=self.keywords.as_for
        )
        scores = {
            "components": component_scores,
            "anchors": anchor_scores,
            "names": seen.names(seen.first),  # learned from no row, so nothing to hold out
            **named(ngrams),
            **more,
        }
        heads = {
            "components": folded(one, seen.bases.components),
            "anchors": folded(two, seen.bases.whitening),
            "names": seen.names,
        }
        return Mixture(heads, fit_shares(scores, target)), scores

    def _logistic(self, components: Singles, targets: Singles) -> Head:
        return fit_logistic(components, targets, self.penalty, self.iterations)

    def _briefly(self, similarities: Singles, targets: Singles) -> Head:
        return fit_logistic(similarities, targets, self.penalty, self.anchor_iterations)

    def _views(self, vectors: Singles, views: int, groups: Sequence[int]) -> tuple[Views, Bases]:
        shaped = vectors.reshape(len(vectors), views, -1)
        centre = shaped.mean(axis=0)
        anchors = anchors_among(unit(shaped[:, 0] - centre[0]), groups, self.anchors, self.seed)
        seen = Views(centre, anchors)
        components = principal(seen, vectors, self.dimensions) * np.float32(SCALE)
        whitening = whitened(kernel(anchors, anchors).astype(np.float64))
        return seen, Bases(np.ascontiguousarray(components), whitening)


RUNG = Rung("encoder", 20, EncoderRecipe, EncoderSpecialist.load)
