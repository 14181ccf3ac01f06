"""Every export comes out as the same rows, whatever it is wrapped in."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.errors import DataError
from sizewise.data.formats.exports import SHAPES, Shape, shape_of
from sizewise.data.read import Log, read

Write = Callable[..., Path]
CUT_OFF = "; if that is no person's text, cut it off with --template"
SYSTEM = "You route messages. Labels: refund, delivery."
SAID = ["where is my parcel", "мне не вернули деньги 💸", "it came broken, money back please"] * 4
ANSWERS = ["delivery", "refund", "refund"] * 4


def asked(text: str) -> list[dict[str, Any]]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def completion(number: int, answer: str) -> dict[str, Any]:
    return {
        "id": f"chatcmpl-{number}", "object": "chat.completion", "created": 1_767_323_045, "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": {"role": "assistant", "content": answer}, "finish_reason": "stop"}],
        "usage": {
            "prompt_tokens": 50, "completion_tokens": 3, "prompt_tokens_details": {"cached_tokens": 40},
        },
    }  # fmt: skip


def otlp(attributes: dict[str, Any], events: list[dict[str, Any]] | None = None) -> dict[str, Any]:
    span = {
        "spanId": "abc", "name": "chat", "startTimeUnixNano": "1767323045000000000",
        "endTimeUnixNano": "1767323045250000000", "attributes": pairs(attributes), "events": events or [],
    }  # fmt: skip
    http = {"spanId": "def", "name": "GET /", "attributes": pairs({"http.method": "GET"})}
    return {"resourceSpans": [{"scopeSpans": [{"spans": [span, http]}]}]}


def pairs(attributes: dict[str, Any]) -> list[dict[str, Any]]:
    kinds = {str: "stringValue", int: "intValue", float: "doubleValue"}
    nested = {k: v for k, v in attributes.items() if isinstance(v, dict)}
    if nested:
        plain = {k: v for k, v in attributes.items() if k not in nested}
        return [*pairs(plain), *({"key": k, "value": {"kvlistValue": {"values": pairs(v)}}} for k, v in nested.items())]
    return [{"key": k, "value": {kinds[type(v)]: str(v) if type(v) is int else v}} for k, v in attributes.items()]


def logged(*told: tuple[str, dict[str, Any], dict[str, Any]], span: str) -> dict[str, Any]:
    """Log records of one span: (event, attributes, body) each, and one that is no event of a model."""
    kinds = [
        {
            "spanId": span, "timeUnixNano": "1767323045000000000", "eventName": name, "attributes": pairs(given),
            "body": {"kvlistValue": {"values": pairs(body)}},
        }
        for name, given, body in told
    ]  # fmt: skip
    other = {"spanId": "def", "severityText": "INFO", "body": {"stringValue": "GET /"}}
    return {"resourceLogs": [{"scopeLogs": [{"logRecords": [*kinds, other]}]}]}


def parts(role: str, text: str) -> dict[str, Any]:
    return {"role": role, "parts": [{"type": "reasoning", "content": "hm"}, {"type": "text", "content": text}]}


GENAI = {"gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.usage.input_tokens": 50, "gen_ai.usage.output_tokens": 3}
NUMBERED = [(i, text, answer) for i, (text, answer) in enumerate(zip(SAID, ANSWERS, strict=True))]

EXPORTS: dict[str, list[dict[str, Any]]] = {
    "request and response": [
        {"request": {"model": "gpt-4o", "messages": asked(t)}, "response": completion(i, a), "latency_ms": 250.0}
        for i, t, a in NUMBERED
    ],
    "flat": [{**completion(i, a), "messages": asked(t), "latency_ms": 250} for i, t, a in NUMBERED],
    "messages and a text": [
        {
            "messages": asked(t),
            "response": a,
            "model": "gpt-4o-2024-08-06",
            "latency_ms": 250,
            "created_at": "2026-01-02T03:04:05Z",
            "usage": {"input_tokens": 50, "output_tokens": 3},
        }
        for i, t, a in NUMBERED
    ],
    "content in parts": [
        {
            "request": {"messages": [asked(t)[0], {"role": "user", "content": [{"type": "text", "text": t}]}]},
            "response": completion(i, a),
            "start_time": 1_767_323_045.0,
            "end_time": 1_767_323_045.25,
        }
        for i, t, a in NUMBERED
    ],
    "LiteLLM": [
        {
            "id": f"c{i}",
            "call_type": "acompletion",
            "status": "success",
            "response_cost": 0.001,
            "messages": asked(t),
            "response": completion(i, a),
            "model": "gpt-4o-2024-08-06",
            "prompt_tokens": 50,
            "completion_tokens": 3,
            "startTime": 1_767_323_045.0,
            "endTime": 1_767_323_045.25,
        }
        for i, t, a in NUMBERED
    ],
    "LiteLLM spend log": [
        {
            "request_id": f"c{i}",
            "spend": 0.001,
            "messages": json.dumps(asked(t)),
            "response": json.dumps(completion(i, a)),
            "model": "gpt-4o-2024-08-06",
            "prompt_tokens": 50,
            "completion_tokens": 3,
            "startTime": "2026-01-02T03:04:05.000Z",
            "endTime": "2026-01-02T03:04:05.250Z",
        }
        for i, t, a in NUMBERED
    ],
    "LiteLLM spend log with the request's body": [
        {
            "request_id": f"c{i}",
            "spend": 0.001,
            "messages": "{}",
            "proxy_server_request": json.dumps({"model": "fast", "messages": asked(t)}),
            "response": json.dumps(completion(i, a)),
            "model": "gpt-4o-2024-08-06",
            "prompt_tokens": 50,
            "completion_tokens": 3,
            "startTime": "2026-01-02T03:04:05.000Z",
            "endTime": "2026-01-02T03:04:05.250Z",
        }
        for i, t, a in NUMBERED
    ],
    "Langfuse API": [
        {
            "id": f"o{i}",
            "traceId": "t",
            "type": "GENERATION",
            "input": asked(t),
            "model": "gpt-4o-2024-08-06",
            "output": {"role": "assistant", "content": a},
            "usageDetails": {"input": 50, "output": 3, "total": 53},
            "startTime": "2026-01-02T03:04:05.000Z",
            "endTime": "2026-01-02T03:04:05.250Z",
            "totalCost": 0.001,
            "metadata": {"label": a},
        }
        for i, t, a in NUMBERED
    ],
    "Langfuse blob storage": [
        {
            "id": f"o{i}",
            "trace_id": "t",
            "type": "GENERATION",
            "input": json.dumps({"messages": asked(t)}),
            "output": a,
            "provided_model_name": "gpt-4o-2024-08-06",
            "usage_details": {"input": 50, "output": 3},
            "start_time": "2026-01-02 03:04:05.000000",
            "end_time": "2026-01-02 03:04:05.250000",
            "total_cost": 0.001,
        }
        for i, t, a in NUMBERED
    ],
    "OpenTelemetry attributes": [
        otlp(
            GENAI
            | {
                "gen_ai.system_instructions": json.dumps([{"type": "text", "content": SYSTEM}]),
                "gen_ai.input.messages": json.dumps([parts("user", t)]),
                "gen_ai.output.messages": json.dumps([parts("assistant", a) | {"finish_reason": "stop"}]),
            }
        )
        for i, t, a in NUMBERED
    ],
    "OpenTelemetry content events": [
        otlp(
            GENAI,
            [
                {"name": "gen_ai.content.prompt", "attributes": pairs({"gen_ai.prompt": json.dumps(asked(t))})},
                {
                    "name": "gen_ai.content.completion",
                    "attributes": pairs({"gen_ai.completion": json.dumps([{"role": "assistant", "content": a}])}),
                },
            ],
        )
        for i, t, a in NUMBERED
    ],
    "OpenTelemetry message events": [
        otlp(
            GENAI,
            [
                {"name": "gen_ai.system.message", "attributes": pairs({"content": SYSTEM})},
                {"name": "gen_ai.user.message", "attributes": pairs({"content": t})},
                {"name": "gen_ai.choice", "attributes": pairs({"index": 0, "message": json.dumps({"content": a})})},
            ],
        )
        for i, t, a in NUMBERED
    ],
    "OpenTelemetry attributes of each message": [
        otlp(
            GENAI
            | {
                "gen_ai.prompt.1.role": "user",
                "gen_ai.prompt.1.content": t,
                "gen_ai.prompt.0.role": "system",
                "gen_ai.prompt.0.content": json.dumps([{"type": "text", "text": SYSTEM}]),
                "gen_ai.completion.0.role": "assistant",
                "gen_ai.completion.0.content": a,
                "gen_ai.completion.0.finish_reason": "stop",
            }
        )
        for i, t, a in NUMBERED
    ],
    "spans as an SDK prints them": [
        {
            "name": "chat gpt-4o",
            "context": {"trace_id": "0x1", "span_id": f"0x{i}"},
            "start_time": "2026-01-02T03:04:05.000000Z",
            "end_time": "2026-01-02T03:04:05.250000Z",
            "attributes": GENAI
            | {
                "gen_ai.input.messages": json.dumps([parts("system", SYSTEM), parts("user", t)]),
                "gen_ai.output.messages": json.dumps([parts("assistant", a)]),
            },
            "events": [],
        }
        for i, t, a in NUMBERED
    ],
}


def same(log: Log) -> None:
    assert [e.input for e in log.examples] == SAID
    assert [e.answer for e in log.examples] == ANSWERS
    assert log.template == "{input}"
    assert any("the last message, as a whole, is the input" in sentence for sentence in log.found)


@pytest.mark.parametrize("name", EXPORTS)
def test_an_export_gives_the_rows(write: Write, name: str) -> None:
    log = read([write(EXPORTS[name])])
    same(log)
    for example in log.examples:
        assert (example.model, example.at) == ("gpt-4o-2024-08-06", "2026-01-02T03:04:05+00:00")
        assert (example.prompt_tokens, example.completion_tokens) == (50, 3)
        assert example.latency_ms == pytest.approx(250, abs=0.01)
        if "LiteLLM" in name or "Langfuse" in name:
            assert example.cost_usd == 0.001
    assert {r.reason for r in log.rejects} == ({"a span that is no call of a model"} if "Open" in name else set())
    assert log.found[0].startswith("log.jsonl is read as: ")


@pytest.mark.parametrize("name", EXPORTS)
@pytest.mark.parametrize("indent", [None, 1])
def test_the_same_as_one_document(write: Write, name: str, indent: int | None) -> None:
    rows = EXPORTS[name]
    if "Open" in name:
        document: Any = {"resourceSpans": [span for row in rows for span in row["resourceSpans"]]}
    else:
        document = {"object": "list", "data": rows, "has_more": False}
    same(read([write(json.dumps(document, indent=indent), "log.json")]))


@pytest.mark.parametrize("name", [name for name in EXPORTS if name.startswith(("Langfuse", "LiteLLM spend"))])
def test_the_same_as_csv(write: Write, name: str) -> None:
    rows, text = EXPORTS[name], io.StringIO()
    writer = csv.DictWriter(text, list(rows[0]))
    writer.writeheader()
    writer.writerows({k: json.dumps(v) if isinstance(v, dict | list) else v for k, v in row.items()} for row in rows)
    log = read([write(text.getvalue(), "export.csv")])
    same(log)
    assert log.examples[0].prompt_tokens == 50


LOGGED: dict[str, list[dict[str, Any]]] = {
    "a record for each message": [
        logged(
            ("gen_ai.system.message", {}, {"content": SYSTEM}),
            ("gen_ai.user.message", {}, {"content": t}),
            ("gen_ai.choice", GENAI, {"index": 0, "message": {"role": "assistant", "content": a}}),
            span=f"s{i}",
        )
        for i, t, a in NUMBERED
    ],
    "a record for each call": [
        logged(
            (
                "gen_ai.client.inference.operation.details",
                GENAI
                | {
                    "gen_ai.input.messages": json.dumps([parts("system", SYSTEM), parts("user", t)]),
                    "gen_ai.output.messages": json.dumps([parts("assistant", a)]),
                },
                {},
            ),
            span=f"s{i}",
        )
        for i, t, a in NUMBERED
    ],
}


@pytest.mark.parametrize("name", LOGGED)
@pytest.mark.parametrize("whole", [False, True])
def test_log_records_of_opentelemetry(write: Write, name: str, whole: bool) -> None:
    rows = LOGGED[name]
    document = {"resourceLogs": [batch for row in rows for batch in row["resourceLogs"]]}
    log = read([write(json.dumps(document), "log.json") if whole else write(rows)])
    same(log)
    assert [e.id for e in log.examples] == [f"s{i}" for i, _, _ in NUMBERED]
    assert {e.at for e in log.examples} == {"2026-01-02T03:04:05+00:00"}
    assert {r.reason for r in log.rejects} == {"a span that is no call of a model"}


def beside(rules: Any, where: str) -> dict[str, list[dict[str, Any]]]:
    """Requests whose instructions stand beside the messages, in the two APIs and in an observation."""
    messages = [{"role": "user", "content": where}]
    anthropic = {"content": [{"type": "text", "text": "refund"}]}
    responses = {
        "output": [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "x"}]}]
    }
    return {
        "Anthropic": [{"request": {"system": rules, "messages": messages}, "response": anthropic}],
        "Responses": [{"request": {"instructions": rules, "input": where}, "response": responses}],
        "Langfuse": [
            {
                "traceId": "t", "type": "GENERATION", "output": "refund",
                "input": {"system": rules, "messages": messages},
            }
        ],
    }  # fmt: skip


@pytest.mark.parametrize("kind", ["Anthropic", "Responses", "Langfuse"])
@pytest.mark.parametrize("other", ["Other rules.", [{"type": "text", "text": "Other rules."}]])
def test_instructions_beside_the_messages_tell_prompts_apart(write: Write, kind: str, other: Any) -> None:
    rows = [row for text in SAID for row in beside(SYSTEM, text)[kind]]
    assert len(read([write(rows)]).examples) == len(SAID)
    mixed = rows + [row for text in SAID for row in beside(other, text)[kind]]
    with pytest.raises(DataError, match=r"mixes 2 values of `prompt_version`.*Other rules"):
        read([write(mixed)])


def test_what_stands_beside_the_messages_can_be_named(write: Write) -> None:
    log = read([write(EXPORTS["Langfuse API"])], {"gold": "metadata.label"})
    assert [e.gold for e in log.examples] == ANSWERS


def test_fine_tuning_examples(write: Write) -> None:
    rows = [{"messages": [*asked(t), {"role": "assistant", "content": a}]} for _, t, a in NUMBERED]
    same(read([write(rows)]))


def test_stored_completions_without_their_messages_are_rejected(write: Write) -> None:
    rows = [completion(i, a) for i, _, a in NUMBERED]
    with pytest.raises(DataError, match=r"none of 12 rows can be used.*no messages in the request"):
        read([write(rows)])
    kept = [row | {"messages": {"object": "list", "data": asked(t)}} for row, t in zip(rows, SAID, strict=True)]
    same(read([write(kept)]))


def test_a_batchs_output_is_joined_with_its_input(write: Write) -> None:
    requests = [
        {"custom_id": f"r{i}", "method": "POST", "url": "/v1/chat/completions", "body": {"messages": asked(t)}}
        for i, t, _ in NUMBERED
    ] + [{"custom_id": "unanswered", "body": {"messages": asked("x")}}]
    outputs: list[dict[str, Any]] = [
        {"id": "b", "custom_id": f"r{i}", "response": {"status_code": 200, "body": completion(i, a)}, "error": None}
        for i, _, a in NUMBERED
    ]
    failed = {"id": "b", "custom_id": "r99", "response": {"status_code": 400, "body": {}}, "error": None}
    alone = outputs[0] | {"custom_id": "r77"}
    paths = [write([*outputs, failed, alone], "output.jsonl"), write(requests, "input.jsonl")]
    for given in (paths, paths[::-1]):
        log = read(given)
        same(log)
        assert [e.id for e in log.examples] == [f"r{i}" for i, _, _ in NUMBERED]
        assert sorted((r.source, r.line, r.reason) for r in log.rejects) == [
            ("input.jsonl", 13, "a batch's request without its answer"),
            ("output.jsonl", 13, "the call failed"),
            ("output.jsonl", 14, "the request is not there: name the batch's input file beside its output"),
        ]
    with pytest.raises(DataError, match="name the batch's input file"):
        read(paths[:1])


BROKEN: list[tuple[Any, Any, str]] = [
    ([], completion(0, "a"), "no messages in the request"),
    (None, completion(0, "a"), "no messages in the request"),
    ([{"content": "x"}], completion(0, "a"), "a message without a role"),
    ([{"role": "user"}], completion(0, "a"), "a message without text"),
    ([{"role": "user", "content": 5}], completion(0, "a"), "a message without text"),
    (
        [{"role": "user", "content": [{"type": "image_url", "image_url": {}}]}],
        completion(0, "a"),
        "a message that holds something other than text",
    ),
    (
        [*asked("x"), {"role": "assistant", "tool_calls": [{}]}, {"role": "tool", "content": "y"}],
        completion(0, "a"),
        "a tool call in the conversation",
    ),
    (
        [*asked("x"), {"role": "assistant", "content": "y"}, *asked("z")[1:]],
        completion(0, "a"),
        "a conversation of several turns",
    ),
    ([*asked("x"), {"role": "assistant", "content": "{"}], completion(0, "a"), "the conversation ends with"),
    (asked("x"), {"choices": []}, "no answer in the response"),
    (asked("x"), {"error": "overloaded"}, "no answer in the response"),
    (
        asked("x"),
        {"choices": [{"message": {"content": None, "tool_calls": [{"id": 1}]}}]},
        "the answer is a tool call",
    ),
    (asked("x"), {"choices": [{"message": {"content": None}}]}, "the answer: a message without text"),
    (asked("x"), {"choices": [5]}, "no answer in the response"),
    # a type that is no text
    ([{"role": "user", "content": [{"type": [], "text": "x"}]}], completion(0, "a"), "a message that holds something"),
    (asked("x"), {"content": [{"type": {}, "text": "a"}]}, "the answer: a message that holds something other"),
    (asked("x"), {"type": {}, "content": None}, "the answer: a message without text"),
    (asked("x"), {"output": [{"type": [], "content": None}]}, "the answer: a message without text"),
]


@pytest.mark.parametrize(("messages", "response", "reason"), BROKEN, ids=range(len(BROKEN)))
def test_requests_that_are_no_text_and_answer_are_kept_with_their_reason(
    write: Write, messages: Any, response: Any, reason: str
) -> None:
    row = {"request": {"messages": messages}, "response": response}
    log = read([write([*EXPORTS["request and response"], row])])
    same(log)
    (reject,) = log.rejects
    assert reject.reason.startswith(reason)
    assert json.loads(reject.raw) == row


def test_instructions_of_an_unknown_type_cost_one_row(write: Write) -> None:
    row = {"request": {"system": [{"type": []}], "messages": asked("x")}, "response": completion(0, "a")}
    log = read([write([*EXPORTS["request and response"], row])])
    same(log)
    assert [r.reason for r in log.rejects] == ["a message that holds something other than text"]


@pytest.mark.parametrize("kind", [[], {}, 5, None])
def test_an_answer_with_an_unknown_type_beside_its_text_is_an_answer(write: Write, kind: Any) -> None:
    rows = [{"messages": asked(t), "response": {"type": kind, "content": a}} for _, t, a in NUMBERED]
    same(read([write(rows)]))
    rows = [{"messages": asked(t), "response": {"output": [{"type": kind, "content": a}]}} for _, t, a in NUMBERED]
    same(read([write(rows)]))


def test_a_fine_tuning_example_without_a_question_costs_one_row(write: Write) -> None:
    rows = [{"messages": [*asked(t), {"role": "assistant", "content": a}]} for _, t, a in NUMBERED]
    log = read([write([*rows, {"messages": [{"role": "assistant", "content": "x"}]}])])
    same(log)
    assert [r.reason for r in log.rejects] == ["an answer of the assistant's to no message"]


@pytest.mark.parametrize("created", [10**400, -(10**400), 1e300, float("nan"), float("inf"), -5, 10**15])
def test_a_time_that_nobody_can_hold_costs_no_row(write: Write, created: Any) -> None:
    odd = {"request": {"messages": asked("x")}, "response": completion(0, "a") | {"created": created}}
    log = read([write([*EXPORTS["request and response"], odd])])
    assert (len(log.examples), log.examples[-1].at) == (len(SAID) + 1, None)


@pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
def test_what_is_nested_too_deeply_costs_one_row(shape: Shape) -> None:
    deep: Any = "x"
    for _ in range(20_000):
        deep = {"messages": deep, "message": deep, "kvlistValue": {"values": [{"key": "k", "value": deep}]}}
    chat = {"messages": deep, "response": deep, "custom_id": "a", "body": {"messages": deep}}
    attributes = [{"key": "gen_ai.input.messages", "value": deep}]
    traced = {"resourceSpans": [{"scopeSpans": [{"spans": [{"attributes": attributes}]}]}], "attributes": attributes}
    logged = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"attributes": attributes}]}]}], "context": {}}
    (found,) = shape.requests({**chat, **traced, **logged, "type": "GENERATION", "input": deep})
    assert isinstance(found, str)
    shape_of([{**chat, **traced, **logged}])


def test_several_choices_are_several_answers(write: Write) -> None:
    choices = [{"message": {"content": a}} for a in ("a", "b")]
    rows = [{"request": {"messages": asked(t)}, "response": {"choices": choices}} for t in SAID]
    assert {(e.answer, e.further_answers) for e in read([write(rows)]).examples} == {("a", ("b",))}


def test_a_template_is_refused_where_there_is_nothing_to_cut(write: Write) -> None:
    with pytest.raises(DataError, match="plain rows"):
        read([write([{"input": "x", "answer": "a"}])], template="Message: {input}")


def test_a_template_of_ones_own_cuts_and_rejects(write: Write) -> None:
    rows = [{"messages": [{"role": "user", "content": f"Text: {t}"}], "response": a} for _, t, a in NUMBERED]
    odd = {"messages": [{"role": "user", "content": "something else"}], "response": "refund"}
    log = read([write([*rows, odd])], template="Text: {input}")
    assert [e.input for e in log.examples] == SAID
    assert [r.reason for r in log.rejects] == ["the message does not fit the template"]
    assert log.template == "Text: {input}"
    with pytest.raises(DataError, match="no template @00000000 is learned"):
        read([write([*rows, odd])], template="@00000000")


def chat_rows(before: list[str], after: str = "") -> list[dict[str, Any]]:
    texts = [f"{chr(97 + i % 26) * 3} parcel {chr(97 + i % 7)} {chr(97 + i % 11) * 2}" for i in range(100)]
    return [
        {"messages": [{"role": "user", "content": before[i % len(before)] + text + after}], "response": "refund"}
        for i, text in enumerate(texts)
    ]


@pytest.mark.parametrize(
    ("before", "says"),
    [
        (["Please say what is meant in this "], "the requests share text .*fits 100.0%.*say what is meant in this {input}"),
        (["Classify: ", ""], "50.0% of 100 requests looked at have text around .* becomes a reject.*Classify: {input}"),
        (["Classify: ", "Label the intent: "], "100.0% of 100 requests looked at have text .*, in 2 forms; what does not"),
    ],
)  # fmt: skip
def test_a_frame_that_all_or_a_part_share_waits_for_a_template(write: Write, before: list[str], says: str) -> None:
    path = write(chat_rows(before))
    with pytest.raises(DataError, match=f"(?s){says}") as refused:
        read([path])
    (digest, *_) = re.findall("--template (@\\w+)   fits", str(refused.value))
    log = read([path], template=digest)
    assert len(log.examples) == 100 // len(before)
    assert {r.reason for r in log.rejects} <= {"the message does not fit the template"}
    assert all(" parcel " in e.input and ":" not in e.input for e in log.examples)
    assert len(read([path], template="{input}").examples) == 100


def test_words_that_requests_share_and_that_are_no_frame_are_said(write: Write) -> None:
    def told(*before: str, after: str = "") -> str:
        return read([write(chat_rows(list(before), after))]).found[-1]

    alone = "the last message, as a whole, is the input: 100 requests share no prompt around it"
    assert told("") == alone
    assert told("I want to ", "") == f"{alone}, though 50.0% of them begin with “I want to”" + CUT_OFF
    assert told("", after=" thanks") == f"{alone}, though 100.0% of them end with “thanks”" + CUT_OFF


@pytest.mark.parametrize("said", ['{"topic": "billing"}', "[1, 2]", '["billing"]', "{}", "5", "{not json"])
def test_an_answer_that_is_itself_json_is_an_answer(write: Write, said: str) -> None:
    rows = [{"messages": asked(f"question {n}"), "response": said} for n in range(3)]
    log = read([write(rows)])
    assert [example.answer for example in log.examples] == [said] * 3
    assert not log.rejects


def test_the_truth_beside_the_messages_is_found_by_its_name(write: Write) -> None:
    rows = [row | {"label": a} for row, a in zip(EXPORTS["request and response"], ANSWERS, strict=True)]
    log = read([write(rows)])
    same(log)
    assert [e.gold for e in log.examples] == ANSWERS
    assert any("gold=label" in sentence for sentence in log.found)
    with pytest.raises(DataError, match="both 'label' and 'category' could be the column `gold`"):
        read([write([row | {"category": "x"} for row in rows])])


def test_prompts_that_begin_alike_are_told_apart_where_they_part(write: Write) -> None:
    rows = EXPORTS["request and response"] + [
        {"request": {"messages": [{"role": "system", "content": SYSTEM + " Be brief."}, asked(t)[1]]}, "response": a}
        for _, t, a in NUMBERED
    ]
    with pytest.raises(DataError, match=r"mixes 2 values of `prompt_version`.*and going on “delivery. Be brief.”"):
        read([write(rows)])
