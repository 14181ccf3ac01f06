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
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.errors import RunError
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance
from sizewise.core.model import Evidence, Fitted, Rung
from sizewise.specialists import closed_form
from sizewise.specialists.encoders import BY_LANGUAGE, choose, open_encoder
from sizewise.specialists.folds import folds as folds_of
from sizewise.specialists.heads import (
    MOST_NUMBERS,
    Head,
    Mixture,
    Singles,
    Target,
    blocks,
    dots,
    fit_logistic,
    fit_shares,
    log_sum_exp,
    softmax,
    targets_of,
)
from sizewise.specialists.keywords import BLOCKS as NGRAM_HEADS
from sizewise.specialists.keywords import KeywordsRecipe, KeywordsSpecialist, named
from sizewise.specialists.opinions import agreement, most_probable, second_opinion
from sizewise.specialists.out_of_fold import cheaper, cross_scores
from sizewise.specialists.sentence_vectors import Progress, SentenceEncoder, TextEncoder
from sizewise.specialists.vector_cache import CachedEncoder, VectorCache
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json
from sizewise.store.disk import copy_whole

Ints = NDArray[np.int64]
SCALE = 8.0
GAMMA = 2.0
MANY_ROWS, FEWER_ANCHORS = 20_000, 1_500
PENALTY = 64.0  # of similarities in closed form
JOINT_PENALTY = 20.0
BLOCK = 10_000
RESOLUTION = 1e-6  # of variances in single precision: what is less than that share of the largest is none
TRIED_ROWS = 4_000
NAMES_GAIN = 8.0
JOINT, TUNED = "joint", "tuned"
OWN = "encoder"  # the folder of an encoder that is kept with the specialist
HEADS = ("components", "anchors", "names", TUNED, *NGRAM_HEADS, JOINT)
JOINT_PARTS = ("anchors", *NGRAM_HEADS)
DENSE = ("components", "anchors", "names", TUNED)  # the heads that read the encoder


@dataclass(frozen=True, slots=True)
class Views:
    """What the heads read of encoder vectors. ``centre`` (views, dimensions), ``anchors`` (anchors, dimensions). Where the
    last view is that of an encoder that was ``tuned``, a head reads it alone."""

    centre: Singles
    anchors: Singles
    tuned: bool = False

    def __call__(self, vectors: Singles) -> dict[str, Singles]:
        """(n, views × dimensions) centred unit views, the first of them, and its (n, anchors) similarities."""
        views = self._unit(vectors)
        own = {TUNED: np.ascontiguousarray(views[:, -1])} if self.tuned else {}
        views = views[:, : len(self.centre) - self.tuned]
        first = np.ascontiguousarray(views[:, 0])
        return {"components": self._joined(views), "anchors": kernel(first, self.anchors), "names": first, **own}

    def beside_tuned(self) -> Views:
        """The same with the view of a tuned encoder behind the others."""
        return Views(np.concatenate([self.centre, np.zeros_like(self.centre[:1])]), self.anchors, tuned=True)

    def joined(self, vectors: Singles) -> Singles:
        """The joined views alone."""
        return self._joined(self._unit(vectors))

    def _unit(self, vectors: Singles) -> Singles:
        poolings, dimensions = self.centre.shape  # an older specialist reads the first few alone
        return unit(vectors.reshape(len(vectors), -1, dimensions)[:, :poolings] - self.centre)

    def _joined(self, views: Singles) -> Singles:
        return views.reshape(len(views), -1) / np.float32(np.sqrt(views.shape[1]))


@dataclass(frozen=True, slots=True)
class Bases:
    """The directions in which the heads are fitted. A fitted head is folded back through its basis: less to read."""

    components: Singles
    whitening: Singles


@dataclass(frozen=True, slots=True)
class Seen:
    """Train as the heads see it, one row an example: what is rotated into ``bases``, and the first view as it is."""

    components: Singles
    similarities: Singles
    first: Singles
    bases: Bases
    names: Head


def unit(vectors: Singles) -> Singles:
    """Vectors of length one along the last axis."""
    return np.asarray(vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-9), dtype=np.float32)


def kernel(one: Singles, other: Singles) -> Singles:
    """The radial kernel between unit vectors, shape (len(one), len(other))."""
    cosines = dots(other, one[0])[None, :] if len(one) == 1 else one @ other.T
    return np.asarray(np.exp(-GAMMA * (1 - cosines)), dtype=np.float32)


def whitened(products: NDArray[np.float64]) -> Singles:
    """The matrix that turns similarities to anchors into features whose products are the kernel's own, scaled."""
    from scipy.linalg import cholesky, solve_triangular

    products[np.diag_indices(len(products))] += 1e-4
    lower = cholesky(products, lower=True, check_finite=False)
    inverse = solve_triangular(lower, np.eye(len(lower)), lower=True, check_finite=False)
    return np.ascontiguousarray(inverse.T * SCALE, dtype=np.float32)


def principal(views: Views, vectors: Singles, most: int) -> Singles:
    """The first directions, shape (views × dimensions, at most ``most``), in which joined views vary.

    From the products of dimensions, or where there are fewer rows than dimensions, from those of rows: the same
    directions (but for those in which nothing varies), found sooner.
    """
    from scipy.linalg import eigh

    size = views.centre.size
    if len(vectors) < size:
        joined = views.joined(vectors)
        products = joined @ joined.T
    else:
        products = np.zeros((size, size), dtype=np.float32)
        for rows in blocks(len(vectors), BLOCK):
            joined = views.joined(vectors[rows])
            products += joined.T @ joined
    largest = (max(0, len(products) - most), len(products) - 1)
    variances, found = eigh(products, subset_by_index=largest, overwrite_a=True, check_finite=False)
    kept = variances[::-1] > RESOLUTION * variances[-1]
    found = found[:, ::-1][:, kept]
    return np.asarray(unit((joined.T @ found).T).T if len(vectors) < size else found)


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
        anchors = self._anchors(unit(shaped[:, 0] - centre[0]), groups)
        seen = Views(centre, anchors)
        components = principal(seen, vectors, self.dimensions) * np.float32(SCALE)
        whitening = whitened(kernel(anchors, anchors).astype(np.float64))
        return seen, Bases(np.ascontiguousarray(components), whitening)

    def _anchors(self, vectors: Singles, groups: Sequence[int]) -> Singles:
        """Means of a train vector and its two nearest neighbours from other near-duplicate groups."""
        distinct = np.unique(np.asarray(groups), return_index=True)[1]
        vectors = vectors[np.sort(distinct)]
        random = np.random.default_rng(self.seed)
        most = self.anchors if len(vectors) <= MANY_ROWS else min(self.anchors, FEWER_ANCHORS)
        chosen = random.choice(len(vectors), min(most, max(1, len(vectors) // 3)), replace=False)
        least = min(3, len(vectors))
        means = []
        for rows in blocks(len(chosen), max(1, MOST_NUMBERS // len(vectors))):
            nearest = np.argpartition(-(vectors[chosen[rows]] @ vectors.T), least - 1, axis=1)[:, :least]
            means.append(vectors[nearest].mean(axis=1))
        return unit(np.concatenate(means))


def folded(head: Head, basis: Singles) -> Head:
    """The head with its basis multiplied in."""
    return Head(np.asarray(basis @ head.weights), head.bias)


def spoken(label: str) -> str:
    """A label as one would say it.

    >>> spoken("card_payment-fee  charged")
    'card payment fee charged'
    """
    return " ".join(label.replace("_", " ").replace("-", " ").split())


def names_head(vectors: Singles, views: int) -> Head:
    """The head that scores an input by its likeness to each label's name, from (labels, views × dimensions) vectors."""
    first = vectors.reshape(len(vectors), views, -1)[:, 0]
    names = unit(first - first.mean(axis=0))
    return Head(np.ascontiguousarray(names.T) * np.float32(NAMES_GAIN), np.zeros(len(names), dtype=np.float32))


@dataclass(frozen=True, slots=True)
class EncoderSpecialist:
    """The ``keywords`` specialist, an encoder, and heads on what the encoder sees.

    ``joint`` is the head that reads two kinds of views at once; ``second`` is there where the log had two references:
    heads taught on the other one, for confidence only. ``own`` says that the encoder was tuned for this task: nobody
    else has it, and it is saved along.
    """

    keywords: KeywordsSpecialist
    encoder: TextEncoder
    views: Views
    first: Mixture
    joint: Mixture | None = None
    second: Mixture | None = None
    own: bool = False
    name: str = "encoder"

    @property
    def exports(self) -> tuple[str, ...]:
        """What it can be exported to: nothing, where its encoder brings an engine of its own."""
        return ("folder", "wheel", "onnx") if isinstance(self.encoder, SentenceEncoder) else ()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.keywords.labels

    def scores(
        self, inputs: Sequence[str]
    ) -> tuple[dict[str, Singles], NDArray[np.float64], dict[str, Singles] | None]:
        """Each head's (n, labels) scores, the share of each input's n-grams that train knew, and second scores."""
        if not inputs:
            empty = {name: np.zeros((0, len(self.labels)), dtype=np.float32) for name in self.first.shares}
            return empty, np.zeros(0), empty
        read = self.keywords.read(inputs)
        seen: dict[str, Any] = {**self.views(self.encoder.encode(inputs)), **read.views}
        first = self.first.scores(seen) | self.keywords.first.scores(seen)
        if self.joint is not None:
            first[JOINT] = self.joint.joined(self.joint.scores(seen))
        if self.second is None or self.keywords.second is None:
            return first, read.known, None
        return first, read.known, self.second.scores(seen) | self.keywords.second.scores(seen)

    def judged(
        self, scores: Mapping[str, Singles], known: NDArray[np.float64], second: Mapping[str, Singles] | None = None
    ) -> Evidence:
        """Evidence from the heads' scores."""
        joint = self.first.joined(scores)
        best = joint.argmax(axis=1) if len(joint) else np.zeros(0, dtype=np.int64)
        features = {"known": known, "highest": joint.max(axis=1, initial=-np.inf).astype(np.float64)}
        features |= agreement(scores, best)
        opinion = None
        if second is not None and self.second is not None:
            opinion, more = second_opinion(self.second.joined(second), best)
            features |= more
        return Evidence(self.labels, softmax(joint), features, -log_sum_exp(joint), opinion)

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities, what the heads think of one another's answers, and how unlike train the input looks."""
        return self.judged(*self.scores(inputs))

    def cached(self, progress: Progress | None = None) -> EncoderSpecialist:
        """The same specialist, its encoder looking into the cache first: within a run, not for serving."""
        return replace(self, encoder=CachedEncoder(self.encoder, VectorCache(), progress))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))

    def save(self, folder: Path) -> None:
        """Write all but the encoder, which stays where it is: the manifest names it by reference and hash. One that was
        tuned is written too."""
        self.keywords.save(folder)
        arrays = {"centre": self.views.centre, "anchors": self.views.anchors} | self.first.arrays("first")
        for prefix, mixture in (("joint", self.joint), ("second", self.second)):
            arrays |= {} if mixture is None else mixture.arrays(prefix)
        save_arrays(folder / "encoder.safetensors", arrays)
        about = {"reference": self.encoder.files.reference, "sha256": self.encoder.files.sha256, "own": self.own}
        save_json(folder / "encoder.json", about)
        for name, path in self.encoder.files.paths.items() if self.own else ():
            (folder / OWN / name).parent.mkdir(parents=True, exist_ok=True)
            copy_whole(path, folder / OWN / name)

    @classmethod
    def load(cls, folder: Path) -> EncoderSpecialist:
        """Read what ``save`` wrote; the encoder's files are checked against their hashes."""
        about, arrays = load_json(folder / "encoder.json"), load_arrays(folder / "encoder.safetensors")
        place = f"file:{folder / OWN}" if (folder / OWN).is_dir() else None
        first = Mixture.from_arrays("first", arrays, HEADS)
        if first is None:
            raise RunError(f"{folder / 'encoder.safetensors'} holds no heads: it is damaged. Make the run again.")
        return cls(
            KeywordsSpecialist.load(folder),
            open_encoder(about["reference"], about["sha256"], place, len(arrays["centre"])),
            Views(arrays["centre"], arrays["anchors"], bool(about.get("own"))),
            first,
            Mixture.from_arrays("joint", arrays, JOINT_PARTS),
            Mixture.from_arrays("second", arrays, HEADS),
            bool(about.get("own")),
        ).turned()

    def turned(self) -> EncoderSpecialist:
        """The same specialist, its heads turned to read single rows: how it is served."""
        joint, second = (None if m is None else m.turned(DENSE) for m in (self.joint, self.second))
        return replace(self, first=self.first.turned(DENSE), joint=joint, second=second)


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


RUNG = Rung("encoder", 20, EncoderRecipe, EncoderSpecialist.load)
