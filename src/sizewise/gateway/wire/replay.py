"""A stored answer as the stream that its client once asked for."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Json = dict[str, Any]


def events(response: bytes, path: str) -> bytes:
    """The events of a stream that adds up to ``response``, each text in one piece.

    >>> answer = b'{"object":"chat.completion","choices":[{"index":0,"message":{"content":"Hi"},"finish_reason":"stop"}]}'
    >>> events(answer, "/v1/chat/completions").count(b"data: ")
    3
    """
    whole = msgspec.json.decode(response)
    if not isinstance(whole, dict):
        return b"data: " + response + b"\n\n"
    if path.endswith("/messages"):
        return b"".join(_named(event) for event in _messages(whole))
    if path.endswith("/responses"):
        kind = {"failed": "response.failed", "incomplete": "response.incomplete"}.get(
            str(whole.get("status")), "response.completed"
        )
        return b"".join(_named(event) for event in _responses(whole, kind))
    pieces = [b"data: " + msgspec.json.encode(event) + b"\n\n" for event in _chat(whole)]
    return b"".join(pieces) + b"data: [DONE]\n\n"


def _named(event: Json) -> bytes:
    return b"event: " + str(event["type"]).encode() + b"\ndata: " + msgspec.json.encode(event) + b"\n\n"


def _chat(whole: Json) -> Iterator[Json]:
    kind = whole.get("object")
    head = {name: value for name, value in whole.items() if name not in ("choices", "usage")}
    if kind == "chat.completion":
        head["object"] = "chat.completion.chunk"
    usage = {"usage": None} if whole.get("usage") is not None else {}
    for choice in whole.get("choices") or []:
        said = {name: value for name, value in choice.items() if name not in ("message", "finish_reason")}
        if "message" in choice:
            delta = dict(choice["message"])
            calls = delta.get("tool_calls")
            if isinstance(calls, list):
                delta["tool_calls"] = [{"index": number, **one} for number, one in enumerate(calls)]
            said["delta"] = delta
        yield {**head, "choices": [{**said, "finish_reason": None}], **usage}
        end: Json = {"delta": {}} if "message" in choice else {"text": ""}
        last = {"index": choice.get("index", 0), **end, "finish_reason": choice.get("finish_reason")}
        yield {**head, "choices": [last], **usage}
    if usage:
        yield {**head, "choices": [], "usage": whole["usage"]}


def _messages(whole: Json) -> Iterator[Json]:
    start = {**whole, "content": [], "stop_reason": None, "stop_sequence": None}
    yield {"type": "message_start", "message": start}
    for index, block in enumerate(whole.get("content") or []):
        empty, delta = _block(block)
        yield {"type": "content_block_start", "index": index, "content_block": empty}
        if delta is not None:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    ended = {"stop_reason": whole.get("stop_reason"), "stop_sequence": whole.get("stop_sequence")}
    yield {"type": "message_delta", "delta": ended, "usage": whole.get("usage") or {}}
    yield {"type": "message_stop"}


def _block(block: Json) -> tuple[Json, Json | None]:
    kind = block.get("type")
    if kind == "text":
        return {**block, "text": ""}, {"type": "text_delta", "text": block.get("text", "")}
    if kind == "tool_use":
        written = msgspec.json.encode(block.get("input") or {}).decode()
        return {**block, "input": {}}, {"type": "input_json_delta", "partial_json": written}
    return block, None


def _responses(whole: Json, kind: str) -> Iterator[Json]:
    number = 0
    begun = {**whole, "status": "in_progress", "output": [], "usage": None}
    yield {"type": "response.created", "sequence_number": number, "response": begun}
    for place, item in enumerate(whole.get("output") or []):
        for part_place, part in enumerate(item.get("content") or []):
            if part.get("type") != "output_text":
                continue
            where = {"item_id": item.get("id"), "output_index": place, "content_index": part_place}
            number += 1
            yield {
                "type": "response.output_text.delta",
                "sequence_number": number,
                **where,
                "delta": part["text"],
                "logprobs": [],
            }
            number += 1
            yield {
                "type": "response.output_text.done",
                "sequence_number": number,
                **where,
                "text": part["text"],
                "logprobs": [],
            }
    yield {"type": kind, "sequence_number": number + 1, "response": whole}
