from __future__ import annotations

import numpy as np
import pytest

from sizewise.evaluate.paired import paired


def rows(both: int, first: int, second: int, neither: int) -> tuple[np.ndarray, np.ndarray]:
    one = np.repeat([True, True, False, False], [both, first, second, neither])
    other = np.repeat([True, False, True, False], [both, first, second, neither])
    return one, other


@pytest.mark.parametrize("counts", [(43, 0, 1, 0), (60, 12, 5, 23), (10, 8, 1, 5), (0, 3, 4, 90)])
def test_the_interval_ends_where_the_score_is_1_96(counts: tuple[int, int, int, int]) -> None:
    """The share of the rows that the other alone has is found here by searching the likelihood, not by the formula."""
    _, first, second, _ = counts
    n = sum(counts)
    found = paired(*rows(*counts))
    assert found is not None
    for end, score in ((found.difference.low, 1.96), (found.difference.high, -1.96)):
        assert end is not None
        shares = np.linspace(max(0.0, -end), (1 - end) / 2, 400_001)[1:-1]
        with np.errstate(divide="ignore", invalid="ignore"):
            likelihood = (
                np.where(first, first * np.log(shares + end), 0) + np.where(second, second * np.log(shares), 0)
                + np.where(n - first - second, (n - first - second) * np.log(1 - 2 * shares - end), 0)
            )  # fmt: skip
        share = shares[np.nanargmax(likelihood)]
        spread = n * (2 * share + end - end**2)
        assert (first - second - n * end) / np.sqrt(spread) == pytest.approx(score, abs=0.01)


def test_mcnemar_is_exact() -> None:
    found = paired(*rows(10, 8, 1, 5))
    assert found is not None
    assert found.p_value == pytest.approx(2 * (1 + 9) / 2**9)
    assert (found.only_one, found.only_other) == (8, 1)


def test_no_difference_has_an_interval_all_the_same() -> None:
    found = paired(*rows(30, 0, 0, 10))
    assert found is not None
    assert found.difference.value == 0
    assert found.difference.low is not None
    assert found.difference.high is not None
    assert -0.12 < found.difference.low < 0 < found.difference.high < 0.12
    assert paired(*rows(0, 0, 0, 0)) is None
    every = paired(*rows(0, 9, 0, 0))
    assert every is not None
    assert every.difference.value == every.difference.high == 1.0


def test_the_interval_covers_as_it_should() -> None:
    """2,000 draws of 200 pairs with a true difference of 0.05: near 95 % of the intervals hold it."""
    draw = np.random.default_rng(0)
    kept = 0
    for both, first, second, neither in draw.multinomial(200, [0.7, 0.12, 0.07, 0.11], size=2_000):
        found = paired(*rows(both, first, second, neither))
        assert found is not None
        assert found.difference.low is not None
        assert found.difference.high is not None
        kept += found.difference.low <= 0.05 <= found.difference.high
    assert 0.935 <= kept / 2_000 <= 0.965
