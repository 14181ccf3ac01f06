# ruff: noqa: ARG001 - the functions of all providers are called alike
"""What each provider sends, byte for byte by its own types: plain answers, streams, errors.

Each shape names the type of the provider's SDK that it follows; the SDK itself reads it in the tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

JSON = dict[str, Any]

#: our words for how an answer ended → each provider's
ENDED = {
    "openai": {"stop": "stop", "length": "length", "content_filter": "content_filter"},
    "anthropic": {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"},
    "cohere": {"stop": "COMPLETE", "length": "MAX_TOKENS", "content_filter": "ERROR"},
    "gemini": {"stop": "STOP", "length": "MAX_TOKENS", "content_filter": "SAFETY"},
}


def openai(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> JSON:
    """openai.types.chat.ChatCompletion, usage as openai.types.CompletionUsage."""
    message: JSON = {"role": "assistant", "content": text, "refusal": None, "annotations": []}
    choice = {"index": 0, "message": message, "logprobs": None, "finish_reason": ENDED["openai"][ended]}
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1_790_000_000, "model": model,
        "choices": [choice], "usage": _openai_usage(tokens), "service_tier": "default", "system_fingerprint": "fp_1",
    }  # fmt: skip


def _openai_usage(tokens: tuple[int, int]) -> JSON:
    return {
        "prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens),
        "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
    }  # fmt: skip


def openai_stream(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> Iterator[bytes]:
    """openai.types.chat.ChatCompletionChunk; usage in a last chunk without choices (stream_options.include_usage)."""

    def chunk(choices: list[JSON], usage: JSON | None = None) -> bytes:
        told = {
            "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1_790_000_000, "model": model,
            "choices": choices, "usage": usage,
        }  # fmt: skip
        return f"data: {json.dumps(told)}\n\n".encode()

    yield chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
    for piece in pieces(text):
        yield chunk([{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
    yield chunk([{"index": 0, "delta": {}, "finish_reason": ENDED["openai"][ended]}])
    yield chunk([], _openai_usage(tokens))
    yield b"data: [DONE]\n\n"


def openai_error(status: int, message: str, code: str | None = None, kind: str = "invalid_request_error",
                 param: str | None = None) -> JSON:  # fmt: skip
    """The body that openai.APIStatusError reads: https://developers.openai.com/api/docs/guides/error-codes."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def anthropic(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> JSON:
    """anthropic.types.Message, usage as anthropic.types.Usage."""
    return {
        "id": "msg_1", "type": "message", "role": "assistant", "model": model,
        "content": [{"type": "text", "text": text}], "stop_reason": ENDED["anthropic"][ended], "stop_sequence": None,
        "usage": {
            "input_tokens": tokens[0], "output_tokens": tokens[1], "cache_creation_input_tokens": 0,
            "cache_read_input_tokens": 0, "service_tier": "standard",
        },
    }  # fmt: skip


def anthropic_stream(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> Iterator[bytes]:
    """anthropic.types.RawMessageStreamEvent: message_start, content_block_*, message_delta, message_stop."""

    def event(name: str, **data: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()

    begun = anthropic("", model, (tokens[0], 1)) | {"content": [], "stop_reason": None}
    yield event("message_start", message=begun)
    yield event("content_block_start", index=0, content_block={"type": "text", "text": ""})
    yield event("ping")
    for piece in pieces(text):
        yield event("content_block_delta", index=0, delta={"type": "text_delta", "text": piece})
    yield event("content_block_stop", index=0)
    delta = {"stop_reason": ENDED["anthropic"][ended], "stop_sequence": None}
    yield event("message_delta", delta=delta, usage={"output_tokens": tokens[1]})
    yield event("message_stop")


def anthropic_error(status: int, message: str, kind: str = "invalid_request_error") -> JSON:
    """anthropic.types.ErrorResponse."""
    return {"type": "error", "error": {"type": kind, "message": message}, "request_id": "req_1"}


def cohere(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> JSON:
    """cohere.V2ChatResponse, usage as cohere.types.Usage; the answer does not name its model."""
    return {
        "id": "c14c80c3", "finish_reason": ENDED["cohere"][ended],
        "message": {"role": "assistant", "content": [{"type": "text", "text": text}]}, "usage": _cohere_usage(tokens),
    }  # fmt: skip


def _cohere_usage(tokens: tuple[int, int]) -> JSON:
    counts = {"input_tokens": tokens[0], "output_tokens": tokens[1]}
    return {"billed_units": counts, "tokens": counts}


def cohere_stream(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> Iterator[bytes]:
    """cohere.V2ChatStreamResponse: message-start, content-start, content-delta, content-end, message-end."""

    def event(name: str, **data: Any) -> bytes:
        return f"event: {name}\ndata: {json.dumps({'type': name, **data})}\n\n".encode()

    yield event("message-start", id="29f14a5a", delta={"message": {"role": "assistant", "content": []}})
    yield event("content-start", index=0, delta={"message": {"content": {"type": "text", "text": ""}}})
    for piece in pieces(text):
        yield event("content-delta", index=0, delta={"message": {"content": {"text": piece}}})
    yield event("content-end", index=0)
    yield event("message-end", delta={"finish_reason": ENDED["cohere"][ended], "usage": _cohere_usage(tokens)})
    yield b"data: [DONE]\n\n"


def cohere_error(status: int, message: str) -> JSON:
    """The body of cohere.core.ApiError: https://docs.cohere.com/reference/errors."""
    return {"id": "7bc3a2d4", "message": message}


def gemini(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> JSON:
    """google.genai.types.GenerateContentResponse in the API's own camelCase."""
    candidate: JSON = {"finishReason": ENDED["gemini"][ended], "index": 0}
    if text:
        candidate["content"] = {"role": "model", "parts": [{"text": text}]}
    return {
        "candidates": [candidate], "modelVersion": model, "responseId": "r1",
        "usageMetadata": {
            "promptTokenCount": tokens[0], "candidatesTokenCount": tokens[1], "totalTokenCount": sum(tokens),
        },
    }  # fmt: skip


def gemini_stream(text: str, model: str, tokens: tuple[int, int], ended: str = "stop") -> Iterator[bytes]:
    """google.genai.types.GenerateContentResponse a chunk, ``alt=sse``; the last one has the reason and the usage."""
    parts = pieces(text)
    for number, piece in enumerate(parts):
        chunk = gemini(piece, model, tokens, ended)
        if number + 1 < len(parts):
            del chunk["candidates"][0]["finishReason"]
        yield f"data: {json.dumps(chunk)}\r\n\r\n".encode()


def gemini_error(status: int, message: str, kind: str = "INVALID_ARGUMENT", details: list[JSON] | None = None) -> JSON:
    """google.rpc.Status as google.genai.errors.APIError reads it."""
    return {"error": {"code": status, "message": message, "status": kind, "details": details or []}}


def pieces(text: str) -> list[str]:
    """A text in pieces of a few characters, as a stream brings it."""
    return [text[i : i + 4] for i in range(0, len(text), 4)]
