from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from sizewise.evaluate.macro_f1 import macro_f1

labels = st.sampled_from(["a", "b", "где", "✓"])
rows = st.lists(st.tuples(labels, st.one_of(st.none(), labels, st.just("unknown"))), min_size=1, max_size=60)


@given(rows)
def test_value_is_scikit_learns(pairs: list[tuple[str, str | None]]) -> None:
    references, answers = [r for r, _ in pairs], [a for _, a in pairs]
    measured = macro_f1(references, answers)
    assert measured is not None
    expected = f1_score(
        references, [a or "(none)" for a in answers], labels=sorted(set(references)), average="macro", zero_division=0
    )
    assert measured.value == pytest.approx(expected, abs=1e-12)
    assert measured.n == len(pairs)


@given(rows)
def test_interval_holds_the_value(pairs: list[tuple[str, str | None]]) -> None:
    measured = macro_f1([r for r, _ in pairs], [a for _, a in pairs])
    assert measured is not None
    if len(pairs) == 1:
        assert measured.low is None
        assert measured.high is None
    else:
        assert measured.low is not None
        assert measured.high is not None
        assert 0 <= measured.low <= measured.value <= measured.high <= 1 + 1e-12


def test_interval_is_the_bootstraps() -> None:
    random = np.random.default_rng(0)
    references = random.choice(["a", "b", "c"], 200)
    answers = np.where(random.random(200) < 0.8, references, "a")
    measured = macro_f1(references.tolist(), answers.tolist())
    assert measured is not None
    drawn = []
    for _ in range(400):
        rows = random.integers(0, 200, 200)
        drawn.append(f1_score(references[rows], answers[rows], average="macro", zero_division=0))
    low, high = np.quantile(drawn, [0.025, 0.975])
    assert measured.low == pytest.approx(low, abs=0.02)
    assert measured.high == pytest.approx(high, abs=0.02)


def test_no_rows_and_same_seed() -> None:
    assert macro_f1([], []) is None
    references, answers = ["a", "b"] * 20, ["a", "a"] * 20
    assert macro_f1(references, answers, 3) == macro_f1(references, answers, 3)
