"""What an LLM's API sends: bodies and events in the wire formats, each after the type that the official SDK parses it into.

The types are those of the package ``openai`` 3.54 (module ``openai.types``) and ``anthropic`` 0.125 (``anthropic.types``).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

CREATED = 1_767_225_600
USAGE = {
    "prompt_tokens": 21, "completion_tokens": 5, "total_tokens": 26,
    "prompt_tokens_details": {"cached_tokens": 8, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0},
}  # fmt: skip
TOOL_ARGUMENTS = {"city": "Москва", "unit": "°C"}

Json = Mapping[str, Any]


def compact(body: Any) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def _tool_of(request: Json) -> str | None:
    """The tool that is called: the first one offered, unless its result is there already."""
    tools, messages = request.get("tools") or [], request.get("messages") or [{}]
    if not tools or request.get("tool_choice") == "none" or messages[-1].get("role") == "tool":
        return None
    return str(tools[0].get("function", {}).get("name") or tools[0].get("name"))


def chat_completion(request: Json, says: str, call: str) -> dict[str, Any]:
    """``openai.types.chat.ChatCompletion``."""
    message: dict[str, Any] = {"role": "assistant", "content": says, "refusal": None, "annotations": []}
    reason = "stop"
    if tool := _tool_of(request):
        arguments = json.dumps(TOOL_ARGUMENTS, ensure_ascii=False)
        reason = "tool_calls"
        message |= {
            "content": None,
            "tool_calls": [{"id": "call_1", "type": "function", "function": {"name": tool, "arguments": arguments}}],
        }
    choice = {"message": message, "logprobs": None, "finish_reason": reason}
    return {
        "id": f"chatcmpl-{call}", "object": "chat.completion", "created": CREATED, "model": request.get("model"),
        "choices": [{"index": index, **choice} for index in range(request.get("n") or 1)],
        "usage": USAGE, "service_tier": "default", "system_fingerprint": "fp_script",
    }  # fmt: skip


def chat_chunks(request: Json, says: str, call: str) -> Iterator[bytes]:
    """``openai.types.chat.ChatCompletionChunk`` as server-sent events, ``data: [DONE]`` last."""
    head = {
        "id": f"chatcmpl-{call}",
        "object": "chat.completion.chunk",
        "created": CREATED,
        "model": request.get("model"),
    }
    options = request.get("stream_options") or {}
    usage: dict[str, Any] = {"usage": None} if options.get("include_usage") else {}

    def event(index: int, delta: Json, reason: str | None = None) -> bytes:
        choice = {"index": index, "delta": delta, "logprobs": None, "finish_reason": reason}
        return b"data: " + compact({**head, "choices": [choice], **usage}) + b"\n\n"

    for index in range(request.get("n") or 1):
        if tool := _tool_of(request):
            arguments = json.dumps(TOOL_ARGUMENTS, ensure_ascii=False)
            function = {"name": tool, "arguments": ""}
            yield event(index, {"role": "assistant", "content": None, "tool_calls": [
                {"index": 0, "id": "call_1", "type": "function", "function": function}]})  # fmt: skip
            for start in range(0, len(arguments), 7):
                part = {"index": 0, "function": {"arguments": arguments[start : start + 7]}}
                yield event(index, {"tool_calls": [part]})
            yield event(index, {}, "tool_calls")
            continue
        yield event(index, {"role": "assistant", "content": "", "refusal": None})
        for start in range(0, len(says), 4):
            yield event(index, {"content": says[start : start + 4]})
        yield event(index, {}, "stop")
    if usage:
        yield b"data: " + compact({**head, "choices": [], "usage": USAGE}) + b"\n\n"
    yield b"data: [DONE]\n\n"


def completion(request: Json, says: str, call: str) -> dict[str, Any]:
    """``openai.types.Completion``, the legacy endpoint."""
    choice = {"index": 0, "text": says, "logprobs": None, "finish_reason": "stop"}
    return {
        "id": f"cmpl-{call}", "object": "text_completion", "created": CREATED, "model": request.get("model"),
        "choices": [choice], "usage": USAGE,
    }  # fmt: skip


def completion_chunks(request: Json, says: str, call: str) -> Iterator[bytes]:
    """``openai.types.Completion`` again and again, as the legacy endpoint streams."""
    whole = completion(request, says, call)
    for start in range(0, len(says), 4):
        part = {"index": 0, "text": says[start : start + 4], "logprobs": None, "finish_reason": None}
        yield b"data: " + compact({**whole, "choices": [part], "usage": None}) + b"\n\n"
    last = {"index": 0, "text": "", "logprobs": None, "finish_reason": "stop"}
    yield b"data: " + compact({**whole, "choices": [last], "usage": None}) + b"\n\n"
    yield b"data: [DONE]\n\n"


def response(request: Json, says: str, call: str, status: str = "completed") -> dict[str, Any]:
    """``openai.types.responses.Response`` with one ``ResponseOutputMessage``."""
    text = {"type": "output_text", "text": says, "annotations": []}
    message = {"id": f"msg_{call}", "type": "message", "role": "assistant", "status": status, "content": [text]}
    done = status == "completed"
    return {
        "id": f"resp_{call}", "object": "response", "created_at": CREATED, "status": status, "error": None,
        "incomplete_details": None, "instructions": None, "metadata": {}, "model": request.get("model"),
        "output": [message] if done else [], "parallel_tool_calls": True, "temperature": 1.0, "tool_choice": "auto",
        "tools": [], "top_p": 1.0,
        "usage": {"input_tokens": 21, "input_tokens_details": {"cached_tokens": 8}, "output_tokens": 5,
                  "output_tokens_details": {"reasoning_tokens": 0}, "total_tokens": 26} if done else None,
    }  # fmt: skip


def response_events(request: Json, says: str, call: str) -> Iterator[bytes]:
    """``openai.types.responses.ResponseStreamEvent``: named events, no ``[DONE]``."""
    item, number = f"msg_{call}", 0

    def event(name: str, **body: Any) -> bytes:
        nonlocal number
        number += 1
        return (
            f"event: {name}\ndata: ".encode() + compact({"type": name, "sequence_number": number - 1, **body}) + b"\n\n"
        )

    where = {"item_id": item, "output_index": 0, "content_index": 0}
    opening = {"id": item, "type": "message", "role": "assistant", "status": "in_progress", "content": []}
    whole = response(request, says, call)
    yield event("response.created", response=response(request, says, call, "in_progress"))
    yield event("response.in_progress", response=response(request, says, call, "in_progress"))
    yield event("response.output_item.added", output_index=0, item=opening)
    yield event("response.content_part.added", **where, part={"type": "output_text", "text": "", "annotations": []})
    for start in range(0, len(says), 4):
        yield event("response.output_text.delta", **where, delta=says[start : start + 4], logprobs=[])
    yield event("response.output_text.done", **where, text=says, logprobs=[])
    yield event("response.content_part.done", **where, part=whole["output"][0]["content"][0])
    yield event("response.output_item.done", output_index=0, item=whole["output"][0])
    yield event("response.completed", response=whole)


def message(request: Json, says: str, call: str) -> dict[str, Any]:
    """``anthropic.types.Message``."""
    content: list[dict[str, Any]] = [{"type": "text", "text": says}]
    reason = "end_turn"
    if tool := _tool_of(request):
        content, reason = [{"type": "tool_use", "id": "toolu_1", "name": tool, "input": TOOL_ARGUMENTS}], "tool_use"
    return {
        "id": f"msg_{call}", "type": "message", "role": "assistant", "model": request.get("model"), "content": content,
        "stop_reason": reason, "stop_sequence": None,
        "usage": {"input_tokens": 13, "cache_read_input_tokens": 8, "cache_creation_input_tokens": 0, "output_tokens": 5},
    }  # fmt: skip


def message_events(request: Json, says: str, call: str) -> Iterator[bytes]:
    """``anthropic.types.RawMessageStreamEvent``: named events, ``message_stop`` last."""

    def event(name: str, **body: Any) -> bytes:
        return f"event: {name}\ndata: ".encode() + compact({"type": name, **body}) + b"\n\n"

    whole = message(request, says, call)
    opening = {**whole, "content": [], "stop_reason": None, "usage": {**whole["usage"], "output_tokens": 1}}
    yield event("message_start", message=opening)
    for index, block in enumerate(whole["content"]):
        if block["type"] == "text":
            empty, kind, name, text = {**block, "text": ""}, "text_delta", "text", says
        else:
            empty, kind, name = {**block, "input": {}}, "input_json_delta", "partial_json"
            text = json.dumps(TOOL_ARGUMENTS, ensure_ascii=False)
        yield event("content_block_start", index=index, content_block=empty)
        yield event("ping")
        for start in range(0, len(text), 7):
            yield event("content_block_delta", index=index, delta={"type": kind, name: text[start : start + 7]})
        yield event("content_block_stop", index=index)
    ending = {"stop_reason": whole["stop_reason"], "stop_sequence": None}
    yield event("message_delta", delta=ending, usage={"output_tokens": 5})
    yield event("message_stop")


def embeddings(request: Json) -> dict[str, Any]:
    """``openai.types.CreateEmbeddingResponse``."""
    given = request.get("input")
    texts = given if isinstance(given, list) else [given]
    data = [{"object": "embedding", "index": index, "embedding": [0.25, -0.5, 1.0]} for index in range(len(texts))]
    return {
        "object": "list",
        "data": data,
        "model": request.get("model"),
        "usage": {"prompt_tokens": 8, "total_tokens": 8},
    }


def models(names: list[str]) -> dict[str, Any]:
    """A page of ``openai.types.Model``."""
    return {
        "object": "list",
        "data": [{"id": name, "object": "model", "created": CREATED, "owned_by": "script"} for name in names],
    }


def stored_file(size: int, name: str) -> dict[str, Any]:
    """``openai.types.FileObject``."""
    return {
        "id": "file-1", "object": "file", "bytes": size, "created_at": CREATED, "filename": name,
        "purpose": "batch", "status": "processed",
    }  # fmt: skip


def error(message: str, kind: str, code: str | None) -> dict[str, Any]:
    """What ``openai.APIStatusError`` reads: ``openai.types.shared.ErrorObject`` under ``error``."""
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}
