"""A request to ``/v1/chat/completions``, read no further than a gateway must."""

from __future__ import annotations

import msgspec

#: a field that was not sent
ABSENT = msgspec.Raw()


class ChatRequest(msgspec.Struct, frozen=True, gc=False):
    """The fields that decide who can answer. What was not sent is ``None``, or empty where it is kept raw."""

    messages: msgspec.Raw = ABSENT
    model: str | None = None
    stream: bool | None = None
    stream_options: msgspec.Raw = ABSENT
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: msgspec.Raw = ABSENT
    tools: msgspec.Raw = ABSENT
    tool_choice: msgspec.Raw = ABSENT
    functions: msgspec.Raw = ABSENT
    function_call: msgspec.Raw = ABSENT
    logprobs: bool | None = None
    modalities: msgspec.Raw = ABSENT
    audio: msgspec.Raw = ABSENT
    stop: msgspec.Raw = ABSENT


class _Named(msgspec.Struct, gc=False):
    model: str | None = None


_CHAT = msgspec.json.Decoder(ChatRequest)
_NAMED = msgspec.json.Decoder(_Named)
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def chat_request(body: bytes) -> ChatRequest | None:
    """The request, or ``None`` where the body is none: upstream then says what is wrong with it.

    >>> chat_request(b'{"model": "gpt-4o", "messages": [], "seed": 7}').model
    'gpt-4o'
    >>> chat_request(b'{"model": ') is None
    True
    """
    try:
        return _CHAT.decode(body)
    except _UNREADABLE:
        return None


def model_named(body: bytes) -> str | None:
    """The model that a JSON body names at its top level, if it does.

    >>> model_named(b'{"input": "x", "model": "text-embedding-3-small"}')
    'text-embedding-3-small'
    """
    try:
        return _NAMED.decode(body).model
    except _UNREADABLE:
        return None
