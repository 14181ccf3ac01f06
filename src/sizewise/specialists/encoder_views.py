"""What the heads read of an encoder's vectors, and the directions in which they are fitted: views, anchors, bases."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizewise.specialists.heads import MOST_NUMBERS, Head, Singles, blocks, dots

SCALE = 8.0
GAMMA = 2.0
MANY_ROWS, FEWER_ANCHORS = 20_000, 1_500
BLOCK = 10_000
RESOLUTION = 1e-6  # of variances in single precision: what is less than that share of the largest is none
NAMES_GAIN = 8.0
TUNED = "tuned"


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


def anchors_among(vectors: Singles, groups: Sequence[int], most: int, seed: int) -> Singles:
    """At most ``most`` means of a train vector and its two nearest neighbours from other near-duplicate ``groups``."""
    distinct = np.unique(np.asarray(groups), return_index=True)[1]
    vectors = vectors[np.sort(distinct)]
    random = np.random.default_rng(seed)
    most = most if len(vectors) <= MANY_ROWS else min(most, FEWER_ANCHORS)
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
