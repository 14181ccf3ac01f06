from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from sizewise.core.example import Calibrate, Example, Train
from sizewise.core.task import Bar
from sizewise.stages.calibration import calibrate, excess_on_train, grid, judge
from sizewise.stages.contest import Contestant

from .contestants import contestant

Row = tuple[str, float, str | None, str | None]  # said, how sure, the LLM's answer, gold


def rows(*parts: tuple[int, Row]) -> list[Row]:
    return [row for count, row in parts for _ in range(count)]


def prepared(made: Sequence[Row]) -> tuple[Contestant, Calibrate]:
    examples = tuple(
        Example(id=str(i), input=str(i), answer=answer, gold=gold, group=i)
        for i, (_, _, answer, gold) in enumerate(made)
    )
    said = {str(i): (label, sure) for i, (label, sure, _, _) in enumerate(made)}
    confidence = np.linspace(0.5, 1, 1_000)
    return contestant("rung", np.ones(1_000, dtype=bool), confidence, said=said), Calibrate(examples)


def test_held_against_the_llm_the_risk_is_certified() -> None:
    rung, held = prepared(rows((400, ("a", 0.9, "a", None)), (100, ("a", 0.6, "b", None))))
    found = calibrate(rung, held, "llm", Bar(), 0)
    (certificate,) = found.certificates
    assert certificate.quantity == "risk"
    assert certificate.limit == pytest.approx(0.03)
    assert found.threshold == certificate.threshold == pytest.approx(0.75)
    assert found.judged.excess is None
    assert found.judged.wrong.sum() == 100


def test_held_against_gold_without_an_llm_the_risk_is_certified() -> None:
    rung, held = prepared(rows((400, ("a", 0.9, None, "a")), (100, ("a", 0.6, None, "b"))))
    found = calibrate(rung, held, "gold", Bar(), 0)
    assert [c.quantity for c in found.certificates] == ["risk"]
    assert found.threshold == pytest.approx(0.75)


def test_held_against_gold_with_an_llm_the_excess_is_certified() -> None:
    """As often wrong as the LLM, on other rows: its risk is twenty per cent and its excess none."""
    rung, held = prepared(rows((600, ("a", 0.9, "a", "a")), (100, ("a", 0.9, "b", "a")), (50, ("a", 0.9, "b", "b"))))
    found = calibrate(rung, held, "gold", Bar(), 0)
    assert [c.quantity for c in found.certificates] == ["excess"]
    assert found.certificates[0].limit == 0.01
    assert found.threshold == 0.0
    assert found.judged.excess is not None
    assert found.judged.excess.sum() == 50 - 100


def test_a_target_is_certified_beside_the_excess() -> None:
    rung, held = prepared(rows((900, ("a", 0.9, "b", "a")), (100, ("a", 0.6, "a", "b"))))
    without = calibrate(rung, held, "gold", Bar(), 0)
    both = calibrate(rung, held, "gold", Bar(target=0.97), 0)
    assert without.threshold == 0.0
    assert [c.quantity for c in both.certificates] == ["excess", "risk"]
    risk = both.certificates[1].threshold
    assert risk is not None
    assert both.threshold is not None
    assert risk <= both.threshold <= 0.9
    assert both.threshold in grid(rung), "only a threshold that was tested carries the excess as well"


def test_no_threshold_in_common_is_none() -> None:
    """The risk holds only above every threshold that the excess was tested at."""
    rung, held = prepared(
        rows((600, ("a", 0.9999, "b", "a")), (300, ("a", 0.997, "b", "b")), (300, ("a", 0.9, "b", "a")))
    )
    found = calibrate(rung, held, "gold", Bar(target=0.97, margin=0.6), 0)
    assert all(c.threshold is not None for c in found.certificates)
    assert found.threshold is None


@pytest.mark.parametrize(
    ("said", "llm", "gold", "excess"),
    [
        ("a", "a", "a", 0),
        ("b", "a", "a", 1),
        ("a", "b", "a", -1),
        ("b", "b", "a", 0),
        ("a", None, "a", 0),
        ("b", None, "a", 1),  # unknown: the LLM is taken to be right
        ("a", "no label", "a", -1),
        ("a", "a", "no label", 1 - 1),
    ],
)
def test_excess_row_by_row(said: str, llm: str | None, gold: str, excess: int) -> None:
    rung, held = prepared([(said, 0.9, llm, gold), ("a", 0.9, "a", "a")])
    judged = judge(rung, held.examples, "gold")
    assert judged.excess is not None
    assert judged.excess[0] == excess


def test_an_unusable_reference_counts_as_wrong() -> None:
    rung, held = prepared([("a", 0.9, "I cannot say", None), ("a", 0.9, "", None), ("a", 0.9, "a", None)])
    assert judge(rung, held.examples, "llm").wrong.tolist() == [True, True, False]


def test_nothing_to_calibrate_on_certifies_nothing() -> None:
    rung, held = prepared([])
    found = calibrate(rung, held, "llm", Bar(), 0)
    assert found.threshold is None
    assert found.certificates[0].n_rows == 0


def test_near_duplicates_count_once() -> None:
    rung, held = prepared(rows((500, ("a", 0.9, "a", None))))
    grouped = Calibrate(tuple(Example(e.id, e.input, e.answer, group=i % 50) for i, e in enumerate(held.examples)))
    assert calibrate(rung, held, "llm", Bar(), 0).threshold == 0.0
    found = calibrate(rung, grouped, "llm", Bar(), 0)
    assert found.threshold is None
    assert (found.certificates[0].n_rows, found.certificates[0].n_groups) == (500, 50)
    assert found.certificates[0].status == "approximate"


def test_the_grid_is_fixed_on_train() -> None:
    rung, _ = prepared([])
    steps = grid(rung)
    assert len(steps) == 100
    assert (np.diff(steps) > 0).all()
    assert steps[0] == rung.confidence_out_of_fold.min()
    shares = [(rung.confidence_out_of_fold >= t).mean() for t in steps]
    assert shares == pytest.approx(np.linspace(1, 0.01, 100), abs=0.002)


def test_far_better_than_the_llm_few_rows_are_enough_and_train_says_where_to_begin() -> None:
    rung, held = prepared(rows((110, ("a", 0.9, "a", "a")), (40, ("a", 0.7, "b", "a"))))
    assert calibrate(rung, held, "gold", Bar(), 0).threshold is None
    lost = np.where(np.arange(1_000) % 4 == 0, -1.0, 0.0)  # on train, too, the LLM is wrong on every fourth row
    found = calibrate(rung, held, "gold", Bar(), 0, lost)
    assert found.threshold == 0.0
    (certificate,) = found.certificates
    assert certificate.bound == certificate.bound_answering_all
    assert certificate.bound is not None
    assert certificate.bound <= 0.01


def test_excess_on_train_takes_an_unknown_llm_to_be_right() -> None:
    rung = contestant("rung", np.array([True, False, True, False]), np.linspace(0.5, 1, 4))
    train = Train(("0", "1", "2", "3"), ("w", "x", "y", "z"), ("a",) * 4, (0, 1, 2, 3), ("a",))
    said = zip("0123", "wxyz", ("a", "a", "b", None), strict=True)
    examples = [Example(id=i, input=text, answer=answer, gold="a") for i, text, answer in said]
    assert excess_on_train(rung, train, examples).tolist() == [0, 1, -1, 1]
