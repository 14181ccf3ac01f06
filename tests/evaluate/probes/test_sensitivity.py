from __future__ import annotations

import pytest

from sizewise.core.wording import Wording
from sizewise.evaluate.probes.sensitivity import accuracy_spread, any_change, mean_change, probes
from sizewise.evaluate.probes.wordings import FRAMES, frames, rewordings

BEFORE: list[str | None] = ["a", "b", "a", None]
AFTER: dict[str, list[str | None]] = {
    "one": ["a", "a", "a", "a"],
    "two": ["b", "b", "a", "a"],
    "none": [None, None, None, None],
}


def test_changes_are_counted_on_the_rows_that_were_asked_and_answered() -> None:
    asked = {"one": [True] * 4, "two": [True, True, False, True], "none": [True] * 4}
    found = {probe.name: probe for probe in probes(BEFORE, AFTER, ["a", "b", None, "a"], asked)}
    assert set(found) == {"one", "two"}
    assert found["one"].changed.value == pytest.approx(1 / 3)
    assert found["one"].changed.n == 3
    assert (found["two"].changed.value, found["two"].changed.n) == (0.5, 2)
    accuracy, before = found["two"].accuracy, found["two"].accuracy_before
    assert accuracy is not None
    assert before is not None
    assert (accuracy.value, before.value, accuracy.n) == (0.5, 1.0, 2)


def test_any_and_mean() -> None:
    once = any_change(BEFORE, AFTER)
    assert once is not None
    assert once.value == pytest.approx(2 / 3)
    assert once.n == 3
    found = mean_change(BEFORE, AFTER)
    assert found is not None
    assert found.value == pytest.approx((0.5 + 0.5 + 0.0) / 3)
    assert mean_change([None], {"one": ["a"]}) is None


def test_the_spread_of_accuracy_has_its_interval() -> None:
    before = ["a", "b"] * 20
    after: dict[str, list[str | None]] = {"worse": ["a", "a"] * 20, "better": ["a", "b"] * 20}
    spread = accuracy_spread(before, after, ["a", "b"] * 20)
    assert spread is not None
    assert (spread.value, spread.n) == (0.5, 40)
    assert spread.low is not None
    assert spread.high is not None
    assert 0.3 < spread.low < 0.5 < spread.high < 0.7
    unanswered = {"worse": [None, *after["worse"][1:]]}
    told = accuracy_spread(before, unanswered, [None, "b", *before[2:]])
    assert told is not None
    assert told.n == 39, "a row counts where it has a reference and every wording an answer"
    assert accuracy_spread(before, {}, before) is None
    assert accuracy_spread(before, after, [None] * 40) is None


def test_there_are_eight_rewordings_and_the_persons_own() -> None:
    base = Wording()
    made = rewordings(base, ["Sort the mail."])
    assert len(made) >= 9
    assert len(set(made.values()) | {base}) == len(made) + 1
    assert made["own_1"].instructions == "Sort the mail."


def test_frames_hold_the_task_and_every_label_once() -> None:
    made = frames("Sort the mail.", ("x", "y", "z"), seed=1, own=["Order the post."])
    assert len(made) == len(FRAMES) + 3
    for name, (frame, order) in made.items():
        assert frame.count("{labels}") == 1, name
        assert "{task}" not in frame
        assert sorted(order) == ["x", "y", "z"]
    assert made["reversed"][1] == ("z", "y", "x")
