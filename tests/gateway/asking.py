"""Requests as a client sends them, read as the server reads them."""

from __future__ import annotations

import json
from typing import Any

import msgspec

Record = dict[str, Any]


class Request(msgspec.Struct, frozen=True):
    """The fields that the specialists' side reads."""

    messages: msgspec.Raw = msgspec.Raw()
    model: str | None = None
    stream: bool | None = None
    stream_options: msgspec.Raw = msgspec.Raw()
    n: int | None = None
    max_tokens: int | None = None
    max_completion_tokens: int | None = None
    response_format: msgspec.Raw = msgspec.Raw()
    tools: msgspec.Raw = msgspec.Raw()
    tool_choice: msgspec.Raw = msgspec.Raw()
    functions: msgspec.Raw = msgspec.Raw()
    function_call: msgspec.Raw = msgspec.Raw()
    logprobs: bool | None = None
    modalities: msgspec.Raw = msgspec.Raw()
    audio: msgspec.Raw = msgspec.Raw()
    stop: msgspec.Raw = msgspec.Raw()


def asked(messages: Any, model: str = "gpt-4o-mini", **options: Any) -> Request:
    """A request with these messages and options."""
    body = {"model": model, "messages": messages, **options}
    return msgspec.json.decode(json.dumps(body).encode(), type=Request)
