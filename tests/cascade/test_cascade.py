from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sizewise.cascade.cascade import BATCH, Cascade, chosen_labels, equal
from sizewise.cascade.confidence import Confidence, Reliability
from sizewise.core.answer import Answer
from sizewise.core.model import Evidence, Model, Specialist


@dataclass
class Scripted:
    """A specialist that is as sure of "yes" as the number in its input says."""

    name: str = "scripted"
    labels: tuple[str, ...] = ("no", "yes")

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        sure = np.array([float(text or 0.5) for text in inputs]).reshape(len(inputs))
        return Evidence(self.labels, np.column_stack([1 - sure, sure]), {}, np.zeros(len(inputs)))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        return [Answer(label) for label in chosen_labels(self.evidence(inputs))]

    def save(self, folder: Path) -> None:
        raise NotImplementedError


#: confidence = the top probability itself: the weight of its log-odds is one, everything else counts nothing
CONFIDENCE = Confidence(
    ("logit", "margin", "entropy", "outlyingness"),
    np.full(6, -50.0), np.full(6, 50.0), np.zeros(6), np.ones(6), np.array([1.0, 0, 0, 0, 0, 0]), 0.0,
    Reliability(np.zeros(2), np.zeros(0, dtype=np.int64), np.zeros(0)), gate=1.0,
)  # fmt: skip


def cascade(threshold: float | None, has_large: bool = True) -> Cascade:
    return Cascade("task", Scripted(), CONFIDENCE, threshold, has_large)


def test_it_is_a_model_around_a_specialist() -> None:
    assert isinstance(cascade(0.5), Model)
    assert isinstance(Scripted(), Specialist)


@pytest.mark.parametrize(
    ("threshold", "has_large", "routes"),
    [
        (0.0, True, ["small", "small", "small"]),
        (0.7, True, ["small", "large", "small"]),
        (0.7, False, ["small", "abstain", "small"]),
        (None, True, ["large", "large", "large"]),
        (None, False, ["abstain", "abstain", "abstain"]),
    ],
)
def test_routes(threshold: float | None, has_large: bool, routes: list[str]) -> None:
    answers = cascade(threshold, has_large).answer(["0.9", "0.6", "0.2"])
    assert [a.route for a in answers] == routes
    assert [a.value for a in answers] == ["yes", "yes", "no"], "the answer is the specialist's, whatever the route"
    assert [a.confidence for a in answers] == pytest.approx([0.9, 0.6, 0.8])


def test_the_threshold_itself_is_answered() -> None:
    model = cascade(0.75)
    assert model.route(0.75) == "small"
    assert model.route(np.nextafter(0.75, 0)) == "large"


def test_batches_are_joined_in_order() -> None:
    inputs = [str(round(0.05 + 0.9 * (i % 91) / 91, 4)) for i in range(2 * BATCH + 7)]
    answers = cascade(0.5).answer(inputs)
    assert [a.probabilities and a.probabilities["yes"] for a in answers] == pytest.approx([float(t) for t in inputs])
    assert cascade(0.5).answer([]) == []


def test_what_is_no_text_is_a_row_with_an_error() -> None:
    inputs: list[object] = ["0.9", None, 3, b"0.9", "0.2"]
    answers = cascade(0.5).answer(inputs)  # type: ignore[arg-type]
    assert [a.value for a in answers] == ["yes", None, None, None, "no"]
    assert [a.error is None for a in answers] == [True, False, False, False, True]
    assert "NoneType" in str(answers[1].error)
    assert "int" in str(answers[2].error)
    assert all(a.route is None and a.confidence is None for a in answers[1:4])


@pytest.mark.parametrize("one", ["abc", "", b"abc"])
def test_one_text_instead_of_a_list_is_refused_and_not_spelt_out(one: Any) -> None:
    with pytest.raises(TypeError, match=r"takes a list of texts.*answer\(\[text\]\)"):
        cascade(0.5).answer(one)


def test_an_unknown_reference_equals_nothing() -> None:
    assert equal(["a", "b", "a"], ["a", "a", None]).tolist() == [True, False, False]
    assert equal([], []).dtype == bool
