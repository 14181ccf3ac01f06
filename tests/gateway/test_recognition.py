"""Which requests are a run's, what of them is the input, and that nothing is taken for a task's that is none."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.errors import InputError
from sizewise.core.form import AnswerForm, Lead, TaskForm
from sizewise.data.prompts import fingerprint
from sizewise.gateway.recognition import Recognition
from sizewise.gateway.served_task import ServedRun

from .asking import asked
from .chat_logs import FRAME, SYSTEM, messages

Served = Callable[[str], ServedRun]


BARE = AnswerForm()


def form(lead: list[tuple[str, str]], template: str = "{input}", answer: AnswerForm | None = BARE) -> TaskForm:
    return TaskForm(rows=50, leads=(Lead(fingerprint(lead), 50),), template=template, answer=answer)


SHOP = Recognition({"shop": form([("system", SYSTEM)]), "framed": form([], FRAME)})
HEADERS: dict[str, str] = {}


@pytest.mark.parametrize(
    "text", ["where is my parcel?", "где посылка 😀", "", " \n", "x" * 200_000, "{input}", "\u0000"]
)
def test_a_prompt_is_recognised_whatever_the_input(text: str) -> None:
    found = SHOP.find(HEADERS, asked(messages(text)))
    assert found is not None
    assert (found.task, found.by, found.input, found.usual, found.passes) == ("shop", "prompt", text, True, None)


@pytest.mark.parametrize("text", ["where is it?", "два\nряда", "A customer writes:\nagain"])
def test_a_template_is_recognised_and_cut(text: str) -> None:
    found = SHOP.find(HEADERS, asked(messages(text, system=None, frame=FRAME)))
    assert found is not None
    assert (found.task, found.input) == ("framed", text)


@pytest.mark.parametrize(
    "said",
    [
        [{"role": "user", "content": "where is my parcel?"}],
        messages("hi", system=SYSTEM + " "),
        messages("hi", system="You are a poet."),
        [*messages("hi"), {"role": "assistant", "content": "delivery"}],
        [*messages("hi"), {"role": "assistant", "content": "delivery"}, {"role": "user", "content": "are you sure?"}],
        [{"role": "system", "content": SYSTEM}],
        [{"role": "user", "content": FRAME.replace("{input}", "hi") + " Please."}],
        [
            {"role": "system", "content": SYSTEM},
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]},
        ],
        [{"role": "system", "content": SYSTEM}, {"role": "tool", "content": "x", "tool_call_id": "1"}],
        [{"role": "system", "content": SYSTEM}, {"role": "user", "content": None}],
        [],
        {"role": "user"},
        None,
        "hello",
        [[]],
    ],
)
def test_what_only_resembles_is_not_recognised(said: Any) -> None:
    assert SHOP.find(HEADERS, asked(said)) is None


def test_the_same_prompt_written_otherwise_is_recognised() -> None:
    parts = [{"type": "text", "text": "where"}, {"type": "text", "text": "is it"}]
    found = SHOP.find(
        HEADERS,
        asked(
            [{"role": "developer", "content": [{"type": "text", "text": SYSTEM}]}, {"role": "user", "content": parts}]
        ),
    )
    assert found is not None
    assert found.input == "where\nis it"


def test_digits_in_the_prompt_do_not_count() -> None:
    dated = Recognition({"dated": form([("system", "Today is 2026-01-02. Sort it.")])})
    assert dated.find(HEADERS, asked(messages("x", system="Today is 2027-11-30. Sort it."))) is not None
    assert dated.find(HEADERS, asked(messages("x", system="Today is 2027-11-3. Sort it."))) is None


@pytest.mark.parametrize(
    ("headers", "model", "by"), [({}, "sizewise/shop", "name"), ({"x-sizewise-task": "shop"}, "gpt-4o-mini", "header")]
)
def test_a_named_task_takes_a_bare_message(headers: dict[str, str], model: str, by: str) -> None:
    found = SHOP.find(headers, asked([{"role": "user", "content": "посылка?"}], model))
    assert found is not None
    assert (found.task, found.by, found.input, found.usual, found.passes) == ("shop", by, "посылка?", False, None)


def test_a_named_task_answers_its_own_prompt_as_the_log_does() -> None:
    found = SHOP.find({}, asked(messages("hi", system=None, frame=FRAME), "sizewise/framed"))
    assert found is not None
    assert (found.input, found.usual) == ("hi", True)


def test_a_named_task_with_several_turns_goes_upstream_and_says_why() -> None:
    said = [*messages("hi"), {"role": "assistant", "content": "x"}, {"role": "user", "content": "and now?"}]
    found = SHOP.find({}, asked(said, "sizewise/shop"))
    assert found is not None
    assert found.passes == "several turns beyond those of the task's own prompt"


@pytest.mark.parametrize("model", ["sizewise/unknown", "sizewise/", "Sizewise/shop", "sizewise/shop "])
def test_an_unknown_name_is_no_task(model: str) -> None:
    assert SHOP.find({}, asked([{"role": "user", "content": "x"}], model)) is None


def test_examples_in_the_prompt_belong_to_it() -> None:
    lead = [("system", "Sort."), ("user", "my parcel"), ("assistant", "delivery")]
    few = Recognition({"few": form(lead)})
    said = [{"role": role, "content": text} for role, text in lead]
    found = few.find({}, asked([*said, {"role": "user", "content": "my money"}]))
    assert found is not None
    assert found.input == "my money"
    assert few.find({}, asked([*said[:1], {"role": "user", "content": "my money"}])) is None


def test_two_tasks_that_one_request_could_be_are_refused() -> None:
    one, other = form([("system", SYSTEM)]), form([("system", SYSTEM)], "Message: {input}")
    with pytest.raises(InputError, match=r"'a' and 'b' have the same prompt.*--by-name b"):
        Recognition({"a": one, "b": other})
    both = Recognition({"a": one, "b": other}, frozenset({"b"}))
    found = both.find({}, asked(messages("Message: x")))
    assert found is not None
    assert found.task == "a"


def test_the_same_prompt_with_templates_that_part_is_two_tasks() -> None:
    topic, mood = "Topic of this?\n{input}", "Mood of this?\n{input}"
    two = Recognition({"topic": form([], topic), "mood": form([], mood)})
    for name, template in (("topic", topic), ("mood", mood)):
        found = two.find({}, asked([{"role": "user", "content": template.replace("{input}", "so late!")}]))
        assert found is not None
        assert (found.task, found.input) == (name, "so late!")


def test_answers_without_a_form_go_upstream_by_prompt_and_are_bare_by_name() -> None:
    free = Recognition({"free": form([("system", SYSTEM)], answer=None)})
    found = free.find({}, asked(messages("x")))
    assert found is not None
    assert found.passes == "the answers in the run's log have no form in common"
    named = free.find({}, asked([{"role": "user", "content": "x"}], "sizewise/free"))
    assert named is not None
    assert named.passes is None


def test_a_thousand_tasks_cost_what_one_costs() -> None:
    many = Recognition({f"t{n}": form([("system", "Sort it, desk " + chr(0x4E00 + n))]) for n in range(1_000)})
    request = asked(messages("x", system="You write poems. " * 2_000))
    many.find({}, request)
    began = time.perf_counter()
    for _ in range(200):
        assert many.find({}, request) is None
    assert time.perf_counter() - began < 1  # 5 ms each at the very most, for a prompt of 34,000 characters


def test_a_hostile_message_takes_no_longer_than_its_length() -> None:
    slow = Recognition({"slow": form([("system", "s")], "A{*}A{*}A{*}A{*}{input}B{*}B{*}B end")})
    began = time.perf_counter()
    slow.find({}, asked(messages("A" * 1_000_000 + "B" * 1_000_000, system="s")))
    assert time.perf_counter() - began < 2


@settings(max_examples=200, deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["role", "content", "type", "text", "tool_calls"]), inner, max_size=4),
        max_leaves=12,
    ),
    st.sampled_from(["gpt", "sizewise/shop", ""]),
)  # fmt: skip
def test_no_messages_at_all_break_it(said: Any, model: str) -> None:
    found = SHOP.find({}, asked(said, model))
    assert found is None or found.task == "shop"


def test_runs_made_from_chat_logs_are_recognised(served: Served) -> None:
    runs = [served(name) for name in ("shop", "framed")]
    real = Recognition({run.task: run.form for run in runs})
    found = real.find({}, asked(messages("где моя посылка")))
    assert found is not None
    assert (found.task, found.input) == ("shop", "где моя посылка")
    found = real.find({}, asked(messages("refund!", system=None, frame=FRAME), response_format={"type": "json_object"}))
    assert found is not None
    assert (found.task, found.input, found.answer.text("refund")) == (
        "framed",
        "refund!",
        '{"topic": "refund", "v": 2}',
    )


def test_a_copied_run_keeps_what_it_knows(copied: Callable[[str], Path], served: Served) -> None:
    from sizewise.served import open_served

    assert open_served(copied("framed")).form == served("framed").form
