"""The form of a log's answers: learned from what the LLM really said, and read back as the label it was."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.data.answer_form import Said, learn
from sizewise.data.answers import Labels

LABELS = ("refund", "card_arrival", "возврат", "😀 smile")


def said(form: str, labels: tuple[str, ...] = LABELS, times: int = 5) -> list[Said]:
    return [Said(form.replace("@", label), label, len(label)) for label in labels for _ in range(times)]


@pytest.mark.parametrize(
    ("form", "escape"),
    [
        ("@", "none"),
        ("@\n", "none"),
        ("Label: @.", "none"),
        ("The category is **@**", "none"),
        ('{"label": "@"}', "json"),
        ('{"v": 1, "label": "@", "note": null}', "json"),
        ('```json\n{"topic": "@"}\n```', "json"),
        ('["@"]', "json"),
        ("Метка: «@»", "none"),
    ],
)
def test_the_form_is_learned_and_reads_back(form: str, escape: str) -> None:
    learned = learn(said(form))
    assert learned is not None
    assert (learned.before + "@" + learned.after, learned.escape) == (form, escape)
    assert learned.share == 1.0
    known = Labels.of(LABELS)
    for label in LABELS:
        assert learned.text(label) == form.replace("@", label)
        if form != "The category is **@**" and form != "@\n":
            assert known.read(learned.text(label))[1] == label


def test_json_in_ascii_stays_in_ascii() -> None:
    raw = json.dumps({"label": "возврат"})
    learned = learn([Said(raw, "возврат")] * 6 + [Said(json.dumps({"label": "refund"}), "refund")] * 6)
    assert learned is not None
    assert learned.escape == "ascii"
    assert learned.text("возврат") == raw


def test_the_spelling_of_each_label_is_the_logs() -> None:
    rows = [Said("Card Arrival", "card_arrival", 3)] * 6 + [Said("card_arrival", "card_arrival", 4)] * 2
    learned = learn([*rows, *[Said("refund", "refund", 2)] * 4])
    assert learned is not None
    assert learned.text("card_arrival") == "Card Arrival"
    assert learned.text("refund") == "refund"
    assert learned.tokens == {"card_arrival": 3, "refund": 2}


def test_the_commonest_form_wins_and_says_its_share() -> None:
    learned = learn([*said("@", times=7), *said("Label: @.", times=3)])
    assert learned is not None
    assert (learned.before, learned.after, learned.share, learned.rows) == ("", "", 0.7, 40)


@pytest.mark.parametrize(
    "answers",
    [
        [],
        [Said("refund", "refund")] * 4,
        [Said(f'{{"label": "refund", "reason": "message {n}"}}', "refund") for n in range(50)],
        [Said(f"refund, since {n}", "refund") for n in range(50)],
        [Said("", "refund")] * 50,
        [Said("x" * 10_000 + "refund", "refund")] * 50,
    ],
)
def test_answers_without_a_form_in_common_have_none(answers: list[Said]) -> None:
    assert learn(answers) is None


def test_a_number_in_json_stays_a_number() -> None:
    learned = learn([Said(f'{{"rating": {n}}}', str(n)) for n in range(1, 6) for _ in range(3)])
    assert learned is not None
    assert json.loads(learned.text("4")) == {"rating": 4}


@settings(max_examples=60, deadline=None)
@given(
    st.text(max_size=20), st.text(max_size=20),
    st.lists(st.text(min_size=1, max_size=12).filter(lambda t: t.strip() == t and bool(t)), min_size=1, max_size=4),
)  # fmt: skip
def test_any_text_around_any_label(before: str, after: str, labels: list[str]) -> None:
    """Whatever is learned gives back answers that were really said."""
    answers = [Said(before + label + after, label) for label in labels for _ in range(5)]
    learned = learn(answers)
    if learned is not None and learned.share == 1.0 and learned.escape == "none":
        for label in labels:
            assert learned.text(label).casefold() in {said.raw.casefold() for said in answers if said.label == label}
