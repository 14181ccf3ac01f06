"""What a larger rung could gain, on rungs whose errors are known."""

from __future__ import annotations

import numpy as np

from sizewise.core.task import Bar
from sizewise.stages.outlook import outlook

from .contestants import contestant


def _errs(share: float, rows: int = 2_000) -> tuple[np.ndarray, np.ndarray]:
    """Right or wrong, and a confidence that tells the two apart, but not wholly."""
    random = np.random.default_rng(0)
    right = random.random(rows) >= share
    sure = np.clip(np.where(right, 0.9, 0.6) + random.normal(0, 0.15, rows), 0.01, 0.99)
    return right, sure


def test_many_errors_leave_something_to_gain() -> None:
    right, sure = _errs(0.15)
    seen = outlook(contestant("encoder", right, sure), None, Bar(), 1_000, 0)
    assert seen.rung == "encoder"
    assert 0 < seen.today < seen.possible - 0.05
    assert seen.may_pay("llm")
    assert seen.may_pay("gold")


def test_nothing_is_gained_where_everything_is_answered() -> None:
    right, sure = _errs(0.005)
    seen = outlook(contestant("encoder", right, sure), None, Bar(), 1_000, 0)
    assert seen.today == seen.possible == 1.0
    assert not seen.may_pay("llm")


def test_nothing_is_gained_where_nothing_can_be_certified() -> None:
    right, sure = _errs(0.15)
    for rows in (0, 50):
        seen = outlook(contestant("encoder", right, sure), None, Bar(), rows, 0)
        assert (seen.today, seen.possible) == (0.0, 0.0)
        assert not seen.may_pay("llm")


def test_under_gold_an_llm_that_errs_more_is_beaten_already() -> None:
    right, sure = _errs(0.10)
    worse = np.random.default_rng(1).random(len(right)) < 0.25
    seen = outlook(contestant("encoder", right, sure), worse, Bar(), 1_000, 0)
    assert seen.today == 1.0
    assert not seen.may_pay("gold")
    better = np.zeros(len(right), dtype=bool)
    seen = outlook(contestant("encoder", right, sure), better, Bar(), 1_000, 0)
    assert seen.today < 1.0
    assert seen.may_pay("gold")
    held = outlook(contestant("encoder", right, sure), worse, Bar(target=0.97), 1_000, 0)
    assert held.today < 1.0, "a target that was given must hold as well"
