from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.core.example import Example
from sizewise.data.check import CheckedLog
from sizewise.data.repeats import repeats
from sizewise.data.tally import UNSHOWN, Tally

LookedAt = Callable[..., CheckedLog]


def test_repeated_inputs_their_contradictions_and_pairs(looked_at: LookedAt) -> None:
    rows = [
        {"input": "where is it", "answer": "a"},
        {"input": "where is it", "answer": "a"},
        {"input": "where is it", "answer": "b"},
        {"input": "WHERE IS IT?", "answer": "c"},
        {"input": "hello", "answer": "a"},
        {"input": "hello", "answer": "a"},
        {"input": "once", "answer": "b"},
        {"input": "no answer", "gold": "a"},
        {"input": "asked", "answer": ["a", "b", "a"]},
    ]
    found = repeats(looked_at(rows).facts.columns, "llm")
    exact, near, again = found["exact"], found["near"], found["asked_again"]
    assert sorted(zip(exact.times.tolist(), exact.most.tolist(), exact.alike.tolist(), strict=True)) == [
        (2, 2, 2),
        (3, 2, 2),
    ]
    assert exact.pairs == (("a", "b", 1),)
    assert sorted(near.times.tolist()) == [2, 4]
    assert set(near.pairs) == {("a", "b", 1), ("a", "c", 1), ("b", "c", 1)}
    assert (again.times.tolist(), again.most.tolist(), again.alike.tolist()) == ([3], [2], [2])


def test_nothing_repeated_is_nothing(looked_at: LookedAt) -> None:
    assert not repeats(looked_at([{"input": "one", "gold": "a"}, {"input": "two", "gold": "a"}]).facts.columns, "gold")


@given(st.lists(st.tuples(st.integers(0, 6), st.sampled_from([None, "a", "b", "c"])), min_size=1, max_size=60))
def test_counts_are_those_of_a_plain_count(drawn: list[tuple[int, str | None]]) -> None:
    said: defaultdict[str, list[str]] = defaultdict(list)
    for number, answer in drawn:
        if answer is not None:
            said["x" * number].append(answer)
    examples = [Example(str(i), "x" * n, answer=a) for i, (n, a) in enumerate(drawn)]
    found = repeats(Tally(examples).columns(), "llm").get("exact")
    expected = sorted((len(s), max(map(s.count, set(s)))) for s in said.values() if len(s) > 1)
    assert (sorted(zip(found.times.tolist(), found.most.tolist(), strict=True)) if found else []) == expected


def test_long_answers_are_told_apart_and_their_texts_kept_within_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = [f"a long answer that quotes its input, number {i}, and goes on " + "x" * 80 for i in (1, 2, 3)]
    answers = [texts[0], texts[1], texts[0], texts[2], texts[2], "short"]
    examples = [Example(str(i), str(i), answer=a) for i, a in enumerate(answers)]
    columns = Tally(examples).columns()
    assert columns.answers.tolist() == [0, 1, 0, 2, 2, 3]
    assert columns.labels == (*texts, "short")
    monkeypatch.setattr("sizewise.data.tally.MOST_TEXT", 200)
    bounded = Tally(examples).columns()
    assert bounded.answers.tolist() == columns.answers.tolist()
    assert bounded.labels == (texts[0], UNSHOWN, UNSHOWN, "short")
