"""What a recorded exchange says about itself: models, why it ended, tokens. Streams are put together on the way."""

from __future__ import annotations

from typing import Any

import msgspec

from sizewise.core.answer import Usage
from sizewise.core.exchange import Exchange, altered
from sizewise.gateway.wire.chat import model_named
from sizewise.gateway.wire.stream import assembled


class _Response(msgspec.Struct, gc=False):
    """The fields that are read, in whatever types an upstream gives them."""

    model: Any = None
    choices: Any = None
    usage: Any = None
    stop_reason: Any = None
    status: Any = None
    type: Any = None


_RESPONSE = msgspec.json.Decoder(_Response)


def filled(exchange: Exchange) -> Exchange:
    """``exchange`` with all that its bodies say. What the small model answered is written by ourselves, and known."""
    if exchange.route == "small":
        return exchange
    response, kind = exchange.response, exchange.response_type
    if exchange.streamed and (whole := assembled(response)) is not None:
        response, kind = whole, "application/json"
    known: dict[str, Any] = {"response": response, "response_type": kind}
    if exchange.model is None:
        known["model"] = model_named(exchange.request)
    try:
        said = _RESPONSE.decode(response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return altered(exchange, **known)
    used = usage(said.usage)
    return altered(
        exchange, **known, finish_reason=_finish_reason(said), answered_by=exchange.answered_by or _text(said.model),
        prompt_tokens=used.prompt_tokens, cached_tokens=used.cached_tokens, completion_tokens=used.completion_tokens,
    )  # fmt: skip


def usage(said: Any) -> Usage:
    """Tokens by any of the APIs' names for them. Prompt tokens include cached ones, which Anthropic counts apart.

    >>> usage({"input_tokens": 5, "output_tokens": 2, "cache_read_input_tokens": 90, "cache_creation_input_tokens": 0})
    Usage(prompt_tokens=95, cached_tokens=90, completion_tokens=2, cost_usd=None)
    """
    if not isinstance(said, dict):
        return Usage()
    if "prompt_tokens" in said or ("total_tokens" in said and "input_tokens" not in said):
        details = said.get("prompt_tokens_details")
        return Usage(_count(said, "prompt_tokens"), _count(details, "cached_tokens"), _count(said, "completion_tokens"))
    prompt, completion = _count(said, "input_tokens"), _count(said, "output_tokens")
    if "cache_read_input_tokens" in said or "cache_creation_input_tokens" in said:
        cached = _count(said, "cache_read_input_tokens") or 0
        written = _count(said, "cache_creation_input_tokens") or 0
        return Usage(None if prompt is None else prompt + cached + written, cached, completion)
    return Usage(prompt, _count(said.get("input_tokens_details"), "cached_tokens"), completion)


def answer_text(response: bytes) -> str | None:
    """What the first choice of a chat completion says; ``None`` where it is no text."""
    try:
        said = _RESPONSE.decode(response)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    message = _first(said.choices).get("message")
    content = message.get("content") if isinstance(message, dict) else None
    return content if isinstance(content, str) else None


def _finish_reason(said: _Response) -> str | None:
    if said.choices is not None:
        return _text(_first(said.choices).get("finish_reason"))
    return _text(said.stop_reason) or _text(said.status)


def _first(choices: Any) -> dict[str, Any]:
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _count(said: Any, name: str) -> int | None:
    value = said.get(name) if isinstance(said, dict) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None
