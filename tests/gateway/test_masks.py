"""``--mask``: personal data is gone from what is written, JSON stays JSON, names of the API stay names."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.exchange import Exchange
from sizewise.gateway.masks import masked, pseudonym

E_MAIL, CARD, PHONE = "anna.smirnova@example.com", "4111 1111 1111 1111", "+7 912 345-67-89"
REQUEST = {
    "model": "gpt-4o-2024-08-06",
    "user": "anna",
    "messages": [
        {"role": "system", "content": "Sort."},
        {"role": "user", "content": f"пишите на {E_MAIL} или {PHONE}"},
        {"role": "user", "content": [{"type": "text", "text": f"карта {CARD}"}]},
        {"role": "assistant", "tool_calls": [
            {"id": "call_123456789", "type": "function",
             "function": {"name": "pay", "arguments": json.dumps({"card": CARD, "phone": 79123456789, "sum": 12})}},
        ]},
    ],
    "max_tokens": 1_000_000_000,
}  # fmt: skip


def exchange(request: Any = b"", response: Any = b"", **values: Any) -> Exchange:
    def body(given: Any) -> bytes:
        return given if isinstance(given, bytes) else json.dumps(given, ensure_ascii=False).encode()

    at = datetime(2026, 3, 1, tzinfo=UTC)
    return Exchange("sw-1", at, "/v1/chat/completions", request=body(request), response=body(response), **values)


def test_what_is_personal_goes_and_the_rest_stays() -> None:
    clean = masked(exchange(REQUEST, {"id": "chatcmpl-123456789", "created": 1_772_000_000, "choices": []}))
    for personal in (E_MAIL, CARD, PHONE, "79123456789", '"anna"'):
        assert personal.encode() not in clean.request
    asked = json.loads(clean.request)
    assert asked["model"] == "gpt-4o-2024-08-06"
    assert asked["max_tokens"] == 1_000_000_000
    assert asked["user"] == pseudonym("anna")
    assert asked["messages"][1]["content"] == "пишите на ▇@▇ или ▇▇▇"
    call = asked["messages"][3]["tool_calls"][0]
    assert call["id"] == "call_123456789"
    assert json.loads(call["function"]["arguments"]) == {"card": "▇▇▇", "phone": "▇▇▇", "sum": 12}
    assert json.loads(clean.response) == {"id": "chatcmpl-123456789", "created": 1_772_000_000, "choices": []}
    assert clean.masked == {"email": 1, "phone": 1, "card": 2, "number": 1, "subject": 1}


def test_input_answer_and_subject_are_masked_too() -> None:
    clean = masked(exchange(input=f"mail {E_MAIL}", small_answer='{"to": "x@y.example"}', subject="anna"))
    assert (clean.input, clean.small_answer) == ("mail ▇@▇", '{"to": "▇@▇"}')
    assert clean.subject == pseudonym("anna")
    assert clean.masked == {"email": 2}


def test_what_holds_nothing_personal_is_kept_byte_for_byte() -> None:
    spaced = b'{ "model": "m",  "messages": [] }'
    clean = masked(exchange(spaced, b"plain text"))
    assert (clean.request, clean.response, clean.masked) == (spaced, b"plain text", {})


def test_pictures_sound_and_files_are_left_out() -> None:
    url = "data:image/png;base64," + "QUJD" * 1_000
    request = {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": url}}]}]}
    clean = masked(exchange(request, b"\x89PNG\xff\x00"))
    assert json.loads(clean.request)["messages"][0]["content"][0]["image_url"]["url"] == "data:image/png;base64,"
    assert clean.response == b""
    assert clean.masked == {"attachment": 2}


def test_long_texts_are_masked_to_their_end() -> None:
    long = "слово " * 20_000 + E_MAIL
    clean = masked(exchange({"messages": [{"role": "user", "content": long}]}))
    assert E_MAIL.encode() not in clean.request
    assert clean.masked == {"email": 1}


def test_a_body_that_is_no_json_is_masked_as_text() -> None:
    assert masked(exchange(f"data: {E_MAIL}\n\ndata: [DONE]".encode())).request == "data: ▇@▇\n\ndata: [DONE]".encode()


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)


@settings(deadline=None, max_examples=80)
@given(JSON)
def test_json_stays_json(value: Any) -> None:
    body = json.dumps({"messages": value}).encode()
    clean = json.loads(masked(exchange(body)).request)
    assert type(clean["messages"]) is type(value) or isinstance(value, str | int | float)


@settings(deadline=None, max_examples=80)
@given(st.binary(max_size=300), st.text(max_size=100))
def test_any_bytes_and_texts_are_taken(body: bytes, text: str) -> None:
    clean = masked(exchange(body, body, input=text, small_answer=text, subject=text))
    assert isinstance(clean.request, bytes)
    assert masked(clean).request == clean.request


@pytest.mark.parametrize("depth", [150, 900, 100_000])
def test_deep_nesting_costs_no_more_than_itself(depth: int) -> None:
    body = b'{"messages": ' + b"[" * depth + b'"' + E_MAIL.encode() + b'"' + b"]" * depth + b"}"
    assert E_MAIL.encode() not in masked(exchange(body)).request
