"""A verdict among several tasks: only what it certified is open there."""

from __future__ import annotations

import pytest

from sizewise.advice.costs import read_assumptions
from sizewise.advice.portfolio import measured_task
from sizewise.verdict.decision import decide

from .measurements import IDENTITY, measured

ASSUMED = read_assumptions()


@pytest.mark.parametrize(
    ("threshold", "coverage", "open_ways"),
    [(0.0, 1.0, {"small", "large"}), (0.6, 0.7, {"cascade", "large"}), (None, 0.0, {"large"})],
)
def test_only_what_a_verdict_certified_is_open(threshold: float | None, coverage: float, open_ways: set[str]) -> None:
    verdict = decide(measured(threshold, coverage), IDENTITY)
    task = measured_task("measured", verdict, ASSUMED, 100_000)
    assert set(task.ways) == open_ways
    assert task.said == verdict.decision
    assert task.volume == (100_000, 100_000)
    if "cascade" in task.ways:
        assert task.ways["cascade"].quality is not None
        assert task.ways["cascade"].calls[1] < task.ways["large"].calls[1]
