"""Streams: put together, said again, and held back at their end, however they are cut into pieces."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.gateway.wire.ending import Ending
from sizewise.gateway.wire.reading import usage
from sizewise.gateway.wire.replay import events
from sizewise.gateway.wire.stream import assembled

from .. import wire_bodies as said

SAYS = "Где посылка 🙂? \u202e\n\n\r\ndata: [DONE]\n\nevent: message_stop"
TOOL = {"type": "function", "name": "weather", "function": {"name": "weather", "parameters": {}}}
ASKED: dict[str, Any] = {
    "model": "m",
    "messages": [{"role": "user", "content": "x"}],
    "stream_options": {"include_usage": True},
}
KINDS: dict[str, Any] = {
    "chat": ("/v1/chat/completions", said.chat_completion, said.chat_chunks, ASKED),
    "two choices": ("/v1/chat/completions", said.chat_completion, said.chat_chunks, {**ASKED, "n": 2}),
    "tool": ("/v1/chat/completions", said.chat_completion, said.chat_chunks, {**ASKED, "tools": [TOOL]}),
    "legacy": ("/v1/completions", said.completion, said.completion_chunks, {"model": "m", "prompt": "x"}),
    "response": ("/v1/responses", said.response, said.response_events, {"model": "m", "input": "x"}),
    "message": ("/v1/messages", said.message, said.message_events, ASKED),
    "message with a tool": ("/v1/messages", said.message, said.message_events, {**ASKED, "tools": [TOOL]}),
}


def stream(kind: str) -> bytes:
    _, _, parts, asked = KINDS[kind]
    return b"".join(parts(asked, SAYS, "1"))


def plain(value: Any) -> Any:
    """Without what is None or empty, which a stream does not say."""
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items() if one is not None and one != [] and name != "index"}
    return [plain(one) for one in value] if isinstance(value, list) else value


@pytest.mark.parametrize("kind", KINDS)
def test_a_stream_adds_up_to_the_plain_answer(kind: str) -> None:
    _, whole, _, asked = KINDS[kind]
    put_together = assembled(stream(kind))
    assert put_together is not None
    expected, found = plain(whole(asked, SAYS, "1")), plain(json.loads(put_together))
    unsaid = {"usage", "service_tier", "system_fingerprint"}
    assert {name: found.get(name) for name in expected.keys() - unsaid} == {
        name: value for name, value in expected.items() if name not in unsaid
    }


@pytest.mark.parametrize("kind", KINDS)
def test_said_again_it_adds_up_to_the_same(kind: str) -> None:
    once = assembled(stream(kind))
    assert once is not None
    again = assembled(events(once, KINDS[kind][0]))
    assert again is not None
    assert plain(json.loads(again)) == plain(json.loads(once))


@given(st.sampled_from(sorted(KINDS)), st.lists(st.integers(0, 4_000), max_size=40), st.booleans())
def test_nothing_is_lost_and_the_end_waits(kind: str, cuts: list[int], carriage_returns: bool) -> None:
    whole = stream(kind)
    if carriage_returns:
        whole = whole.replace(b"\n", b"\r\n")
    places = sorted({0, len(whole), *(cut for cut in cuts if cut < len(whole))})
    ending, left = Ending(), b""
    for start, end in pairwise(places):
        left += ending.take(whole[start:end])
        assert whole.startswith(left + ending.held)
    assert left + ending.held == whole
    assert ending.whole
    last = ending.held.partition(b"\n")[0].strip()
    assert last in (b"data: [DONE]", b"event: message_stop", b"event: response.completed")


@given(st.binary(max_size=400))
def test_any_bytes_are_no_stream_or_one(noise: bytes) -> None:
    assembled(noise)
    ending = Ending()
    assert ending.take(noise) + ending.held == noise


@given(st.lists(st.recursive(st.none() | st.booleans() | st.integers(-9, 9) | st.text(max_size=3), lambda inner: (
    st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["choices", "delta", "index", "type", "message", "usage", "content_block", "error",
                                       "tool_calls", "response", "text", "logprobs", "id", "role"]), inner, max_size=4)
)), max_size=4))  # fmt: skip
def test_any_events_at_all(values: list[Any]) -> None:
    written = b"".join(b"data: " + msgspec.json.encode(value) + b"\n\n" for value in values)
    put_together = assembled(written)
    if put_together is not None:
        usage(json.loads(put_together).get("usage"))


def test_a_stream_that_was_cut_is_kept_as_far_as_it_came() -> None:
    whole = stream("chat")
    cut = assembled(whole[: len(whole) // 2])
    assert cut is not None
    choice = json.loads(cut)["choices"][0]
    assert SAYS.startswith(choice["message"]["content"])
    assert choice["finish_reason"] is None


def test_an_error_in_a_stream_is_kept() -> None:
    told = b'data: {"error": {"message": "overloaded", "code": null}}\n\n'
    put_together = assembled(b"".join(list(said.chat_chunks(ASKED, "Hi", "1"))[:2]) + told)
    assert put_together is not None
    assert json.loads(put_together)["error"]["message"] == "overloaded"


@pytest.mark.parametrize("odd", [None, [], "x", {"prompt_tokens": "7"}, {"prompt_tokens": -1}, {"input_tokens": True}])
def test_odd_usage_is_no_usage(odd: Any) -> None:
    assert usage(odd).prompt_tokens is None
