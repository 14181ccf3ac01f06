"""A specialist that is asked one text at a time: no answer depends on what it was asked together with."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sizewise.core.answer import Answer
from sizewise.core.model import Evidence, Specialist
from sizewise.specialists.opinions import most_probable


@dataclass(frozen=True, slots=True)
class OneByOne:
    """Evidence of ``specialist``, gathered text by text."""

    specialist: Specialist

    @property
    def name(self) -> str:
        return self.specialist.name

    @property
    def labels(self) -> tuple[str, ...]:
        return self.specialist.labels

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """The rows that the specialist gives for each text alone, put together."""
        rows = [self.specialist.evidence([text]) for text in inputs]
        opinions = [row.second_opinion for row in rows if row.second_opinion is not None]
        return Evidence(
            rows[0].labels,
            np.concatenate([row.probabilities for row in rows]),
            {name: np.concatenate([row.features[name] for row in rows]) for name in rows[0].features},
            np.concatenate([row.outlyingness for row in rows]),
            np.concatenate(opinions) if opinions else None,
        )

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))
