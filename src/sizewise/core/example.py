"""One row of a log, and the three kinds of row set that must never be mixed up.

``Train`` is what everything is fitted and chosen on, ``Calibrate`` what one threshold is set on,
``Test`` what is read once, for the verdict. They are three types so that a function that chooses
cannot be handed a test set: the type checker refuses it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Example:
    """One input with what is known of it.

    ``answer`` is what the LLM said and ``gold`` the truth, both after labels were merged, ``None``
    where unknown. ``further_answers`` are the same LLM's answers when it was asked again. ``at`` is
    the time as the log has it. ``group`` numbers the near-duplicate group the input belongs to. ``probabilities`` are the LLM's
    own by label, as far as they were recorded, and ``rationale`` is why it gave its answer. ``augmented`` inputs were
    written by an LLM for the label in ``answer``: they are no traffic, and nothing but train ever holds one.
    """

    id: str
    input: str
    answer: str | None = None
    gold: str | None = None
    further_answers: tuple[str, ...] = ()
    split: str | None = None
    at: str | None = None
    slice: str | None = None
    model: str | None = None
    latency_ms: float | None = None
    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    group: int = -1
    probabilities: Mapping[str, float] | None = None
    rationale: str | None = None
    augmented: bool = False


@dataclass(frozen=True, slots=True)
class Train:
    """What is learned from: cleaned, exact duplicates collapsed, one target label a row.

    ``others`` holds, where the LLM's answers are the target and gold is known as well, each row's gold (``None``
    where unknown): nothing is taught from it but a second opinion on when the target is hard to foresee.

    ``soft`` holds each row's probabilities by label as the LLM gave them, summing to one, and ``rationales`` why it gave
    its answer. Both are the LLM's: where it answered otherwise than the target, the target is right and they are ``None``.
    Empty where the log has none. ``written`` says which rows an LLM wrote: they are learned from and never scored; empty
    where none was.
    """

    ids: tuple[str, ...]
    inputs: tuple[str, ...]
    targets: tuple[str, ...]
    groups: tuple[int, ...]
    labels: tuple[str, ...]
    others: tuple[str | None, ...] = ()
    soft: tuple[Mapping[str, float] | None, ...] = ()
    rationales: tuple[str | None, ...] = ()
    written: tuple[bool, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs)

    def subset(self, indices: Sequence[int]) -> Train:
        """The rows at ``indices``, with the same label order."""
        return Train(
            ids=tuple(self.ids[i] for i in indices),
            inputs=tuple(self.inputs[i] for i in indices),
            targets=tuple(self.targets[i] for i in indices),
            groups=tuple(self.groups[i] for i in indices),
            labels=self.labels,
            others=tuple(self.others[i] for i in indices) if self.others else (),
            soft=tuple(self.soft[i] for i in indices) if self.soft else (),
            rationales=tuple(self.rationales[i] for i in indices) if self.rationales else (),
            written=tuple(self.written[i] for i in indices) if self.written else (),
        )

    def joined(self, more: Train) -> Train:
        """These rows, then those of ``more``, which an LLM wrote for some of the same labels."""
        return Train(
            ids=self.ids + more.ids,
            inputs=self.inputs + more.inputs,
            targets=self.targets + more.targets,
            groups=self.groups + more.groups,
            labels=self.labels,
            others=self.others + (None,) * len(more) if self.others else (),
            soft=self.soft + (None,) * len(more) if self.soft else (),
            rationales=self.rationales + (None,) * len(more) if self.rationales else (),
            written=(self.written or (False,) * len(self)) + (True,) * len(more),
        )


@dataclass(frozen=True, slots=True)
class Calibrate:
    """What the threshold is set on: every parsed row of the split that carries a reference."""

    examples: tuple[Example, ...]

    def __len__(self) -> int:
        return len(self.examples)


@dataclass(frozen=True, slots=True)
class Test:
    """What is read once, for the verdict: every parsed row of the split that carries a reference."""

    __test__ = False  # not a test class, whatever its name looks like to a collector

    examples: tuple[Example, ...]

    def __len__(self) -> int:
        return len(self.examples)
