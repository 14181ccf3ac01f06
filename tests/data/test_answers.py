from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.task import Task
from sizewise.data.answers import Labels, LogStream, map_answers, read_log
from sizewise.data.read import Log, read

Write = Callable[..., Path]
LABELS = ["card arrival", "refund", "top_up", "card", "возврат денег", "other"]
KNOWN = Labels.of(LABELS)

CASES: list[tuple[str, str, str]] = [
    ("Card_Arrival", "plain", "Card_Arrival"),
    ("refund", "plain", "refund"),
    ("```\nrefund\n```", "fence", "refund"),
    ("Sure, here it is:\n```text\ncard arrival\n```\nHope it helps!", "fence", "card arrival"),
    ('```json\n{"label": "top-up"}\n```', "json", "top_up"),
    ('{"label": "refund", "confidence": 0.9}', "json", "refund"),
    ('{"result": {"category": "card_arrival"}}', "json", "card arrival"),
    ('{"value": "refund"}', "json", "refund"),
    ('["refund"]', "json", "refund"),
    ('"refund"', "json", "refund"),
    ("**Refund.**", "quotes", "refund"),
    ("«Возврат денег»", "quotes", "возврат денег"),
    ("Label: refund", "line", "refund"),
    ("The category is: *card arrival*.", "line", "card arrival"),
    ("Категория: возврат денег", "line", "возврат денег"),
    ("The person wants money.\n\n**Final answer:** refund", "line", "refund"),
    ("The customer clearly asks about a refund here.", "prose", "refund"),
    ("This message is about card-arrival, I am sure", "prose", "card arrival"),
    ("<think>card or refund? card arrival!</think>\nrefund", "thoughts", "refund"),
    ("hmm, card? refund?</think> **refund**", "quotes", "refund"),
    # what no rule fits stays as it is
    ("It may be a refund or a card arrival, hard to say", "unmapped", ""),
    ("This is certainly not a refund, sorry about that", "unmapped", ""),
    ("It isn’t a refund as far as I can see", "unmapped", ""),
    ("Это точно не возврат денег, простите меня", "unmapped", ""),
    *((answer, "unmapped", "") for answer in (
        "I'm unable to classify this as refund",
        "I am unable to tell whether this is a refund",
        "It is unclear if this is a refund",
        "I am unsure whether a refund is meant",
        "It is hard to say whether this is a refund",
        "It is impossible to tell if it is a refund",
        "It seems unlikely to be a refund",
        "This is hardly a refund request at all",
        "This is anything but a refund request",
        "This is far from being a refund request",
        "This rules out refund as the intent",
        "The intent refund can be ruled out",
        "Without a refund the customer will leave",
        "This is some non-refund thing here",
        "The customer asks for a card instead of a refund",
        "None of the labels fit, refund included",
        "Nothing in this message suggests a refund",
        "Невозможно сказать, что это refund точно",
        "Нельзя сказать, что это возврат денег",
        "Неясно, возврат денег это или нет",
        "Трудно сказать, возврат денег ли это",
        "Вряд ли это возврат денег, скорее что-то другое",
        "Клиент обойдётся и без возврат денег, по-моему",
        "Это что угодно, кроме возврат денег, по-моему",
    )),
    # words of denial that deny something else, or nothing
    *((answer, "prose", "refund") for answer in (
        "Without a doubt this is a refund request",
        "There is no doubt that this is a refund",
        "This is without question a refund request",
        "The customer is unable to use it and wants a refund",
        "The customer wants a refund instead of a replacement",
        "The customer writes without any punctuation, but clearly wants a refund",
        "The customer finds the fee unclear and asks for a refund",
        "Here nothing but a refund is asked for",
    )),
    ("Это исключительно возврат денег, я уверен", "prose", "возврат денег"),
    ("Клиент без всяких сомнений хочет возврат денег", "prose", "возврат денег"),
    ("get refund", "unmapped", ""),  # two words: it may be a label that is not known
    ("refund fee", "unmapped", ""),
    ("refunds are what the customer asks about", "unmapped", ""),
    ("Label: refund\nLabel: card", "unmapped", ""),
    ('{"label": "refund", "category": "card"}', "unmapped", ""),
    ('{"label": "nothing known"}', "unmapped", ""),
    ("```\nrefund\n```\n```\ncard\n```", "unmapped", ""),
    ("<think>it is a refund because the customer says so", "unmapped", ""),
    ("", "unmapped", ""),
    ("[" * 5_000, "unmapped", ""),
    ("I cannot help with that request, I am sorry.", "unmapped", ""),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "rule", "label"), CASES, ids=range(len(CASES)))
def test_a_rule_for_each_wrapping(answer: str, rule: str, label: str) -> None:
    assert KNOWN.read(answer) == (rule, label if rule != "unmapped" else answer)


def log_of(write: Write, rows: list[tuple[str, str | None]]) -> Log:
    return read([write([{"input": f"text {i}", "answer": a, "gold": g} for i, (a, g) in enumerate(rows)])])


def test_plain_labels_are_left_alone(write: Write) -> None:
    log = log_of(write, [("Refund", "refund"), ("refund", "refund"), ("top up", "top_up"), ("get top up", None)] * 5)
    mapped = map_answers(log)
    assert mapped.examples == log.examples
    assert (mapped.answers, mapped.found) == ({"plain": 15, "unmapped": 5}, ())


def test_gold_says_what_the_labels_are(write: Write) -> None:
    log = map_answers(log_of(write, [('{"label": "refund"}', "refund"), ("Label: card", "card"), ("what?", "card")]))
    assert [e.answer for e in log.examples] == ["refund", "card", "what?"]
    assert log.answers == {"json": 1, "line": 1, "unmapped": 1}
    assert log.found[-1].startswith("2 of 3 answers were read as labels by rule (json 1, line 1); 1 are no label")


def test_without_gold_the_labels_are_what_five_answers_come_to(write: Write) -> None:
    said = ['{"label": "refund"}', "Label: refund", "refund", "```\nrefund\n```", "**refund**"]
    rows: list[tuple[str, str | None]] = [(answer, None) for answer in [*said, *['{"label": "card"}'] * 4]]
    log = map_answers(log_of(write, rows))
    assert [e.answer for e in log.examples[:5]] == ["refund"] * 5
    assert {e.answer for e in log.examples[5:]} == {'{"label": "card"}'}  # four rows are no label
    assert log.answers == {"plain": 1, "fence": 1, "json": 1, "quotes": 1, "line": 1, "unmapped": 4}


@pytest.mark.parametrize(
    ("said", "come_to"),
    [
        (['{"label": "a b"}'] * 9 + ['{"label": "c"}'] * 9, {"a b", "c"}),
        (["Label: a"] * 9 + ["Label: c"] * 9, {"a", "c"}),
        (["a."] * 9 + ["a"] * 9 + ["c"] * 9, {"a", "c"}),
        (["a."] * 9 + ["[c]"] * 9, {"a.", "[c]"}),  # they may be labels: nobody says them otherwise
        (["c++"] * 9 + ["c"] * 9, {"c++", "c"}),
        (["a"] * 9 + ["Sure! This message is about a, as asked."] * 9 + ["c"] * 9, {"a", "c"}),
        (["cash"] * 9 + ["wrong amount of cash received"] * 9, {"cash", "wrong amount of cash received"}),
        (["a"] * 9 + ["I am sorry, I cannot help with that."] * 9, {"a", "I am sorry, I cannot help with that."}),
    ],
)
def test_wrappings_that_every_answer_has(write: Write, said: list[str], come_to: set[str]) -> None:
    log = map_answers(log_of(write, [(answer, None) for answer in said]))
    assert {e.answer for e in log.examples} == come_to


def test_the_task_files_labels_are_the_labels(write: Write) -> None:
    log = map_answers(log_of(write, [("Label: Refund", None), ("Label: card", None)]), ["refund"])
    assert [e.answer for e in log.examples] == ["refund", "Label: card"]


def test_further_answers_are_read_as_well(write: Write) -> None:
    log = read([write([{"input": "x", "answer": ["Label: a", "a", "Label: b"], "gold": "a"}])])
    (example,) = map_answers(log).examples
    assert (example.answer, example.further_answers) == ("a", ("a", "Label: b"))


@pytest.mark.parametrize("labels", [None, ("refund", "card")])
@pytest.mark.parametrize("raw", [False, True])
def test_a_stream_and_a_log_are_the_same(write: Write, labels: tuple[str, ...] | None, raw: bool) -> None:
    said = ['{"label": "refund"}', "card", "Label: card", "neither of them", "refund."] * 6
    path = write([{"input": f"text {i}", "answer": [answer, "card"]} for i, answer in enumerate(said)])
    task = Task("t", labels=labels, raw_answers=raw)
    log, stream = read_log(task, [path]), LogStream(task, [path])
    assert tuple(stream.rows()) == log.examples
    assert stream.summary() == log.about
    assert bool(log.answers) is not raw


@given(st.sampled_from(LABELS), st.integers(0, 5))
def test_wrappings_of_wrappings(label: str, how: int) -> None:
    wrapped = [
        f"```json\n{json.dumps({'label': label})}\n```",
        f"<think>a card? other?</think>```\n{label}\n```",
        f"Answer: **{label}**",
        f'"Label: {label}."',
        json.dumps([{"category": f"*{label}*"}], ensure_ascii=False),
        f"**Category:** `{label}`",
    ][how]
    rule, found = KNOWN.read(wrapped)
    assert (rule != "unmapped", found) == (True, label)


@given(st.text(max_size=200) | st.text("refund card{}[]\"'`:<>think/\n*", max_size=80))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_and_what_comes_out_is_a_label_or_the_text(answer: str) -> None:
    rule, found = KNOWN.read(answer)
    assert found == answer if rule in ("plain", "unmapped") else found in LABELS


@pytest.mark.parametrize(
    "hostile", ["\n" * 100_000, "```" * 30_000, "<think>" * 15_000, "label: " * 15_000, "a-" * 50_000]
)
def test_hostile_answers_take_no_time(hostile: str) -> None:
    labels = Labels.of([f"label {i}" for i in range(1_000)])
    assert labels.read(hostile)[0] == "unmapped"
