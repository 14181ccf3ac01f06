"""Several tasks at once: the arithmetic of mixtures, and what is said of them."""

from __future__ import annotations

import itertools
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.advice.costs import read_assumptions
from sizewise.advice.portfolio import (
    WAYS,
    PortfolioTask,
    advised_task,
    mixture,
    portfolio,
    read_portfolio,
)
from sizewise.advice.portfolio_view import portfolio_page, portfolio_summary
from sizewise.advice.rules import LANGUAGES, Language, read_rules
from sizewise.core.errors import InputError, TaskError

from .answer_sets import random_answers
from .test_cases import CASES

RULES, ASSUMED = read_rules(), read_assumptions()


def tasks(seeds: list[int]) -> list[PortfolioTask]:
    return [advised_task(f"task {i}", random_answers(RULES, seed), RULES, ASSUMED) for i, seed in enumerate(seeds)]


def case(name: str) -> PortfolioTask:
    return advised_task(name, CASES[name]["answers"], RULES, ASSUMED)


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=5))
def test_the_cheapest_mixture_is_the_cheapest_of_all(seeds: list[int]) -> None:
    listed = tasks(seeds)
    found = portfolio(listed, ASSUMED)
    every = [
        mixture(listed, ways, ASSUMED)
        for ways in itertools.product(*[[w for w in WAYS if w in task.ways] for task in listed])
    ]
    assert found.enumerated == len(every)
    assert found.cheapest.middle == pytest.approx(min(m.middle for m in every))
    assert found.cheapest.middle <= min(m.middle for m in found.path) + 1e-6
    assert found.path[0].ways == ("large",) * len(listed)
    assert len(found.path) == 1 + len(found.moved) == 1 + sum(len(task.ways) > 1 for task in listed)


@given(st.lists(st.integers(0, 1_000_000), min_size=1, max_size=4), st.sampled_from(LANGUAGES))
def test_every_mixture_is_shown_as_a_range_in_both_languages(seeds: list[int], lang: Language) -> None:
    found = portfolio(tasks(seeds), ASSUMED)
    text, page = portfolio_summary(found, ASSUMED, lang), portfolio_page(found, ASSUMED, lang)
    assert page.count("<svg") == len(found.path) + 2
    for low, high in (m.money for m in found.path):
        assert 0 < low <= high
    assert "{" not in text


def test_specialists_share_a_machine_and_tasks_a_large_models_upkeep() -> None:
    one = case("search queries to categories at an online shop")
    alone = mixture([one], ["small"], ASSUMED)
    both = mixture([one, one], ["small", "small"], ASSUMED)
    assert both.machines == alone.machines
    assert both.hours[0] == pytest.approx(2 * alone.hours[0])
    large_alone, large_both = (mixture([one] * n, ["large"] * n, ASSUMED) for n in (1, 2))
    assert large_both.hours[0] < 2 * large_alone.hours[0]


def test_one_model_for_all_wins_where_there_is_little_to_save() -> None:
    small_fry = [case("an assistant for everything, 500 requests a month"), case("marketing texts")]
    assert portfolio(small_fry, ASSUMED).one_model_wins
    busy = [case("search queries to categories at an online shop"), case("marketing texts")]
    found = portfolio(busy, ASSUMED)
    assert not found.one_model_wins
    assert found.moved[0] == "search queries to categories at an online shop"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "lists its tasks"),
        ("tasks = 3", "lists its tasks"),
        ("[[tasks]]\nrun = 'x'", "a name of its own"),
        ("[[tasks]]\nname = 'a'\nanswers = {}\n[[tasks]]\nname = 'a'\nanswers = {}", "a name of its own"),
        ("[[tasks]]\nname = 'a'", "needs one of run, questionnaire and answers"),
        ("[[tasks]]\nname = 'a'\nanswers = {}\nrun = 'b'", "needs one of run, questionnaire and answers"),
        ("[[tasks]]\nname = 'a'\nrunn = 'b'", "there is no key 'runn'"),
        ("[[tasks]]\nname = 'a'\nanswers = { field = 'wide' }", "field = 'wide'"),
        ("[[tasks]]\nname = 'a'\nquestionnaire = 'none.toml'", "no questionnaire"),
        ("[[tasks]]\nname = 'a'\nrun = 'none'", "none"),
        ("[[", "is no portfolio"),
    ],
)
def test_a_wrong_portfolio_is_refused_in_one_message(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "портфель.toml"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_portfolio(file, RULES, ASSUMED)
    assert said in str(caught.value)
    with pytest.raises(TaskError, match="no portfolio"):
        read_portfolio(tmp_path / "missing.toml", RULES, ASSUMED)


def test_names_cannot_break_the_page_or_the_terminal(tmp_path: Path) -> None:
    name = "<script>alert(1)</script>\x1b[31m\u202e" + "x" * 10_000
    found = portfolio([advised_task(name, {"volume": 10.0}, RULES, ASSUMED)], ASSUMED)
    page, text = portfolio_page(found, ASSUMED), portfolio_summary(found, ASSUMED)
    assert "<script" not in page
    assert "\x1b" not in page + text
    assert "\u202e" not in page + text
    assert max(map(len, text.splitlines())) < 200


def test_more_than_eight_tasks_are_walked_one_at_a_time() -> None:
    found = portfolio(tasks(list(range(12))), ASSUMED)
    assert found.enumerated == len(found.path)
    assert found.cheapest in found.path
