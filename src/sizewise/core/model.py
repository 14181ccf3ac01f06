"""The one protocol that carries the product, and the two types a rung of the ladder has."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from sizewise.core.answer import Answer
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]
    Table = NDArray[np.floating[Any]]
    Ints = NDArray[np.int64]


@runtime_checkable
class Model(Protocol):
    """Anything that answers: a specialist, a cascade, a local SLM, an LLM behind an API."""

    @property
    def name(self) -> str: ...

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """One answer an input, in the same order. Safe to call from several threads.

        A failed input is an ``Answer`` with ``error``; an empty batch gives an empty list.
        """
        ...


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a specialist knows of each of n inputs, before anybody decides whether to trust it.

    ``probabilities`` has shape (n, number of labels), rows summing to one, columns in the order of
    ``labels``; ``features`` maps a name to an array of shape (n,) that helps to tell right answers
    from wrong ones; ``outlyingness`` has shape (n,) and is larger the less an input resembles train.
    ``second_opinion``, where there is one, has shape (n,): the position in ``labels`` of the label that
    heads taught on the other known reference would give.
    """

    labels: tuple[str, ...]
    probabilities: Table
    features: Mapping[str, Floats]
    outlyingness: Floats
    second_opinion: Ints | None = None

    def __len__(self) -> int:
        return len(self.outlyingness)


@runtime_checkable
class Specialist(Model, Protocol):
    """A fitted rung. Serving needs nothing that training needs."""

    @property
    def labels(self) -> tuple[str, ...]: ...

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities and what else tells right from wrong, one row an input."""
        ...

    def save(self, folder: Path) -> None:
        """Write all that answering needs into ``folder``: arrays and JSON, never pickle."""
        ...


@dataclass(frozen=True, slots=True)
class Fitted:
    """A specialist with out-of-fold evidence for the rows it learned from, and what both took in seconds.

    ``logits`` has shape (heads, n, labels): each head's out-of-fold scores before they became probabilities,
    so that a higher rung can build on a lower one. ``reduced``, which is not saved, may hold what the heads were fitted
    on, by head: (n, rank) features and the (inputs, rank) directions that lead to them. ``rows`` (m,) are the
    positions of the train rows that the evidence is for, in order, where a rung is too slow for all; ``None``: every row.
    """

    specialist: Specialist
    evidence: Evidence
    logits: Table
    fit_seconds: float
    seconds: float
    second_logits: Table | None = None
    circumstances: tuple[Circumstance, ...] = ()
    reduced: Mapping[str, tuple[Table, Table]] | None = None
    rows: Ints | None = None


@dataclass(frozen=True, slots=True)
class Rung:
    """A rung as it is registered: its name, its place on the ladder, its recipe (a dataclass) and how it is loaded.

    The recipe's fields are the rung's settings in a task file, but for those that the ladder fills: ``name``,
    ``seed``, ``instructions``, ``progress``, ``found`` and ``keywords`` (the recipe of that rung), and for ``work``
    (``Path | None``), which the contest fills: a folder where the rung may keep checkpoints, the same one when a run is
    resumed and gone when it is whole. Places of the built-in rungs: majority 0, keywords 10, encoder 20,
    encoder-tuned 30, slm-prompted 40, slm-tuned 50.
    """

    name: str
    place: int
    recipe: Callable[..., Recipe]
    load: Callable[[Path], Specialist]


@runtime_checkable
class Planned(Protocol):
    """A recipe that knows by itself how long it would take, because it sees a sample of the rows."""

    def plan(self, train: Train) -> tuple[float, str]:
        """Seconds for the whole run, and what would be done; measured on a few rows of ``train``."""
        ...


class Recipe(Protocol):
    """An unfitted rung with its settings."""

    @property
    def name(self) -> str: ...

    def fit(self, examples: Train) -> Specialist:
        """Learn from ``examples``. The same examples and settings give the same specialist."""
        ...

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:
        """Fit, and give out-of-fold evidence for every row: from heads that did not learn from its fold.

        A rung that is too slow for every row gives it for a sample and says for which.

        ``folds`` has shape (n,) and numbers each row's fold from zero. ``below`` holds what lower rungs
        have learned from the same rows and folds, so that it need not be learned twice.
        """
        ...
