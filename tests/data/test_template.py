from __future__ import annotations

import gzip
import json
import random
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.core.errors import TaskError
from sizewise.data.template import Common, Template, common_words, learn

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


PLAIN = {
    "a long beginning": ("Please classify the following customer message ", ""),
    "a long end": ("", " Answer with one label only, please."),
    "both": ("You label messages. The message of the customer is ", " and now answer with one label"),
    "words beyond a mark": ("Labels: refund, delivery\nThe message of the customer is ", ""),
    "an apostrophe": ("The text in the customer's message is ", ""),
    "without spaces": ("请将以下客户消息分类", ""),
}


@pytest.mark.parametrize("name", PLAIN)
@pytest.mark.parametrize("outliers", [0, 8])
def test_many_words_that_nearly_all_share_are_a_frame_without_a_mark(name: str, outliers: int) -> None:
    before, after = PLAIN[name]
    (frame,) = learn([before + text.strip() + after for text in inputs(200)] + inputs(outliers, 1))
    assert frame.template.text == before + "{input}" + after
    assert frame.fit == 200


def test_numbers_that_differ_are_no_input() -> None:
    (frame,) = learn([f"Classify ({i}): {text}" for i, text in enumerate(inputs(200))])
    assert (frame.template.text, frame.fit) == ("Classify ({*}): {input}", 200)


@pytest.mark.parametrize("share", [0.2, 0.5, 0.8])
@pytest.mark.parametrize(
    ("before", "after"), [("Classify: ", ""), ("Please say what is meant here ", ""), ("", " So which label is it now"), ("", "\nLabel:")]
)  # fmt: skip
def test_what_a_part_of_the_texts_share_is_a_frame(share: float, before: str, after: str) -> None:
    framed = int(200 * share)
    texts = [before + text.strip() + after for text in inputs(framed)] + inputs(200 - framed, 1)
    (frame,) = learn(texts)
    assert (frame.template.text, frame.fit) == (before + "{input}" + after, framed)


def test_two_short_prompts_are_two_frames() -> None:
    texts = [("Classify: ", "Label the intent: ")[i % 2] + text for i, text in enumerate(inputs(200))]
    assert [(f.template.text, f.fit) for f in learn(texts)] == [
        ("Classify: {input}", 100),
        ("Label the intent: {input}", 100),
    ]


def test_words_that_people_begin_with_are_no_frame_and_are_said() -> None:
    said = inputs(300)
    natural = [("how do I ", "I want to ", "", "")[i % 4] + text for i, text in enumerate(said)]
    assert learn(natural) == ()
    assert [(c.words, c.at_end) for c in common_words(natural)] == [("how do I", False)]
    assert learn(["Re: " * (i % 2) + text for i, text in enumerate(said)]) == ()
    few = ["Please say what is meant here " * (i % 10 == 0) + text for i, text in enumerate(said)]
    assert (learn(few), common_words(few)) == ((), ())
    assert common_words([f"{text} thanks" for text in said]) == (Common("thanks", 1.0, True),)


def test_a_message_that_is_sent_again_and_again_is_no_frame() -> None:
    same = [f"I would like to know the status of order {i}" for i in range(90)]
    assert learn(same + inputs(60)) == ()
    assert learn(["where is my parcel and my money"] * 200 + inputs(8)) == ()


@pytest.mark.parametrize("name", ["banking77_llm_log", "clinc150", "ru_intents"])
def test_real_inputs_without_a_prompt_have_no_frame(name: str) -> None:
    path = Path(__file__).resolve().parents[3] / "shared" / "data" / f"{name}.jsonl.gz"
    if not path.exists():
        pytest.skip(f"{path.name} is not in ../shared/data")
    rows = [json.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]
    texts = [row["input"] for row in rows[::7]]
    assert (learn(texts), common_words(texts)) == ((), ())
    by_label: dict[str, list[str]] = {}
    for row in rows:
        by_label.setdefault(row["gold"], []).append(row["input"])
    labels = [label for label, said in by_label.items() if len(said) >= 20]
    for few in zip(labels[::9], labels[1::9], labels[2::9], strict=False):
        assert learn([text for label in few for text in by_label[label]]) == ()


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
