"""Answers in OpenAI's shape, as the SDK's own types read them; what cannot be given goes to the large model."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from sizewise.core.form import AnswerForm, Lead, TaskForm
from sizewise.data.prompts import fingerprint
from sizewise.gateway.recognition import Recognition
from sizewise.gateway.shape import Reply, reply, unable

from .asking import Request, asked
from .chat_logs import SYSTEM, messages

JSON_OBJECT = {"type": "json_object"}
IN_JSON = AnswerForm('{"topic": "', '"}', "json", rows=50)


def form(answer: AnswerForm | None = None, **options: Any) -> TaskForm:
    lead = Lead(fingerprint([("system", SYSTEM)]), 50)
    return TaskForm(rows=50, leads=(lead,), answer=answer or AnswerForm(rows=50), **options)


def replied(label: str, request: Request, shape: TaskForm | None = None) -> Reply | str:
    shape = shape or form()
    found = Recognition({"shop": shape}).find({}, request)
    assert found is not None
    assert found.passes is None
    return reply(label, request, found, shape)


def given_reply(label: str = "refund", shape: TaskForm | None = None, **options: Any) -> Reply:
    made = replied(label, asked(messages("hi"), **options), shape)
    assert isinstance(made, Reply), made
    return made


def schema(**inner: Any) -> dict[str, Any]:
    return {
        "type": "json_schema",
        "json_schema": {"name": "topic", "strict": True, "schema": {"type": "object", **inner}},
    }


TOPIC = schema(
    properties={"topic": {"type": "string", "enum": ["refund"]}}, required=["topic"], additionalProperties=False
)


@pytest.mark.parametrize("label", ["refund", "возврат 😀", 'a "quoted"\nlabel', ""])
@pytest.mark.parametrize("n", [None, 1, 3])
def test_the_sdk_reads_a_completion(label: str, n: int | None) -> None:
    made = given_reply(label, n=n, model="gpt-4o-mini")
    body = made.completion("0123", 1_760_000_000)
    completion = ChatCompletion.model_validate(json.loads(body), strict=True)
    assert [choice.message.content for choice in completion.choices] == [label] * (n or 1)
    assert [choice.index for choice in completion.choices] == list(range(n or 1))
    assert {choice.finish_reason for choice in completion.choices} == {"stop"}
    assert (completion.id, completion.created, completion.model) == ("chatcmpl-0123", 1_760_000_000, "gpt-4o-mini")
    assert completion.usage is not None
    assert completion.usage.total_tokens == completion.usage.prompt_tokens + completion.usage.completion_tokens


@pytest.mark.parametrize("label", ["refund", "возврат 😀", 'a "quoted"\nlabel', ""])
@pytest.mark.parametrize(("n", "usage"), [(1, False), (2, False), (2, True)])
def test_the_sdk_reads_a_stream(label: str, n: int, usage: bool) -> None:
    options: dict[str, Any] = {"stream_options": {"include_usage": True}} if usage else {}
    *events, last = given_reply(label, n=n, stream=True, **options).stream("0123", 1_760_000_000)
    assert last == b"data: [DONE]\n\n"
    assert all(event.startswith(b"data: {") and event.endswith(b"}\n\n") for event in events)
    chunks = [ChatCompletionChunk.model_validate(json.loads(event[6:]), strict=True) for event in events]
    told = ["".join(c.delta.content or "" for chunk in chunks for c in chunk.choices if c.index == i) for i in range(n)]
    assert told == [label] * n
    for index in range(n):
        own = [c for chunk in chunks for c in chunk.choices if c.index == index]
        assert own[0].delta.role == "assistant"
        assert [c.finish_reason for c in own] == [None] * (len(own) - 1) + ["stop"]
    if usage:
        assert chunks[-1].choices == []
        assert chunks[-1].usage is not None
        assert [chunk.usage for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert b'"usage"' in events[0] if usage else b'"usage"' not in b"".join(events)


def test_tokens_are_the_logs_where_it_had_them() -> None:
    shape = form(AnswerForm(rows=50, tokens={"refund": 7}), bytes_per_token=2.0)
    made = given_reply("refund", shape, n=2)
    assert (made.completion_tokens, made.prompt_tokens) == (7, -(-(len(SYSTEM.encode()) + 2) // 2))
    usage = json.loads(made.completion("x", 1))["usage"]
    assert usage["completion_tokens"] == 14
    assert given_reply("delivery", shape).completion_tokens == 2


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tools": [{"type": "function"}], "tool_choice": "required"}, "tools"),
        ({"functions": [{"name": "f"}]}, "functions"),
        ({"logprobs": True}, "logprobs"),
        ({"modalities": ["text", "audio"]}, "audio"),
        ({"audio": {"voice": "x"}}, "audio"),
        ({"n": 0}, "n = 0"),
        ({"n": 1_000}, "n = 1000"),
        ({"tools": [], "logprobs": False, "n": None, "functions": None}, None),
        ({"tools": [{"type": "function"}], "tool_choice": "none"}, None),
        ({"temperature": 0.2, "top_p": 1, "seed": 3, "user": "u", "metadata": {}, "modalities": ["text"]}, None),
    ],
)
def test_what_no_specialist_can_do(options: dict[str, Any], why: str | None) -> None:
    assert unable(asked(messages("hi"), **options), form()) == why


def test_tools_that_the_log_offered_and_never_needed_are_no_hindrance() -> None:
    assert unable(asked(messages("hi"), tools=[{"type": "function"}]), form(tools=True)) is None
    required = asked(messages("hi"), tools=[{"type": "function"}], tool_choice="required")
    assert unable(required, form(tools=True)) == "tools"


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"max_tokens": 1}, "max_tokens = 1 would cut the answer"),
        ({"max_completion_tokens": 1, "max_tokens": 100}, "max_tokens = 1 would cut the answer"),
        ({"stop": "fun"}, "a stop sequence would cut the answer"),
        ({"stop": ["\n", "ref"]}, "a stop sequence would cut the answer"),
        ({"stop": 7}, "a stop sequence would cut the answer"),
        ({"response_format": JSON_OBJECT}, "the answer does not fit the response_format"),
        ({"response_format": {"type": "grammar"}}, "the answer does not fit the response_format"),
        ({"response_format": "json"}, "the answer does not fit the response_format"),
    ],
)
def test_an_answer_that_would_not_be_what_was_asked_for(options: dict[str, Any], why: str) -> None:
    assert replied("refund", asked(messages("hi"), **options)) == why


@pytest.mark.parametrize(
    ("answer", "wanted", "content"),
    [
        (None, {"type": "text"}, "refund"),
        (None, TOPIC, '{"topic":"refund"}'),
        (IN_JSON, None, '{"topic": "refund"}'),
        (IN_JSON, JSON_OBJECT, '{"topic": "refund"}'),
        (IN_JSON, TOPIC, '{"topic": "refund"}'),
        (AnswerForm("```json\n{", "}\n```"), {"type": "text"}, "```json\n{refund}\n```"),
    ],
)
def test_a_response_format_is_honoured(answer: AnswerForm | None, wanted: Any, content: str) -> None:
    options = {"response_format": wanted} if wanted else {}
    assert given_reply("refund", form(answer), **options).content == content


@pytest.mark.parametrize(
    "wanted",
    [
        schema(properties={"topic": {"enum": ["delivery"]}}, required=["topic"]),
        schema(properties={"topic": {"type": "string"}, "why": {"type": "string"}}, required=["topic", "why"]),
        schema(properties={"topic": {"type": "string", "pattern": "^r"}}, required=["topic"]),
        schema(properties={"topic": {"$ref": "#/x"}}, required=["topic"]),
        schema(properties={"topic": {"type": "integer"}}, required=["topic"]),
        schema(properties={"topic": {"type": "string", "maxLength": 2}}, required=["topic"]),
        schema(properties={"label": {"type": "string"}}, additionalProperties=False),
    ],
)
def test_a_schema_that_is_not_met_goes_to_the_large_model(wanted: Any) -> None:
    made = replied("refund", asked(messages("hi"), response_format=wanted), form(IN_JSON))
    assert made == "the answer does not fit the response_format"


def test_the_formats_of_the_log_itself_need_no_check() -> None:
    odd = schema(properties={"topic": {"type": "string", "pattern": "^[a-z]+$"}}, required=["topic"])
    shape = form(IN_JSON, response_format=json.dumps(odd, sort_keys=True))
    assert given_reply("refund", shape, response_format=odd).content == '{"topic": "refund"}'


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=6),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["type", "schema", "json_schema", "properties", "required", "enum", "const", "x"]), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(
    st.fixed_dictionaries(
        {},
        optional={
            "response_format": VALUES, "stop": VALUES, "tools": VALUES, "tool_choice": VALUES, "stream_options": VALUES,
            "modalities": VALUES, "audio": VALUES, "functions": VALUES, "n": st.integers(-2, 200), "max_tokens": st.integers(-5, 50),
        },
    )
)  # fmt: skip
def test_whatever_is_asked_for_gets_an_answer_or_a_reason(options: dict[str, Any]) -> None:
    request = asked(messages("hi"), **options)
    if unable(request, form()) is None:
        made = replied("refund", request)
        if isinstance(made, Reply):
            ChatCompletion.model_validate(json.loads(made.completion("1", 2)))
            assert b"".join(made.stream("1", 2)).endswith(b"data: [DONE]\n\n")
