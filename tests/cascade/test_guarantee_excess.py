from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from sizewise.cascade.guarantee import certify_excess, excess_bounds, from_the_surest

Floats = NDArray[np.float64]
NOTHING = np.zeros(0)
losses = st.lists(st.sampled_from([-1.0, 0.0, 0.0, 0.0, 1.0]), min_size=2, max_size=80)


def draw(random: np.random.Generator, n: int, lost: float, won: float) -> Floats:
    """Losses of 1 with probability ``lost``, −1 with probability ``won``, else 0."""
    return random.choice([1.0, -1.0, 0.0], n, p=[lost, won, 1 - lost - won])


@pytest.mark.parametrize(("n", "lost", "won"), [(400, 0.1, 0.05), (300, 0.08, 0.0), (300, 0.25, 0.2)])
def test_the_promise_is_broken_no_more_often_than_delta(n: int, lost: float, won: float) -> None:
    """The true excess lies on the limit: to certify it is to break the promise."""
    random = np.random.default_rng(5)
    draws, delta, limit = 2_000, 0.05, lost - won
    broken = 0
    for seed in range(draws):
        found = certify_excess(np.ones(n), draw(random, n, lost, won), NOTHING, limit, delta, seed=seed)
        broken += found.threshold is not None
    assert broken <= draws * delta + 3 * (draws * delta * (1 - delta)) ** 0.5


def test_a_grid_that_is_walked_breaks_it_no_more_often() -> None:
    """Excess rises past the limit at one threshold and falls again: whoever searched would be fooled."""
    random = np.random.default_rng(6)
    draws, delta, limit, n = 600, 0.05, 0.05, 500
    grid = np.linspace(0.1, 0.9, 9)
    broken = 0
    for seed in range(draws):
        confidence = random.random(n)
        excess = draw(random, n, 0.2, 0.1) * (confidence > 0.5) - draw(random, n, 0.1, 0.0) * (confidence <= 0.5)
        threshold = certify_excess(confidence, excess, grid, limit, delta, seed=seed).threshold
        if threshold is not None:
            above, below = 1 - max(threshold, 0.5), max(0.5 - threshold, 0.0)
            broken += 0.1 * above - 0.1 * below >= limit - 1e-12
    assert broken <= draws * delta + 3 * (draws * delta * (1 - delta)) ** 0.5


def test_an_easy_case_is_certified() -> None:
    random = np.random.default_rng(7)
    found = [certify_excess(np.ones(1_000), draw(random, 1_000, 0.01, 0.08), NOTHING, 0.01, 0.05) for _ in range(50)]
    assert all(c.threshold == 0.0 for c in found)
    assert all(c.bound is not None and c.bound <= 0.01 for c in found)


def test_a_system_that_never_differs_needs_some_380_rows() -> None:
    def certified(n: int) -> bool:
        return certify_excess(np.ones(n), np.zeros(n), NOTHING, 0.01, 0.05).threshold is not None

    assert not certified(298)
    assert certified(400)


@settings(max_examples=60, deadline=None)
@given(losses, st.sampled_from([0.02, 0.1, 0.3]), st.sampled_from([0.05, 0.3]))
def test_bound_and_decision_agree(values: list[float], limit: float, delta: float) -> None:
    excess = np.array(values)
    found = certify_excess(np.ones(len(values)), excess, NOTHING, limit, delta)
    if found.threshold is None:
        assert found.bound is None
        assert found.bound_answering_all >= limit - 2e-4
    else:
        assert found.bound == found.bound_answering_all
        assert found.bound_answering_all <= limit + 2e-4


@settings(max_examples=60, deadline=None)
@given(losses)
def test_every_mean_above_the_bound_is_rejected(values: list[float]) -> None:
    excess = np.array(values)
    bound = certify_excess(np.ones(len(values)), excess, NOTHING, 0.01, 0.05).bound_answering_all
    for limit in np.arange(bound + 2e-3, 0.98, 0.04):
        assert certify_excess(np.ones(len(values)), excess, NOTHING, float(limit), 0.05).threshold == 0.0


@settings(max_examples=40, deadline=None)
@given(st.integers(50, 400), st.floats(0, 0.3), st.floats(0, 0.3), st.integers(0, 1_000))
def test_bound_lies_above_the_mean(n: int, lost: float, won: float, seed: int) -> None:
    excess = draw(np.random.default_rng(seed), n, lost, won)
    bound = excess_bounds(np.ones(n), excess, np.array([0.0]), 0.05)[0]
    assert excess.mean() <= bound <= 1.0


@pytest.mark.parametrize(("lost", "won"), [(0.01, 0.01), (0.03, 0.0), (0.0, 0.0)])
def test_bound_is_tighter_than_hoeffdings_where_little_varies(lost: float, won: float) -> None:
    n, delta = 1_500, 0.05
    excess = draw(np.random.default_rng(8), n, lost, won)
    hoeffding = excess.mean() + 2 * np.sqrt(np.log(1 / delta) / (2 * n))
    assert (
        excess_bounds(np.ones(n), excess, np.array([0.0]), delta)[0] < excess.mean() + (hoeffding - excess.mean()) / 2
    )


def test_testing_stops_at_the_first_threshold_that_is_not_rejected() -> None:
    """At 0.6 the excess is bad; all below it is so good that everything together would pass by itself."""
    confidence = np.repeat([0.9, 0.6, 0.3], [1_000, 300, 1_500])
    excess = np.repeat([0.0, 1.0, -1.0], [1_000, 300, 1_500])
    alone = certify_excess(confidence, excess, NOTHING, 0.01, 0.05)
    walked = certify_excess(confidence, excess, np.array([0.3, 0.6, 0.9]), 0.01, 0.05)
    assert alone.threshold == 0.0
    assert walked.threshold == 0.9
    assert walked.bound_answering_all <= 0.01


def test_grid_order_and_repeats_do_not_matter() -> None:
    random = np.random.default_rng(9)
    confidence = random.random(800)
    excess = draw(random, 800, 0.3, 0.0) * (confidence < 0.4)
    one = certify_excess(confidence, excess, np.array([0.2, 0.5, 0.8]), 0.01, 0.05)
    two = certify_excess(confidence, excess, np.array([0.8, 0.2, 0.5, 0.5]), 0.01, 0.05)
    assert one == two
    assert one.threshold in (0.5, 0.8)


def test_a_threshold_is_one_of_the_grid_or_zero() -> None:
    random = np.random.default_rng(10)
    for seed in range(20):
        confidence = random.random(500)
        excess = draw(random, 500, 0.1, 0.05) * (confidence < random.random())
        grid = np.array([0.2, 0.4, 0.6, 0.8])
        assert certify_excess(confidence, excess, grid, 0.02, 0.05, seed=seed).threshold in (
            None,
            0.0,
            0.2,
            0.4,
            0.6,
            0.8,
        )


def test_same_seed_same_certificate() -> None:
    random = np.random.default_rng(11)
    confidence, excess = random.random(400), draw(random, 400, 0.05, 0.05)
    grid = np.quantile(confidence, np.linspace(0, 1, 20, endpoint=False))
    assert certify_excess(confidence, excess, grid, 0.05, 0.05, seed=3) == certify_excess(
        confidence, excess, grid, 0.05, 0.05, seed=3
    )


def test_no_rows_certify_nothing() -> None:
    found = certify_excess(NOTHING, NOTHING, np.array([0.5]), 0.01, 0.05)
    assert found.threshold is None
    assert found.bound_answering_all == 1.0


def test_copied_rows_buy_nothing() -> None:
    groups = np.arange(1_000) % 100
    ungrouped = certify_excess(np.ones(1_000), np.zeros(1_000), NOTHING, 0.01, 0.05)
    grouped = certify_excess(np.ones(1_000), np.zeros(1_000), NOTHING, 0.01, 0.05, groups)
    assert ungrouped.threshold == 0.0
    assert ungrouped.status == "exact"
    assert grouped.threshold is None
    assert grouped.status == "approximate"
    assert (grouped.n_rows, grouped.n_groups) == (1_000, 100)


def test_groups_of_one_are_rows() -> None:
    random = np.random.default_rng(12)
    excess = draw(random, 500, 0.02, 0.05)
    groups = np.arange(500)
    assert certify_excess(np.ones(500), excess, NOTHING, 0.05, 0.05) == certify_excess(
        np.ones(500), excess, NOTHING, 0.05, 0.05, groups
    )


def test_groups_keep_the_promise() -> None:
    """Whole groups are right or wrong together: 150 groups of 4 rows carry no more than 150 draws."""
    random = np.random.default_rng(13)
    draws, delta = 1_000, 0.05
    broken = 0
    for seed in range(draws):
        excess = np.repeat(draw(random, 150, 0.2, 0.1), 4)
        groups = np.repeat(np.arange(150), 4)
        broken += certify_excess(np.ones(600), excess, NOTHING, 0.1, delta, groups, seed).threshold is not None
    assert broken <= draws * delta + 3 * (draws * delta * (1 - delta)) ** 0.5


STEPS = np.linspace(0.0, 0.99, 100)


def sure_and_lost(random: np.random.Generator, n: int, lost: float, won: float) -> tuple[Floats, Floats]:
    """Confidence and losses; what is won or lost is spread over every confidence."""
    return random.random(n), draw(random, n, lost, won)


def test_a_model_far_better_than_the_llm_is_certified_on_few_rows() -> None:
    """From the safest threshold down it would take some four hundred rows, however much better the model is."""
    random = np.random.default_rng(11)
    tested = from_the_surest(STEPS, *sure_and_lost(random, 800, 0.02, 0.25), 0.01)
    assert tested.max() < 0.3
    for seed in range(20):
        sure, lost = sure_and_lost(random, 150, 0.02, 0.25)
        assert certify_excess(sure, lost, tested, 0.01, 0.05, seed=seed).threshold == 0.0
        assert certify_excess(sure, lost, STEPS, 0.01, 0.05, seed=seed).threshold is None


@pytest.mark.parametrize(("lost", "won"), [(0.0, 0.0), (0.05, 0.05), (0.1, 0.0)])
def test_a_model_that_is_no_better_is_tested_from_the_safest_threshold(lost: float, won: float) -> None:
    found = from_the_surest(STEPS, *sure_and_lost(np.random.default_rng(12), 2_000, lost, won), 0.01)
    assert found.tolist() == STEPS.tolist()
    assert from_the_surest(NOTHING, NOTHING, NOTHING, 0.01).tolist() == []
    assert from_the_surest(STEPS, NOTHING, NOTHING, 0.01).tolist() == STEPS.tolist()


def test_beginning_where_train_is_surest_breaks_the_promise_no_more_often() -> None:
    """The excess lies on the limit from 0.5 up and beyond it below; train, which is another draw, says where to begin."""
    random = np.random.default_rng(13)
    draws, delta, limit, n, steps = 300, 0.05, 0.05, 300, STEPS[::10]
    broken = moved = 0
    for seed in range(draws):
        (train_sure, train_lost), (sure, lost) = (
            sure_and_lost(random, size, 0.3, 0.25) for size in (60, n)
        )  # so few rows of train that chance alone moves the beginning
        tested = from_the_surest(steps, train_sure, train_lost, limit)
        moved += len(tested) < len(steps)
        threshold = certify_excess(sure, lost, tested, limit, delta, seed=seed).threshold
        broken += threshold == 0.0  # answering all: exactly on the limit
    assert moved > draws / 4
    assert broken <= draws * delta + 3 * (draws * delta * (1 - delta)) ** 0.5
