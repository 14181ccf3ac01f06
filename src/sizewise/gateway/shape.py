"""A specialist's label in the shape that the application is used to: OpenAI's chat completions, whole or streamed.

The objects are those of OpenAI's API reference, *Chat completions: the chat completion object* and *the chat completion
chunk object*. Usage is counted in the log's own tokens where the log had usage (by label for the answer, in bytes a
token for the request), else at four bytes of UTF-8 a token.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from math import ceil
from typing import Any

import msgspec

from sizewise.core.form import TaskForm
from sizewise.gateway.conversation import Asked
from sizewise.gateway.json_fit import fitting
from sizewise.gateway.recognition import Found
from sizewise.gateway.wire.chat import ABSENT

BYTES_PER_TOKEN = 4.0
MOST_CHOICES = 128
_NOTHING = (b"", b"null")


class _IncludeUsage(msgspec.Struct):
    include_usage: bool | None = None


def unable(request: Asked, form: TaskForm) -> str | None:
    """Why no specialist can do what a request asks for, whatever it is about; ``None`` where one can."""
    if _is_there(request.tools) and bytes(request.tools) != b"[]" and bytes(request.tool_choice) != b'"none"':
        required = bytes(request.tool_choice) not in (*_NOTHING, b'"auto"')
        if required or not form.tools:
            return "tools"
    if _is_there(request.functions) or _is_there(request.function_call):
        return "functions"
    if request.logprobs:
        return "logprobs"
    if _is_there(request.audio) or b'"audio"' in bytes(request.modalities):
        return "audio"
    if request.n is not None and not 1 <= request.n <= MOST_CHOICES:
        return f"n = {request.n}"
    return None


def _is_there(raw: msgspec.Raw) -> bool:
    return raw is not ABSENT and bytes(raw) not in _NOTHING


@dataclass(frozen=True, slots=True)
class Reply:
    """One answer on its way to a client: ``n`` equal choices with ``content``; ``model`` as the client named it."""

    model: str
    content: str
    n: int
    prompt_tokens: int
    completion_tokens: int
    include_usage: bool = False

    @property
    def _usage(self) -> dict[str, Any]:
        completion = self.completion_tokens * self.n
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }

    def completion(self, identifier: str, created: int) -> bytes:
        """The whole response as JSON. ``created`` in seconds since 1970."""
        message: dict[str, Any] = {"role": "assistant", "content": self.content, "refusal": None, "annotations": []}
        choices = [{"index": i, "message": message, "logprobs": None, "finish_reason": "stop"} for i in range(self.n)]
        return msgspec.json.encode(
            {
                "id": f"chatcmpl-{identifier}", "object": "chat.completion", "created": created, "model": self.model,
                "choices": choices, "usage": self._usage, "system_fingerprint": None,
            }
        )  # fmt: skip

    def stream(self, identifier: str, created: int) -> Iterator[bytes]:
        """The response as server-sent events; the last piece is ``data: [DONE]`` alone."""
        head = {
            "id": f"chatcmpl-{identifier}", "object": "chat.completion.chunk", "created": created,
            "model": self.model, "system_fingerprint": None,
        }  # fmt: skip
        tail: Mapping[str, Any] = {"usage": None} if self.include_usage else {}
        deltas: tuple[tuple[dict[str, Any], str | None], ...] = (
            ({"role": "assistant", "content": "", "refusal": None}, None),
            ({"content": self.content}, None),
            ({}, "stop"),
        )
        for delta, finished in deltas:
            for index in range(self.n):
                choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": finished}
                yield _event({**head, "choices": [choice], **tail})
        if self.include_usage:
            yield _event({**head, "choices": [], "usage": self._usage})
        yield b"data: [DONE]\n\n"


def _event(value: Mapping[str, Any]) -> bytes:
    return b"data: " + msgspec.json.encode(value) + b"\n\n"


def reply(label: str, request: Asked, found: Found, form: TaskForm) -> Reply | str:
    """``label`` in the shape that was asked for, or why it does not fit it."""
    content = found.answer.text(label)
    if _is_there(request.response_format) and not (found.usual and _same(request.response_format, form)):
        fitted = fitting(bytes(request.response_format), content, label)
        if fitted is None:
            return "the answer does not fit the response_format"
        content = fitted
    tokens = found.answer.tokens.get(label) or ceil(len(content.encode()) / BYTES_PER_TOKEN)
    limit = request.max_completion_tokens if request.max_completion_tokens is not None else request.max_tokens
    if limit is not None and limit < tokens:
        return f"max_tokens = {limit} would cut the answer"
    if _is_there(request.stop) and _stops(request.stop, content):
        return "a stop sequence would cut the answer"
    asked = ceil(found.size / (form.bytes_per_token or BYTES_PER_TOKEN))
    return Reply(request.model or "", content, request.n or 1, asked, tokens, _wants_usage(request))


def _same(response_format: msgspec.Raw, form: TaskForm) -> bool:
    """Whether the request asks for the form that the log's requests asked for."""
    return form.response_format is not None and _sorted(bytes(response_format)) == form.response_format


@lru_cache(256)
def _sorted(response_format: bytes) -> str | None:
    try:
        return json.dumps(json.loads(response_format), sort_keys=True)
    except (ValueError, RecursionError):
        return None


def _stops(stop: msgspec.Raw, content: str) -> bool:
    try:
        value = msgspec.json.decode(stop)
    except msgspec.DecodeError:
        return True
    stops = value if isinstance(value, list) else [value]
    return any(not isinstance(one, str) or (one and one in content) for one in stops)


def _wants_usage(request: Asked) -> bool:
    if not _is_there(request.stream_options):
        return False
    try:
        return bool(msgspec.json.decode(request.stream_options, type=_IncludeUsage).include_usage)
    except msgspec.DecodeError:
        return False
