"""The interval that may be looked at after every observation: it covers at all times at once, and it narrows."""

from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.evaluate.confidence_sequence import sequence


@pytest.mark.parametrize("share", [0.5, 0.9, 0.97, 0.995])
def test_it_covers_at_every_look_at_once(share: float) -> None:
    """Whoever looks after each of 1,500 observations and stops at the worst is wrong at most delta of the time.

    400 streams at delta 0.1: at most 40 are expected to leave the interval ever; 60 would be a fault (more than three
    standard errors beyond). A fixed-sample interval at that delta leaves at some look in far more than half of them.
    """
    draw = random.Random(int(share * 1_000))
    missed = 0
    looks = sorted({*range(1, 60), *(int(1.04**k) for k in range(104, 187))})
    for _ in range(400):
        successes, seen, left = 0, 0, False
        for look in looks:
            successes += sum(draw.random() < share for _ in range(look - seen))
            seen = look
            low, high = sequence(successes, look, 0.1)
            left = left or not low <= share <= high
        missed += left
    assert missed <= 58


def test_a_fixed_interval_would_not() -> None:
    """The same looks at a 90 % Clopper-Pearson interval miss much more often: the simulation above can fail."""
    from sizewise.evaluate.intervals import lower_share, upper_share

    draw, missed = random.Random(5), 0
    looks = sorted({*range(20, 60), *(int(1.08**k) for k in range(53, 95))})
    for _ in range(60):
        successes, seen, left = 0, 0, False
        for look in looks:
            successes += sum(draw.random() < 0.9 for _ in range(look - seen))
            seen = look
            low, high = lower_share(successes, look, 0.05), upper_share(successes, look, 0.05)
            left = left or not low <= 0.9 <= high
        missed += left
    assert missed > 12


@given(st.integers(0, 5_000), st.integers(0, 5_000), st.sampled_from([0.01, 0.05, 0.2]))
def test_it_holds_what_was_seen(successes: int, failures: int, delta: float) -> None:
    n = successes + failures
    low, high = sequence(successes, n, delta)
    assert 0 <= low <= (successes / n if n else 0.5) <= high <= 1
    mirrored = sequence(failures, n, delta)
    assert low == pytest.approx(1 - mirrored[1], abs=1e-9)


def test_it_narrows() -> None:
    widths = [high - low for low, high in (sequence(97 * n, 100 * n) for n in (1, 10, 100, 1_000))]
    assert widths == sorted(widths, reverse=True)
    assert widths[-1] < 0.005


def test_a_million_observations_are_no_trouble() -> None:
    low, high = sequence(970_000, 1_000_000)
    assert 0.969 < low < 0.97 < high < 0.971


@pytest.mark.parametrize(("successes", "n", "delta"), [(-1, 5, 0.05), (6, 5, 0.05), (1, 5, 0.0), (1, 5, 1.0)])
def test_counts_that_cannot_be_are_refused(successes: int, n: int, delta: float) -> None:
    with pytest.raises(ValueError, match="make no interval"):
        sequence(successes, n, delta)
