"""Probabilities of labels of any number of tokens: a walk down the tree of their tokens, most probable branch first.

At a node where labels part, the engine says how probable each next token is, given that it is one of them; a label's
probability is the product along its path, so the labels' probabilities sum to one. Where labels do not part, nothing
is asked. A branch that holds less than ``LEAST`` is not followed to its end: its probability is shared evenly by its
labels, unless one of them could still be the most probable of all.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LEAST = 0.02

#: (tokens from the root, tokens that may follow) → how probable each is; sums to one
Ask = Callable[[tuple[int, ...], Sequence[int]], Sequence[float]]


@dataclass(slots=True)
class _Node:
    """``labels`` are the positions of all labels below; ``path`` the tokens that lead here."""

    path: tuple[int, ...]
    labels: list[int]
    children: dict[int, _Node] = field(default_factory=dict)


class LabelTree:
    """The labels' tokens as a tree in which every node but the leaves has at least two branches."""

    def __init__(self, labels: Sequence[Sequence[int]]) -> None:
        if len({tuple(tokens) for tokens in labels}) != len(labels):
            raise ValueError("two labels have the same tokens")
        self.size = len(labels)
        self.depth = max(map(len, labels))
        self._root = _grown([tuple(tokens) for tokens in labels], list(range(len(labels))), 0)

    @property
    def questions(self) -> int:
        """How many nodes there are at which labels part: what a walk without end would ask."""
        return _inner(self._root)

    def places(self) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        """Every node at which labels part: the tokens that lead there, and those that may follow."""
        return list(_parting(self._root))

    def walk(self, ask: Ask, least: float = LEAST) -> NDArray[np.float64]:
        """The probability of each label, shape (labels,)."""
        found = np.zeros(self.size)
        best = 0.0
        waiting: list[tuple[float, int, _Node]] = [(-1.0, 0, self._root)]
        count = 1
        while waiting:
            mass, _, node = heapq.heappop(waiting)
            mass = -mass
            if not node.children:
                found[node.labels[0]] = mass
                best = max(best, mass)
            elif mass < least and mass <= best:
                found[node.labels] = mass / len(node.labels)
            else:
                for share, child in zip(ask(node.path, list(node.children)), node.children.values(), strict=True):
                    heapq.heappush(waiting, (-mass * float(share), count, child))
                    count += 1
        return np.asarray(found / found.sum())


def _grown(labels: list[tuple[int, ...]], members: list[int], depth: int) -> _Node:
    """The node of ``members``, which agree on their first ``depth`` tokens; steps that all share are taken at once."""
    if len(members) == 1:
        return _Node(labels[members[0]][:depth], members)
    while len({labels[m][depth : depth + 1] for m in members}) == 1:
        depth += 1
    node = _Node(labels[members[0]][:depth], members)
    parted: dict[tuple[int, ...], list[int]] = {}
    for member in members:
        parted.setdefault(labels[member][depth : depth + 1], []).append(member)
    if () in parted:
        raise ValueError("a label is the beginning of another: end each with a token of its own")
    node.children = {step[0]: _grown(labels, group, depth + 1) for step, group in parted.items()}
    return node


def _parting(node: _Node) -> Iterator[tuple[tuple[int, ...], tuple[int, ...]]]:
    if node.children:
        yield node.path, tuple(node.children)
    for child in node.children.values():
        yield from _parting(child)


def _inner(node: _Node) -> int:
    return (1 if node.children else 0) + sum(_inner(child) for child in node.children.values())
