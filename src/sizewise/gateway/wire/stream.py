"""A stream of server-sent events, put together into the one object that it adds up to.

The events are those of OpenAI's API reference (chat completion chunks, legacy completions, the Responses API) and of
Anthropic's (messages, streaming).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

Json = dict[str, Any]
_DECODER = msgspec.json.Decoder(Json)
#: said once and not in pieces, however often they are said
_WHOLE = frozenset({"role", "id", "type", "name", "index", "object"})
_FINAL = ("response.completed", "response.failed", "response.incomplete")


def assembled(stream: bytes) -> bytes | None:
    """The object that a stream adds up to, as JSON; ``None`` where it is no stream that is known here.

    >>> pieces = b'data: {"id": "1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": {"content": "%s"}}]}\\n\\n'
    >>> assembled(pieces % b"Hel" + pieces % b"lo" + b"data: [DONE]\\n\\n")
    b'{"id":"1","object":"chat.completion","choices":[{"index":0,"message":{"role":"assistant","content":"Hello"},"finish_reason":null}]}'
    """
    try:
        events = list(_events(stream))
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    whole = _chat(events) or _messages(events) or _response(events)
    if whole is None:
        return None
    error = next((event["error"] for event in events if "error" in event), None)
    return msgspec.json.encode({**whole, "error": error} if error is not None else whole)


def _events(stream: bytes) -> Iterator[Json]:
    """The data of each event that is a JSON object; an unfinished last one is none."""
    if b"\r" in stream:
        stream = stream.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
    for event in stream.split(b"\n\n"):
        if event.startswith(b"data: {") and b"\n" not in event:
            data = event[6:]
        else:
            lines = [line[5:].removeprefix(b" ") for line in event.split(b"\n") if line.startswith(b"data:")]
            data = b"\n".join(lines)
        if data.startswith(b"{"):
            try:
                yield _DECODER.decode(data)
            except msgspec.DecodeError:
                if not stream.endswith(event):
                    raise


class _Choice:
    """One choice of a completion while its pieces come."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.message: Json = {"role": "assistant"}
        self.text: list[str] | None = None
        self.rest: Json = {"finish_reason": None}

    def add(self, piece: Json) -> None:
        for name, value in piece.items():
            if name == "delta" and isinstance(value, dict):
                _merge(self.message, value)
            elif name == "text" and isinstance(value, str):
                self.text = self.text or []
                self.text.append(value)
            elif name == "logprobs" and isinstance(value, dict):
                _merge(self.rest.setdefault("logprobs", {}), value)
            elif name != "index" and (value is not None or name not in self.rest):
                self.rest[name] = value

    def whole(self) -> Json:
        said: Json = {"text": "".join(self.text)} if self.text is not None else {"message": _joined(self.message)}
        return {"index": self.index, **said, **_joined(self.rest)}


def _chat(events: list[Json]) -> Json | None:
    """A chat completion, or a legacy one."""
    whole: Json = {}
    choices: dict[int, _Choice] = {}
    for event in events:
        if not isinstance(event.get("choices"), list):
            continue
        for name, value in event.items():
            if name != "choices" and (value is not None or name not in whole):
                whole[name] = value
        for piece in event["choices"]:
            if isinstance(piece, dict):
                index = piece.get("index")
                number = index if isinstance(index, int) else 0
                choices.setdefault(number, _Choice(number)).add(piece)
    if not whole and not choices:
        return None
    kind = whole.get("object")
    head = {**whole, "object": kind.removesuffix(".chunk")} if isinstance(kind, str) else whole
    return {**head, "choices": [choices[number].whole() for number in sorted(choices)]}


def _merge(into: Json, delta: Json) -> None:
    """Add a piece: texts are gathered in lists (see ``_joined``), lists by their items' ``index``."""
    for name, value in delta.items():
        held = into.get(name)
        if isinstance(value, str) and name not in _WHOLE:
            if isinstance(held, _Texts):
                held.append(value)
            else:
                into[name] = _Texts([value])
        elif isinstance(value, dict):
            if not isinstance(held, dict):
                held = into[name] = {}
            _merge(held, value)
        elif isinstance(value, list):
            if not isinstance(held, list):
                held = into[name] = []
            _merge_items(held, value)
        elif (value is not None or name not in into) and (value != "" or not held):
            into[name] = value


class _Texts(list[str]):
    """Pieces of one text."""


def _merge_items(into: list[Any], items: list[Any]) -> None:
    for item in items:
        index = item.get("index") if isinstance(item, dict) else None
        if not isinstance(index, int):
            into.append(item)
            continue
        held = next((one for one in into if isinstance(one, dict) and one.get("index") == index), None)
        if held is None:
            held = {}
            into.append(held)
        _merge(held, item)


def _joined(value: Any) -> Any:
    if isinstance(value, _Texts):
        return "".join(value)
    if isinstance(value, dict):
        return {name: _joined(one) for name, one in value.items()}
    return [_joined(one) for one in value] if isinstance(value, list) else value


def _messages(events: list[Json]) -> Json | None:
    """Anthropic's message."""
    whole: Json | None = None
    blocks: dict[int, Json] = {}
    for event in events:
        kind = event.get("type")
        if kind == "message_start" and isinstance(event.get("message"), dict):
            whole = dict(event["message"])
        elif kind == "content_block_start" and isinstance(event.get("content_block"), dict):
            blocks[event.get("index", 0)] = dict(event["content_block"])
        elif kind == "content_block_delta" and isinstance(event.get("delta"), dict):
            _add_delta(blocks.setdefault(event.get("index", 0), {}), event["delta"])
        elif kind == "message_delta" and whole is not None:
            whole |= event.get("delta") or {}
            whole["usage"] = (whole.get("usage") or {}) | (event.get("usage") or {})
    if whole is None:
        return None
    return {**whole, "content": [_closed(blocks[number]) for number in sorted(blocks)]}


def _add_delta(block: Json, delta: Json) -> None:
    for name, value in delta.items():
        if name == "citation":
            block.setdefault("citations", []).append(value)
        elif name != "type" and isinstance(value, str):
            held = block.get(name)
            if isinstance(held, _Texts):
                held.append(value)
            else:
                block[name] = _Texts([held, value] if isinstance(held, str) else [value])


def _closed(block: Json) -> Json:
    closed: Json = _joined(block)
    written = closed.pop("partial_json", None)
    if isinstance(written, str) and written:
        try:
            closed["input"] = msgspec.json.decode(written)
        except msgspec.DecodeError:
            closed["input"] = written
    return closed


def _response(events: list[Json]) -> Json | None:
    """The Responses API says the whole in its last event."""
    for event in reversed(events):
        if event.get("type") in _FINAL and isinstance(event.get("response"), dict):
            return dict(event["response"])
    return None
