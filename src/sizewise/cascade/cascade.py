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
        """Answer ``inputs`` in order; an input that is no text becomes an answer with ``error``.

        Raises ``TypeError`` where ``inputs`` is one text: its letters would be answered one by one.
        """
        if isinstance(inputs, str | bytes):
            raise TypeError("answer takes a list of texts, and was given one text: write answer([text])")
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
        shown = np.argsort(-evidence.probabilities, axis=1, kind="stable")[:, :SHOWN_PROBABILITIES]
        highest = np.take_along_axis(evidence.probabilities, shown, axis=1).tolist()
        rows = zip(inputs, shown.tolist(), highest, confidence.tolist(), strict=True)
        return [
            self._one(evidence.labels, order, probabilities, sure, milliseconds)
            if isinstance(text, str)
            else Answer(value=None, error=f"input is not text but {type(text).__name__}")
            for text, order, probabilities, sure in rows
        ]

    def _one(
        self,
        labels: Sequence[str],
        order: Sequence[int],
        probabilities: Sequence[float],
        confidence: float,
        milliseconds: float,
    ) -> Answer:
        return Answer(
            value=labels[order[0]],
            confidence=confidence,
            route=self.route(confidence),
            probabilities={labels[i]: p for i, p in zip(order, probabilities, strict=True)},
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
