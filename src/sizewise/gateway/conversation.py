"""A chat request as the specialists see it: what leads up to the last message, and the last message's text."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import msgspec

from sizewise.data.formats.messages import ROLES

_ABSENT = msgspec.Raw()
_TEXT_PARTS = frozenset({"text", "input_text", "output_text", "refusal"})


class Asked(Protocol):
    """What is read of a request to ``/v1/chat/completions``: ``gateway.wire``'s ``ChatRequest`` is one.

    Fields that were not sent are ``None``, raw ones empty.
    """

    @property
    def model(self) -> str | None: ...
    @property
    def messages(self) -> msgspec.Raw: ...
    @property
    def stream(self) -> bool | None: ...
    @property
    def n(self) -> int | None: ...
    @property
    def max_tokens(self) -> int | None: ...
    @property
    def max_completion_tokens(self) -> int | None: ...
    @property
    def response_format(self) -> msgspec.Raw: ...
    @property
    def tools(self) -> msgspec.Raw: ...
    @property
    def tool_choice(self) -> msgspec.Raw: ...
    @property
    def functions(self) -> msgspec.Raw: ...
    @property
    def function_call(self) -> msgspec.Raw: ...
    @property
    def logprobs(self) -> bool | None: ...
    @property
    def modalities(self) -> msgspec.Raw: ...
    @property
    def audio(self) -> msgspec.Raw: ...
    @property
    def stop(self) -> msgspec.Raw: ...
    @property
    def stream_options(self) -> msgspec.Raw: ...


class Conversation(NamedTuple):
    """``lead`` is (role, text) of every message before the last, whose text is ``last``."""

    lead: tuple[tuple[str, str], ...]
    last: str

    @property
    def size(self) -> int:
        """The texts' length in bytes of UTF-8."""
        size = _size(self.last)
        for _, text in self.lead:
            size += _size(text)
        return size


def _size(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode())


class _Part(msgspec.Struct):
    type: str = "text"
    text: str | None = None
    refusal: str | None = None


class _Message(msgspec.Struct):
    role: str
    content: str | list[_Part] | None = None
    tool_calls: msgspec.Raw = _ABSENT
    function_call: msgspec.Raw = _ABSENT


_MESSAGES = msgspec.json.Decoder(list[_Message])


def conversation(messages: msgspec.Raw) -> Conversation | str:
    """The conversation in a request's ``messages``, or why no specialist can answer it."""
    try:
        decoded = _MESSAGES.decode(messages)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return "the messages are not written as texts"
    if not decoded:
        return "no messages in the request"
    told: list[tuple[str, str]] = []
    for message in decoded:
        if message.role in ("tool", "function") or _is_there(message.tool_calls) or _is_there(message.function_call):
            return "a tool call in the conversation"
        text = message.content if isinstance(message.content, str) else _joined(message.content)
        if text is None:
            return "a message that holds something other than text"
        told.append((ROLES.get(message.role, message.role), text))
    if told[-1][0] == "assistant":
        return "the conversation ends with the assistant"
    return Conversation(tuple(told[:-1]), told[-1][1])


def _joined(parts: list[_Part] | None) -> str | None:
    """The text of a message in parts, ``None`` where one is no text."""
    if parts is None:
        return None
    texts = [part.text if part.text is not None else part.refusal for part in parts if part.type in _TEXT_PARTS]
    held = [text for text in texts if text is not None]
    return "\n".join(held) if len(held) == len(parts) else None


def _is_there(raw: msgspec.Raw) -> bool:
    return raw is not _ABSENT and bytes(raw) not in (b"", b"null", b"[]")
