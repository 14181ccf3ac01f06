"""The small model that knows when to hand over: a specialist, a confidence, a gate and one threshold."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade.confidence import Confidence
from sizewise.core.answer import Answer, Route
from sizewise.core.model import Evidence, Specialist

BATCH = 256
SHOWN_PROBABILITIES = 5


@dataclass(frozen=True, slots=True)
class Cascade:
    """A ``Model`` that answers with its specialist and says by the route whether to trust it.

    ``threshold`` is ``None`` where nothing was certified: the route is then never small. ``has_large``
    says whether there is a large model to hand over to; without one the route is ``abstain``.
    """

    name: str
    specialist: Specialist
    confidence: Confidence
    threshold: float | None
    has_large: bool

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """Answer ``inputs`` in order; an input that is no text becomes an answer with ``error``."""
        answers: list[Answer] = []
        for start in range(0, len(inputs), BATCH):
            answers += self._batch(inputs[start : start + BATCH])
        return answers

    def _batch(self, inputs: Sequence[str]) -> list[Answer]:
        started = time.perf_counter()
        texts = [text if isinstance(text, str) else "" for text in inputs]
        evidence = self.specialist.evidence(texts)
        confidence = self.confidence(evidence)
        milliseconds = (time.perf_counter() - started) * 1_000 / max(len(texts), 1)
        best = evidence.probabilities.argmax(axis=1)
        return [
            self._one(evidence, row, int(best[row]), float(confidence[row]), milliseconds)
            if isinstance(inputs[row], str)
            else Answer(value=None, error=f"input is not text but {type(inputs[row]).__name__}")
            for row in range(len(texts))
        ]

    def _one(self, evidence: Evidence, row: int, best: int, confidence: float, milliseconds: float) -> Answer:
        probabilities = evidence.probabilities[row]
        shown = np.argsort(-probabilities, kind="stable")[:SHOWN_PROBABILITIES]
        return Answer(
            value=evidence.labels[best],
            confidence=confidence,
            route=self.route(confidence),
            probabilities={evidence.labels[i]: float(probabilities[i]) for i in shown},
            latency_ms=milliseconds,
        )

    def route(self, confidence: float) -> Route:
        """Who should answer at this confidence."""
        if self.threshold is not None and confidence >= self.threshold:
            return "small"
        return "large" if self.has_large else "abstain"


def chosen_labels(evidence: Evidence) -> list[str]:
    """The most probable label of each row."""
    return [evidence.labels[i] for i in evidence.probabilities.argmax(axis=1)]


def equal(values: Sequence[str], references: Sequence[str | None]) -> NDArray[np.bool_]:
    """Where each value equals its reference; a reference of ``None`` equals nothing."""
    return np.array([value == reference for value, reference in zip(values, references, strict=True)], dtype=bool)
