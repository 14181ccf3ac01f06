from __future__ import annotations

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.core.errors import TaskError
from sizewise.data.template import Template, learn

WORDS = [
    "I",
    "my",
    "card",
    "order",
    "where",
    "is",
    "the",
    "money",
    "back",
    "не",
    "пришёл",
    "заказ",
    "please",
    "help",
    "what",
    "can",
    "do",
    "today",
    "12",
]


def inputs(n: int, seed: int = 0) -> list[str]:
    draw = random.Random(seed)
    return [" ".join(draw.choices(WORDS, k=draw.randint(2, 12))) + draw.choice("?!. ") for _ in range(n)]


FRAMES = {
    "before": ("Classify the message.\nLabels: refund, delivery\nMessage: ", ""),
    "around": ("You get a ticket:\n<ticket>\n", "\n</ticket>\nAnswer with one label."),
    "after": ("", "\n\nLabel:"),
    "quotes": ('Which intent is "', '"? Answer with one of: a, b, c.'),
    "examples": ("Q: where is it\nA: delivery\nQ: money back\nA: refund\nQ: ", "\nA:"),
    "Russian": ("Определи тему обращения.\nОбращение: «", "»\nТема:"),
}


@pytest.mark.parametrize("name", FRAMES)
@pytest.mark.parametrize("outliers", [0, 8])
def test_a_frame_is_learned_and_cuts_the_input_out(name: str, outliers: int) -> None:
    before, after = FRAMES[name]
    said = inputs(200)
    (frame,) = learn([before + text + after for text in said] + inputs(outliers, 1))
    assert frame.template.text == before + "{input}" + after
    assert [frame.template.cut(before + text + after) for text in said] == said
    assert frame.fit >= 200


def test_messages_without_a_frame_have_none() -> None:
    assert learn(inputs(500)) == ()
    assert learn(["the same"] * 3) == ()
    assert learn([f"I want to {text}" for text in inputs(300)]) == ()  # words in common are no frame
    assert learn([]) == ()


def test_several_templates_are_told_apart() -> None:
    one, two = FRAMES["before"], FRAMES["around"]
    texts = [one[0] + t + one[1] for t in inputs(120)] + [two[0] + t + two[1] for t in inputs(60, 1)]
    assert [(f.template.text, f.fit) for f in learn(texts)] == [
        (one[0] + "{input}" + one[1], 120),
        (two[0] + "{input}" + two[1], 60),
    ]


def test_parts_that_vary_and_are_no_input() -> None:
    template = Template("Customer {*}, tier {*}:\n{input}\n-- {*} --")
    assert template.cut("Customer 5, tier gold:\nwhere\nis it\n-- end --") == "where\nis it"
    assert template.cut("Customer 5:\nwhere") is None
    assert template.cut("Customer 5, tier gold:\n-- a --") is None


def test_a_template_holds_one_place_for_the_input() -> None:
    for text in ("none", "{input} and {input}", ""):
        with pytest.raises(TaskError, match=r"must hold \{input\} once"):
            Template(text)


def test_fixed_text_that_holds_a_placeholder() -> None:
    (frame,) = learn([f"Write {{input}} here: {text}" for text in inputs(50)])
    assert frame.template.cut("Write {input} here: hello") == "hello"


@given(st.text(max_size=20), st.text(max_size=20), st.text(max_size=30))
def test_what_was_put_in_is_cut_out(before: str, after: str, said: str) -> None:
    if "{" not in before + after:
        assert Template(f"{before}{{input}}{after}").cut(before + said + after) == said


@given(st.lists(st.text("ab\n: {}*input", max_size=30), max_size=40))
def test_learning_never_fails_and_what_it_learns_fits_what_it_says(texts: list[str]) -> None:
    for frame in learn(texts):
        assert frame.fit == sum(frame.template.cut(text) is not None for text in texts)
        assert len(frame.template.digest) == 8
