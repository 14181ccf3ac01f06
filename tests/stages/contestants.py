"""Contestants by hand: rungs whose answers are scripted, so that what is chosen and certified is known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade.cascade import chosen_labels
from sizewise.cascade.confidence import Confidence, Reliability
from sizewise.core.answer import Answer
from sizewise.core.measurement import Latency, Measured
from sizewise.core.model import Evidence
from sizewise.stages.contest import Contestant, Profile

LABELS = ("a", "b")
#: confidence = the probability of the answer
PLAIN = Confidence(
    ("logit", "margin", "entropy", "outlyingness"),
    np.full(6, -50.0), np.full(6, 50.0), np.zeros(6), np.ones(6), np.array([1.0, 0, 0, 0, 0, 0]), 0.0,
    Reliability(np.zeros(2), np.zeros(0, dtype=np.int64), np.zeros(0)), gate=1.0,
)  # fmt: skip


@dataclass
class Scripted:
    """Says what ``said`` holds for an input: a label, and how probable it is."""

    said: Mapping[str, tuple[str, float]] = field(default_factory=dict)
    name: str = "scripted"
    labels: tuple[str, ...] = LABELS

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        table = np.zeros((len(inputs), 2))
        for row, text in enumerate(inputs):
            label, probability = self.said[text]
            table[row] = 1 - probability
            table[row, LABELS.index(label)] = probability
        return Evidence(LABELS, table, {}, np.zeros(len(inputs)))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        return [Answer(label) for label in chosen_labels(self.evidence(inputs))]

    def save(self, folder: Path) -> None:
        raise NotImplementedError


def contestant(
    name: str,
    right: NDArray[np.bool_],
    confidence: NDArray[np.float64] | None = None,
    *,
    p95: float = 2.0,
    memory: float = 100.0,
    said: Mapping[str, tuple[str, float]] | None = None,
) -> Contestant:
    """A rung that was right on those train rows, as sure as ``confidence`` says (else: of everything alike)."""
    n = len(right)
    once = Measured(1.0, 0.9, 1.1, 100)
    return Contestant(
        name=name,
        specialist=Scripted(said or {}),
        folder=Path("nowhere"),
        evidence=Evidence(LABELS, np.full((n, 2), 0.5), {}, np.zeros(n)),
        right=right,
        confidence=PLAIN,
        confidence_out_of_fold=np.full(n, 0.5) if confidence is None else confidence,
        fit_seconds=1.0,
        artifact_mb=1.0,
        profile=Profile(
            Latency(once, Measured(p95, p95 * 0.9, p95 * 1.1, 100)), once, once, Measured(memory, None, None, 1)
        ),
    )
