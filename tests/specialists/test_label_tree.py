"""The walk down the tree of labels, against probabilities worked out by hand and by listing every label."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from sizewise.specialists.prompted.label_tree import LabelTree


def asker(seed: int, sharp: float = 1.0) -> tuple[list[tuple[int, ...]], object]:
    """A random language model: the path alone decides what comes next."""
    asked: list[tuple[int, ...]] = []

    def ask(path: tuple[int, ...], among: Sequence[int]) -> list[float]:
        asked.append(path)
        scores = [np.random.default_rng([seed, *path, token]).normal() * sharp for token in among]
        whole = np.exp(scores)
        return list(whole / whole.sum())

    return asked, ask


def listed(labels: Sequence[tuple[int, ...]], ask: object) -> NDArray[np.float64]:
    """Every label's probability as the product of its steps."""
    found = []
    for label in labels:
        product = 1.0
        for depth in range(len(label)):
            among = list(dict.fromkeys(other[depth] for other in labels if other[:depth] == label[:depth]))
            if len(among) > 1:
                product *= ask(label[:depth], among)[among.index(label[depth])]  # type: ignore[operator]
        found.append(product)
    return np.array(found)


@pytest.mark.parametrize("seed", range(20))
def test_without_a_least_branch_it_is_the_product_of_all_steps(seed: int) -> None:
    random = np.random.default_rng(seed)
    labels = sorted({(*(int(t) for t in random.integers(1, 4, random.integers(1, 5))), 0) for _ in range(12)})
    _, ask = asker(seed)
    found = LabelTree(labels).walk(ask, least=0.0)  # type: ignore[arg-type]
    assert found.sum() == pytest.approx(1)
    np.testing.assert_allclose(found, listed(labels, ask), atol=1e-12)


@pytest.mark.parametrize("seed", range(20))
def test_branches_that_are_not_followed_change_no_answer_and_little_else(seed: int) -> None:
    labels = [(*label, 0) for label in itertools.product(range(1, 5), repeat=3)]
    asked, ask = asker(seed, sharp=2.5)
    tree = LabelTree(labels)
    whole = tree.walk(ask, least=0.0)  # type: ignore[arg-type]
    asked.clear()
    found = tree.walk(ask)  # type: ignore[arg-type]
    assert len(asked) < tree.questions
    assert found.argmax() == whole.argmax()
    assert found.sum() == pytest.approx(1)
    assert np.abs(found - whole).max() < 0.02


def test_where_labels_do_not_part_nothing_is_asked() -> None:
    asked, ask = asker(0)
    tree = LabelTree([(1, 2, 3, 0), (1, 2, 4, 5, 6, 0)])
    tree.walk(ask)  # type: ignore[arg-type]
    assert asked == [(1, 2)]
    assert tree.questions == 1


def test_a_label_that_begins_another_is_told_apart_by_its_end() -> None:
    _, ask = asker(1)
    found = LabelTree([(7, 0), (7, 8, 0)]).walk(ask)  # type: ignore[arg-type]
    np.testing.assert_allclose(found, listed([(7, 0), (7, 8, 0)], ask))


@pytest.mark.parametrize("labels", [[(1, 0), (1, 0)], [(1,), (1, 2)]])
def test_labels_that_cannot_be_told_apart_are_refused(labels: list[tuple[int, ...]]) -> None:
    with pytest.raises(ValueError, match=r"the same tokens|beginning of another"):
        LabelTree(labels)
