from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from sizewise.core.task import Bar
from sizewise.stages.choice import choose

from .contestants import contestant

N = 2_000


def right(share: float, seed: int | None = None) -> NDArray[np.bool_]:
    """Right on that share of train: the same rows for everybody, or by a draw of one's own."""
    if seed is None:
        return np.arange(N) < share * N
    return np.random.default_rng(seed).random(N) < share


def chosen(*rungs: tuple[str, float], bar: Bar | None = None) -> str:
    contestants = [contestant(name, right(share)) for name, share in rungs]
    return choose(contestants, "gold", bar or Bar(), 0).chosen.name


def test_the_smallest_within_a_point_is_chosen() -> None:
    assert chosen(("majority", 0.3), ("keywords", 0.905), ("encoder", 0.91)) == "keywords"
    assert chosen(("majority", 0.91), ("keywords", 0.91), ("encoder", 0.91)) == "majority"


def test_two_points_behind_is_not_as_good() -> None:
    assert chosen(("majority", 0.3), ("keywords", 0.89), ("encoder", 0.91)) == "encoder"


def test_a_smaller_rung_may_be_the_best() -> None:
    assert chosen(("majority", 0.3), ("keywords", 0.93), ("encoder", 0.91)) == "keywords"


def test_not_significantly_worse_is_not_as_good() -> None:
    """Half a point behind on the same share of rows, but on other rows: the lower bound decides, not the mean."""
    keywords, encoder = contestant("keywords", right(0.80, 1)), contestant("encoder", right(0.805, 2))
    found = choose([keywords, encoder], "gold", Bar(), 0)
    assert found.scores["keywords"].difference_low < -0.01
    assert found.chosen.name == "encoder"


def test_differences_are_paired() -> None:
    """On the same rows, rung against rung, half a point is measured closely; by themselves they are not."""
    found = choose([contestant("keywords", right(0.8)), contestant("encoder", right(0.803))], "gold", Bar(), 0)
    score = found.scores["keywords"].score
    assert score.low is not None
    assert found.scores["keywords"].difference == pytest.approx(-0.003)
    assert found.scores["keywords"].difference_low > -0.01
    assert score.value - score.low > 0.01


def test_a_rung_judged_on_a_sample_must_beat_every_smaller_one_there() -> None:
    """The chosen one is smaller than the best of all: to be better than it alone would make the dearest rung the choice."""
    rows = np.arange(0, N, 4)
    encoder, tuned = contestant("encoder", right(0.905)), contestant("encoder-tuned", right(0.911))
    for share, wanted in ((0.9115, "encoder"), (0.93, "slm-tuned")):
        dear = replace(contestant("slm-tuned", right(share)[rows]), rows=rows)
        found = choose([encoder, tuned, dear], "gold", Bar(), 0)
        assert found.chosen.name == wanted
        there = found.scores["slm-tuned"]
        assert there.difference == pytest.approx(float(right(share)[rows].mean() - right(0.911)[rows].mean()))
        assert there.score.n == len(rows)


def test_scores_are_shares_with_their_interval() -> None:
    found = choose([contestant("keywords", right(0.8))], "gold", Bar(), 0)
    out = found.scores["keywords"]
    assert (out.metric, out.score.value, out.score.n) == ("accuracy", 0.8, N)
    assert out.difference == out.difference_low == 0
    half = 1.96 * (0.8 * 0.2 / N) ** 0.5
    assert out.score.low == pytest.approx(0.8 - half, abs=0.004)
    assert out.score.high == pytest.approx(0.8 + half, abs=0.004)


def test_under_the_llm_coverage_at_the_target_decides() -> None:
    """Less often right, but it knows when: 900 of 2,000 rows wrong, all of them last."""
    knows = contestant("keywords", right(0.55), np.linspace(1, 0, N))
    guesses = contestant("encoder", right(0.9), np.where(right(0.9), 0.5, 0.6))
    found = choose([knows, guesses], "llm", Bar(), 0)
    assert found.chosen.name == "keywords"
    assert found.scores["keywords"].metric == "coverage"
    assert found.scores["keywords"].score.value == pytest.approx(0.55 + 0.03, abs=1e-3)
    assert found.scores["encoder"].score.value == 0


@pytest.mark.parametrize("target", [0.9, 0.97])
def test_coverage_is_the_most_that_one_threshold_can_answer(target: float) -> None:
    random = np.random.default_rng(4)
    confidence = random.integers(0, 40, N) / 40
    hits = random.random(N) < 0.6 + 0.4 * confidence
    found = choose([contestant("keywords", hits, confidence)], "llm", Bar(target=target), 0)
    possible = [
        (confidence >= t).mean() for t in np.unique(confidence) if ((confidence >= t) & ~hits).mean() <= 1 - target
    ]
    assert found.scores["keywords"].score.value == pytest.approx(max(possible, default=0.0), abs=1e-6)


def test_equal_confidences_are_answered_together_or_not_at_all() -> None:
    """``majority`` is as sure of every row: its first rows being right by chance is no coverage."""
    found = choose([contestant("majority", right(0.5)), contestant("keywords", right(0.99))], "llm", Bar(), 0)
    assert found.scores["majority"].score.value == 0.0
    assert found.scores["keywords"].score.value == 1.0


def test_rungs_beyond_the_limit_are_passed_over() -> None:
    fast = contestant("keywords", right(0.8), p95=2.0, memory=100)
    slow = contestant("encoder", right(0.95), p95=20.0, memory=400)
    assert choose([fast, slow], "gold", Bar(), 0).chosen.name == "encoder"
    assert choose([fast, slow], "gold", Bar(latency_p95_ms=5), 0).chosen.name == "keywords"
    assert choose([fast, slow], "gold", Bar(memory_mb=200), 0).chosen.name == "keywords"
    found = choose([fast, slow], "gold", Bar(memory_mb=200), 0)
    assert found.scores["encoder"].difference > 0, "what was passed over is still measured"


def test_latency_is_held_against_its_upper_end() -> None:
    fast, slow = contestant("keywords", right(0.8)), contestant("encoder", right(0.95), p95=10.0)
    assert choose([fast, slow], "gold", Bar(latency_p95_ms=10.5), 0).chosen.name == "keywords"
    assert choose([fast, slow], "gold", Bar(latency_p95_ms=11.5), 0).chosen.name == "encoder"


def test_where_none_keeps_the_limit_the_best_is_chosen_all_the_same() -> None:
    fast, slow = contestant("keywords", right(0.8)), contestant("encoder", right(0.95))
    assert choose([fast, slow], "gold", Bar(latency_p95_ms=0.1), 0).chosen.name == "encoder"


def test_the_same_seed_gives_the_same_choice() -> None:
    rungs = [contestant("keywords", right(0.8, 1)), contestant("encoder", right(0.8, 2))]
    assert choose(rungs, "gold", Bar(), 5).scores == choose(rungs, "gold", Bar(), 5).scores
