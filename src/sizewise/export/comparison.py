"""An export held against its run, on the run's own test inputs where the log is still at hand."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from sizewise.core.answer import Answer
from sizewise.core.measurement import Measured
from sizewise.core.record import Prediction
from sizewise.core.task import ReferenceKind
from sizewise.evaluate.intervals import share
from sizewise.report.words import Words


@dataclass(frozen=True, slots=True)
class Routing:
    """The share of inputs with the same route, and how far confidence moved.

    ``risk`` is the share that the small model answers itself and otherwise than the reference, ``risk_before`` the
    same of the run.
    """

    same: Measured
    mean: float
    most: float
    risk: Measured
    risk_before: Measured


@dataclass(frozen=True, slots=True)
class Comparison:
    """The share of the compared inputs with the same answer, and the routes, where the export gives any."""

    answers: Measured
    routing: Routing | None

    def said(self, words: Words) -> Iterator[str]:
        """It in words, each share with its interval."""
        number = words.numbers
        yield words("model_card.export_same", n=number.count(self.answers.n), answers=_share(self.answers, words))
        if self.routing is not None:
            routing = self.routing
            yield words("model_card.export_moved", routes=_share(routing.same, words),
                        mean=number.plain(routing.mean, 4), most=number.plain(routing.most, 4))  # fmt: skip
            yield words("model_card.export_routes", risk=_share(routing.risk, words),
                        risk_before=_share(routing.risk_before, words))  # fmt: skip


class Answering(Protocol):
    """Whatever answers texts in order."""

    def answer(self, inputs: Sequence[str]) -> list[Answer]: ...


def compare(
    model: Answering, inputs: Sequence[str], told: Sequence[Prediction], reference: ReferenceKind
) -> Comparison:
    """``model`` against what the run said of the same inputs; neither may be empty."""
    answers = model.answer(inputs)
    same = _measured([a.value == t.answer for a, t in zip(answers, told, strict=True)])
    return Comparison(same, None if answers[0].route is None else _routing(answers, told, reference))


def _routing(answers: Sequence[Answer], told: Sequence[Prediction], reference: ReferenceKind) -> Routing:
    moved = np.array([abs((a.confidence or 0.0) - t.confidence) for a, t in zip(answers, told, strict=True)])
    pairs = [(a, t, t.gold if reference == "gold" else t.llm) for a, t in zip(answers, told, strict=True)]
    return Routing(
        same=_measured([a.route == t.route for a, t, _ in pairs]),
        mean=float(moved.mean()),
        most=float(moved.max()),
        risk=_measured([a.route == "small" and a.value != wanted for a, _, wanted in pairs]),
        risk_before=_measured([t.route == "small" and t.answer != wanted for _, t, wanted in pairs]),
    )


def _measured(hits: Sequence[bool]) -> Measured:
    measured = share(sum(hits), len(hits))
    assert measured is not None
    return measured


def _share(measured: Measured, words: Words) -> str:
    return f"{words.numbers.share(measured.value)} ({words.numbers.interval(measured, 'share') or '—'})"
