"""Errors in the form that a client's library expects, so that it raises its own exception with our message."""

from __future__ import annotations

from typing import NamedTuple

import msgspec

#: OpenAI's name for a kind of error, by status; the rest are the server's
_OPENAI = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "invalid_request_error",
    405: "invalid_request_error", 408: "timeout_error", 409: "conflict_error", 411: "invalid_request_error",
    413: "invalid_request_error", 422: "invalid_request_error", 429: "rate_limit_error", 504: "timeout_error",
}  # fmt: skip
_ANTHROPIC = {
    400: "invalid_request_error", 401: "authentication_error", 403: "permission_error", 404: "not_found_error",
    405: "invalid_request_error", 408: "timeout_error", 411: "invalid_request_error", 413: "request_too_large",
    422: "invalid_request_error", 429: "rate_limit_error", 503: "overloaded_error", 504: "timeout_error",
}  # fmt: skip


class Refusal(NamedTuple):
    """What this server itself says no to, and why. ``retry_after`` in whole seconds."""

    status: int
    code: str
    message: str
    param: str | None = None
    retry_after: int | None = None


def speaks_anthropic(path: str) -> bool:
    """Whether the clients of ``path`` read errors in Anthropic's form.

    >>> speaks_anthropic("/v1/messages/count_tokens"), speaks_anthropic("/v1/chat/completions")
    (True, False)
    """
    return path == "/v1/messages" or path.startswith("/v1/messages/")


def error_body(refusal: Refusal, path: str) -> bytes:
    """The JSON of an error at ``path``."""
    if speaks_anthropic(path):
        kind = _ANTHROPIC.get(refusal.status, "api_error")
        return msgspec.json.encode({"type": "error", "error": {"type": kind, "message": refusal.message}})
    kind = _OPENAI.get(refusal.status, "server_error")
    said = {"message": refusal.message, "type": kind, "param": refusal.param, "code": refusal.code}
    return msgspec.json.encode({"error": said})


def error_event(refusal: Refusal, path: str) -> bytes:
    """The same as an event in a stream that has begun: what a client reads before the stream breaks off."""
    kind = b"event: error\n" if not path.endswith("/completions") else b""
    return kind + b"data: " + error_body(refusal, path) + b"\n\n"
