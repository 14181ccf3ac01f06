from __future__ import annotations

import numpy as np
import pytest

from sizewise.core.example import Train
from sizewise.stages.audit import audit, doubt, wrong_share

LABELS = ("a", "b", "c")
ROWS = 600


def noisy(share: float, seed: int = 0) -> tuple[Train, np.ndarray, np.ndarray]:
    """Rows whose probabilities know the truth nearly always, and of whose labels a share was flipped."""
    random = np.random.default_rng(seed)
    truth = random.integers(0, 3, ROWS)
    probabilities = random.dirichlet([0.3, 0.3, 0.3], ROWS) * 0.2
    probabilities[np.arange(ROWS), truth] += 0.8
    rows = random.choice(ROWS, round(share * ROWS), replace=False)
    given = truth.copy()
    given[rows] = (truth[rows] + random.integers(1, 3, len(rows))) % 3
    train = Train(
        ids=tuple(f"r{i}" for i in range(ROWS)),
        inputs=tuple(map(str, range(ROWS))),
        targets=tuple(LABELS[i] for i in given),
        groups=tuple(range(ROWS)),
        labels=LABELS,
    )
    return train, probabilities, rows


@pytest.mark.parametrize("share", [0.05, 0.2])
def test_flipped_labels_are_suspected_and_what_they_were_is_suggested(share: float) -> None:
    train, probabilities, rows = noisy(share)
    found = doubt(train, probabilities)
    assert set(found.rows) <= set(rows)
    assert len(found.rows) >= 0.7 * len(rows)
    assert all(np.diff(found.scores) >= 0)
    truth = probabilities.argmax(axis=1)
    assert (truth[found.rows] == found.suggested).all()


def test_the_share_of_wrong_labels_is_estimated_with_an_interval_that_holds_it() -> None:
    for share in (0.0, 0.05, 0.2):
        train, probabilities, _ = noisy(share)
        given = np.array([LABELS.index(t) for t in train.targets])
        wrong = wrong_share(given, probabilities, seed=0)
        assert wrong is not None
        assert wrong.n == ROWS
        assert (wrong.low or 0) - 0.01 <= share <= (wrong.high or 0) + 0.01
        assert wrong.low is not None
        assert wrong.high is not None
        assert wrong.low < wrong.high  # also where no row looks wrong: that none was seen does not prove none
        assert wrong == wrong_share(given, probabilities, seed=0)


def test_an_audit_names_ids_labels_and_counts_but_no_text() -> None:
    train, probabilities, rows = noisy(0.1)
    slices = {f"r{i}": "north" if i % 2 else "south" for i in range(ROWS)} | {"r1": "tiny"}
    told = audit("keywords", probabilities, train, slices, "llm", seed=0)
    assert 0.7 * len(rows) <= told.suspected <= len(rows)
    assert {s.id for s in told.worst} <= {f"r{i}" for i in rows}
    assert all(s.given != s.suggested and 0 <= s.score <= 0.5 for s in told.worst)
    assert sum(p.count for p in told.confused) == told.suspected
    assert [(s.name, s.rows) for s in sorted(told.slices, key=lambda s: s.name)] == [("north", 299), ("south", 300)]
    assert told.overall is not None
    assert told.overall.value == pytest.approx(0.9)
    assert told.reference == "llm"


def test_clean_labels_are_hardly_doubted() -> None:
    train, probabilities, _ = noisy(0.0)
    told = audit("keywords", probabilities, train, {}, "gold", seed=0)
    assert told.suspected == 0
    assert not told.worst
    assert not told.confused
    assert not told.slices


def test_a_rung_that_is_seldom_right_doubts_no_label() -> None:
    train, probabilities, _ = noisy(0.5)
    told = audit("keywords", probabilities, train, {}, "gold", seed=0)
    assert not told.judged
    assert told.suspected == 0
    assert told.wrong is None
    assert not told.worst
    assert told.overall is not None
