"""What stands at the decoder's end while it is tuned: the loss, from few rows of the vocabulary and never all of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sizewise.specialists.prompted.label_tree import LabelTree
from sizewise.specialists.train.decoder.material import Material
from sizewise.specialists.train.decoder.weights import Weights
from sizewise.specialists.tuned.reading import FLOOR, Head, Tree


class Seen(Protocol):
    """Runs the decoder: (tokens of each row, (row, position) that are asked for) → (asked, width) hidden states."""

    def __call__(self, tokens: Sequence[Sequence[int]], asked: Sequence[tuple[int, int]]) -> Tensor: ...


class HeadEnd(nn.Module):
    """The head over words, learned together with the adapter."""

    def __init__(self, weights: Weights, words: Sequence[int]) -> None:
        super().__init__()
        self.words = tuple(words)
        self.register_buffer("table", torch.from_numpy(weights.rows(self.words, output=True)), persistent=False)
        self.mix = nn.Parameter(torch.eye(len(self.words)))
        self.bias = nn.Parameter(torch.zeros(len(self.words)))

    def tokens(self, material: Material, row: int) -> Sequence[int]:
        """What the decoder reads of a row."""
        return material.prompts[row]

    def scores(self, seen: Seen, prompts: Sequence[Sequence[int]]) -> Tensor:
        """(n, labels) unnormalised logarithms."""
        hidden = seen(prompts, [(i, len(prompt) - 1) for i, prompt in enumerate(prompts)])
        words = hidden @ self.table.t()
        words = torch.maximum(words, words.max(dim=-1, keepdim=True).values.detach() - FLOOR)
        return (words - words.mean(dim=-1, keepdim=True)) @ self.mix.t() + self.bias

    def losses(self, seen: Seen, material: Material, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """(n,) the loss of each row, and whether its target would be said."""
        scores = self.scores(seen, [material.prompts[row] for row in rows])
        wanted = torch.from_numpy(material.wanted[rows]).to(scores.device)
        targets = torch.from_numpy(material.targets[rows]).to(scores.device)
        return -(wanted * scores.log_softmax(dim=-1)).sum(dim=-1), scores.argmax(dim=-1) == targets

    def said(self, seen: Seen, prompts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """(n,) the label of each prompt."""
        return np.asarray(self.scores(seen, prompts).argmax(dim=-1).cpu().numpy(), dtype=np.int64)

    def reading(self, arrays: Mapping[str, NDArray[np.float32]]) -> Head:
        """What serves, from the arrays of the best state."""
        return Head(self.words, arrays["end.mix"], arrays["end.bias"])


class TreeEnd(nn.Module):
    """The labels' own tokens: at each node of their tree that the target passes, one choice among what may follow."""

    def __init__(self, weights: Weights, labels: Sequence[Sequence[int]]) -> None:
        super().__init__()
        self.labels = [tuple(label) for label in labels]
        self.places = LabelTree(self.labels).places()
        vocabulary = sorted({token for _, children in self.places for token in children})
        self.position = {token: i for i, token in enumerate(vocabulary)}
        self.register_buffer("table", torch.from_numpy(weights.rows(vocabulary, output=True)), persistent=False)
        self.below = {
            (path, token): [i for i, label in enumerate(self.labels) if label[: len(path) + 1] == (*path, token)]
            for path, children in self.places
            for token in children
        }
        self.nodes = [[(p, c) for p, c in self.places if label[: len(p)] == p] for label in self.labels]

    def tokens(self, material: Material, row: int) -> Sequence[int]:
        return [*material.prompts[row], *self.labels[int(material.targets[row])][:-1]]

    def losses(self, seen: Seen, material: Material, rows: Sequence[int]) -> tuple[Tensor, Tensor]:
        """As ``HeadEnd``; a soft target is shared out at the nodes that the hard one passes."""
        asked, choices = [], []
        for i, row in enumerate(rows):
            start = len(material.prompts[row]) - 1
            for path, children in self.nodes[int(material.targets[row])]:
                asked.append((i, start + len(path)))
                choices.append((i, row, path, children))
        hidden = seen([self.tokens(material, row) for row in rows], asked)
        losses = hidden.new_zeros(len(rows))
        right = torch.ones(len(rows), dtype=torch.bool, device=hidden.device)
        every = hidden @ self.table.t()
        for place, (i, row, path, children) in enumerate(choices):
            scores = every[place, [self.position[token] for token in children]].log_softmax(dim=-1)
            shares = np.array([material.wanted[row, self.below[path, token]].sum() for token in children], np.float32)
            losses[i] = losses[i] - (torch.from_numpy(shares / shares.sum()).to(scores.device) * scores).sum()
            step = self.labels[int(material.targets[row])][len(path)]
            right[i] &= children[int(scores.argmax())] == step
        return losses, right

    def said(self, seen: Seen, prompts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """The label that a greedy walk ends at."""
        return np.array([self._walked(seen, prompt) for prompt in prompts], dtype=np.int64)

    def _walked(self, seen: Seen, prompt: Sequence[int]) -> int:
        follow = dict(self.places)
        path: tuple[int, ...] = ()
        left = list(range(len(self.labels)))
        while len(left) > 1:
            children = follow.get(path)
            if children is None:
                path = self.labels[left[0]][: len(path) + 1]
                continue
            tokens = [*prompt, *path]
            scores = (
                seen([tokens], [(0, len(tokens) - 1)]) @ self.table[[self.position[token] for token in children]].t()
            )
            path = (*path, children[int(scores.argmax())])
            left = [label for label in left if self.labels[label][: len(path)] == path]
        return left[0]

    def reading(self, arrays: Mapping[str, NDArray[np.float32]]) -> Tree:  # noqa: ARG002 - nothing of it is learned
        return Tree(tuple(self.labels))


class ReasonEnd(nn.Module):
    """The second task: the next token of a reason, among the tokens that any reason has."""

    def __init__(self, weights: Weights, material: Material) -> None:
        super().__init__()
        used = sorted({token for tokens, size in material.reasons for token in tokens[-size:]})
        self.position = {token: i for i, token in enumerate(used)}
        self.register_buffer("table", torch.from_numpy(weights.rows(used, output=True)), persistent=False)

    def loss(self, seen: Seen, material: Material, rows: Sequence[int]) -> Tensor:
        """The mean loss of a token."""
        asked, follows = [], []
        for i, row in enumerate(rows):
            tokens, size = material.reasons[row]
            for place in range(len(tokens) - size, len(tokens)):
                asked.append((i, place - 1))
                follows.append(self.position[tokens[place]])
        hidden = seen([material.reasons[row][0] for row in rows], asked)
        targets = torch.tensor(follows, device=hidden.device)
        return nn.functional.cross_entropy(hidden @ self.table.t(), targets)
