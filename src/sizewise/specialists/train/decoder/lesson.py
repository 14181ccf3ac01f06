"""What `slm-tuned` is taught: train in the base's tokens, cut into what is learned from and what is set aside."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from sizewise.core.errors import TaskError
from sizewise.core.example import Train
from sizewise.core.wording import Wording
from sizewise.models.local_slm import LocalSlm
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.specialists.prompted.prompt import shown_labels
from sizewise.specialists.train.cores import cores
from sizewise.specialists.train.decoder import material
from sizewise.specialists.train.decoder.ends import HeadEnd, TreeEnd
from sizewise.specialists.train.decoder.learner import Learner, Schedule, memory, number_format
from sizewise.specialists.train.decoder.weights import Weights, open_weights
from sizewise.specialists.train.estimates import require_memory
from sizewise.specialists.tuned.asking import MARK, Prompts
from sizewise.specialists.tuned.reading import words_for
from sizewise.specialists.tuned.specialist import NAME

if TYPE_CHECKING:
    from sizewise.specialists.slm_tuned import SlmTunedRecipe

Ints = NDArray[np.int64]
FIRST_WORD = 64  # tokens before it are signs of the model's own, bytes among them
ROOM = 8  # tokens of a prompt beside its input
REASON_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Planned:
    """How often train will be gone over; ``pace`` is the seconds of a step."""

    epochs: int
    wanted: int
    steps: int
    pace: float

    @property
    def seconds(self) -> float:
        return self.steps * self.pace

    def said(self) -> str:
        fewer = f", of {self.wanted} that were wanted: more do not fit into the time given"
        return f"{self.epochs} times over{fewer if self.epochs < self.wanted else ''}"


@dataclass(slots=True)
class Lesson:
    """Train in tokens, cut into what is taught and what is set aside; ``said`` is what torch said to the latter."""

    base: LocalSlm
    train: Train
    weights: Weights
    material: material.Material
    labels: list[list[int]]
    taught: Ints
    aside: Ints
    words: tuple[int, ...]
    schedule: Schedule
    said: Ints

    @classmethod
    def of(cls, recipe: SlmTunedRecipe, base: LocalSlm, train: Train) -> Lesson:
        """Read train. Raises ``TaskError`` where two labels are the same tokens, ``LimitReached`` without room."""
        weights = open_weights(base)
        wanted, taught = material.wanted(train, recipe.soft, recipe.differing)  # type: ignore[arg-type]
        held = _aside(train, recipe)
        with Engine(base, EngineSettings(recipe.input_tokens + ROOM, slots=1, threads=1)) as engine:
            vocabulary = engine.header.vocabulary
            prompts = Prompts(engine, recipe.input_tokens)
            most = recipe.taught_tokens
            made = [prompts(text, None if alone else most) for text, alone in zip(train.inputs, held, strict=True)]
            shown = shown_labels(train.labels, Wording())
            end = engine.tokens(MARK, start=False)
            labels = [[*engine.tokens(f" {label}", start=False), *end] for label in shown]
            reasons = [
                prompts.reason(text, why, most, REASON_TOKENS)
                for text, why, alone in zip(train.inputs, train.rationales, held, strict=True) if why and not alone
            ] if train.rationales and recipe.reasons else []  # fmt: skip
        if recipe.reading == "tree":
            require_distinct(train.labels, labels)
        place = {label: i for i, label in enumerate(train.labels)}
        targets = np.array([place[target] for target in train.targets], dtype=np.int64)
        further = np.linspace(FIRST_WORD, vocabulary - 1, 2 * len(train.labels) + 64).astype(int).tolist()
        schedule = Schedule(
            recipe.epochs, recipe.batch, recipe.rate, rank=recipe.rank, reasons=recipe.reasons, seed=recipe.seed,
            seconds=recipe.seconds,
        )  # fmt: skip
        return cls(
            base, train, weights, material.Material(made, targets, wanted, reasons), labels,
            np.flatnonzero(taught & ~held), np.flatnonzero(held), words_for([label[:-1] for label in labels], further),
            schedule, np.zeros(0, dtype=np.int64),
        )  # fmt: skip

    @property
    def depth(self) -> int:
        return max(map(len, self.labels))

    def context(self, recipe: SlmTunedRecipe) -> int:
        """Tokens that an answer takes at most, when it is served."""
        return recipe.input_tokens + ROOM + (self.depth if recipe.reading == "tree" else 0)

    @property
    def longest(self) -> int:
        return max(len(prompt) for prompt in self.material.prompts) + self.depth

    def planned(self, recipe: SlmTunedRecipe) -> Planned:
        """What fits into the seconds given, by a few steps that are thrown away."""
        once, pace = -(-len(self.taught) // recipe.batch), self.learner(recipe).timed(self.taught)
        fit = int(recipe.seconds / (once * pace)) if recipe.seconds > 0 else recipe.epochs
        epochs = min(recipe.epochs, max(1, fit))
        return Planned(epochs, recipe.epochs, once * epochs, pace)

    def memory(self) -> float:
        """MiB that tuning takes."""
        return memory(self.weights, self.schedule, self.longest, number_format()).total

    def end(self, reading: str) -> HeadEnd | TreeEnd:
        return TreeEnd(self.weights, self.labels) if reading == "tree" else HeadEnd(self.weights, self.words)

    def learner(self, recipe: SlmTunedRecipe) -> Learner:
        """Ready to be taught, if there is memory for it."""
        need = memory(self.weights, self.schedule, self.longest, number_format())
        require_memory(
            self.base.name, need, f"Set batch or taught_tokens lower in [rungs.{NAME}], or name a smaller model."
        )
        torch.set_num_threads(recipe.threads or cores())
        return Learner(self.weights, self.end(recipe.reading), self.material, self.schedule)


def _aside(train: Train, recipe: SlmTunedRecipe) -> NDArray[np.bool_]:
    """Which rows (n,) are set aside: real ones alone."""
    real = ~np.array(train.written, dtype=bool) if train.written else np.ones(len(train), dtype=bool)
    held = np.zeros(len(train), dtype=bool)
    groups = np.asarray(train.groups)[real]
    held[real] = material.aside(groups.tolist(), recipe.aside, len(groups) // 2, recipe.seed)
    if not held.any():
        raise TaskError(f"{NAME}: no row of train can be set aside to judge by. Set aside higher, or give more rows.")
    return held


def require_distinct(labels: tuple[str, ...], tokens: list[list[int]]) -> None:
    """Raise ``TaskError`` where the base's tokeniser makes the same of two labels."""
    seen: dict[tuple[int, ...], str] = {}
    for label, made in zip(labels, tokens, strict=True):
        other = seen.setdefault(tuple(made), label)
        if other != label:
            raise TaskError(
                f"the tokeniser of this base cannot tell the labels {other!r} and {label!r} apart. Rename one of them, or set "
                f'reading = "head" in [rungs.{NAME}].'
            )
