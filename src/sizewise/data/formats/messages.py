"""The pieces that requests to LLMs are made of, as the APIs and the tools that record them write them down.

Messages and choices follow OpenAI's chat completions (``openai.types.chat``: ``ChatCompletionMessageParam``,
``ChatCompletion``) and responses (``openai.types.responses``: ``Response.output``); parts also follow Anthropic's
content blocks and OpenTelemetry's message schemas (``gen-ai-input-messages.json``, ``gen-ai-output-messages.json``).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

#: the names that a role has beside its usual one
ROLES = {"developer": "system", "human": "user", "ai": "assistant", "model": "assistant"}
#: tuples, not sets: what a log gives as a type is looked up in them, and it may be a value that has no hash
_TEXT_PARTS = ("text", "input_text", "output_text", "refusal")
_THOUGHTS = ("reasoning", "thinking", "redacted_thinking")
_TOOL_PARTS = ("tool_call", "tool_call_response", "tool_use", "tool_result", "function_call", "function_call_output")
_RESPONSE_KEYS = {"choices", "output", "message", "completion", "text", "response", "content", "parts", "role", "error"}
_LATEST = datetime(9999, 1, 1, tzinfo=UTC).timestamp()


class Message(NamedTuple):
    """One message of a conversation: who says what."""

    role: str
    text: str


class Unusable(ValueError):
    """A request that is not one text and one answer; says why, in the words of a reject's reason."""


def loaded(value: Any) -> Any:
    """``value``, or what it holds where it is JSON in a text, as exports to CSV write it."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def messages_of(value: Any) -> tuple[Message, ...]:
    """The messages of a request: a list of them, an object that holds one, or a bare text. Raises ``Unusable``."""
    value = loaded(value)
    if isinstance(value, str):
        return (Message("user", value),)
    if isinstance(value, Mapping):
        for key in ("messages", "data", "input", "prompt"):
            if key in value:
                return (*instructions_of(value), *messages_of(value[key]))
        value = [value]
    if not isinstance(value, Sequence) or not value:
        raise Unusable("no messages in the request")
    return tuple(map(_message, value))


def instructions_of(asked: Mapping[str, Any]) -> tuple[Message, ...]:
    """What stands beside the messages of a request and leads them, as a message where it is there.

    ``system`` (Anthropic's Messages API) and ``instructions`` (OpenAI's Responses API): a text, or parts of one.
    """
    rules = asked.get("system") or asked.get("instructions")
    return (Message("system", text_of(rules)),) if rules and isinstance(rules, str | list) else ()


def _message(value: Any) -> Message:
    if not isinstance(value, Mapping) or not isinstance(value.get("role"), str):
        raise Unusable("a message without a role")
    role = ROLES.get(value["role"], value["role"])
    if role in ("tool", "function") or value.get("tool_calls") or value.get("function_call"):
        raise Unusable("a tool call in the conversation")
    return Message(str(role), text_of(value.get("parts", value.get("content"))))


def text_of(content: Any) -> str:
    """The text of a message's content; the model's thoughts are passed over. Raises ``Unusable`` for anything else."""
    if isinstance(content, str):
        return content
    if not isinstance(content, Sequence):
        raise Unusable("a message without text")
    texts = []
    for part in content:
        if isinstance(part, str):
            texts.append(part)
            continue
        kind = part.get("type", "text") if isinstance(part, Mapping) else None
        if kind in _THOUGHTS:
            continue
        if kind in _TOOL_PARTS:
            raise Unusable("a tool call in the conversation")
        if kind not in _TEXT_PARTS:
            raise Unusable("a message that holds something other than text")
        text = next((part[key] for key in ("text", "content", "refusal") if isinstance(part.get(key), str)), None)
        if text is None:
            raise Unusable("a message without text")
        texts.append(text)
    return "\n".join(texts)


def answer_of(value: Any) -> str | list[str]:
    """What the LLM said: a text, or a list where several choices were asked for. Raises ``Unusable``."""
    text, value = value, loaded(value)
    if isinstance(value, str):
        return value
    if isinstance(text, str) and not _is_response(value):
        return text  # the LLM answered in JSON
    if isinstance(value, Mapping):
        if isinstance(value.get("choices"), Sequence):
            return _alone([_choice(choice) for choice in value["choices"]])
        if isinstance(value.get("output"), Sequence) and not isinstance(value["output"], str):
            parts = [item for item in value["output"] if isinstance(item, Mapping)]
            return _alone([_said(item) for item in parts if item.get("type") not in _THOUGHTS])
        for key in ("message", "output", "completion", "text", "response"):
            if isinstance(value.get(key), str | Mapping):
                return answer_of(value[key])
        if "content" in value or "parts" in value:
            return _said(value)
        raise Unusable("no answer in the response")
    if isinstance(value, Sequence) and value and all(isinstance(item, Mapping) for item in value):
        return _alone([_said(item) for item in value])
    raise Unusable("no answer in the response")


def _is_response(value: Any) -> bool:
    """Whether what a text held is a response or messages as an API gives them, and not just an answer in JSON."""
    if isinstance(value, Mapping):
        return not value.keys().isdisjoint(_RESPONSE_KEYS)
    return bool(value) and all(isinstance(item, Mapping) and "role" in item for item in value)


def _choice(choice: Any) -> str:
    if not isinstance(choice, Mapping):
        raise Unusable("no answer in the response")
    if isinstance(choice.get("text"), str):
        return str(choice["text"])
    return _said(choice.get("message"))


def _said(message: Any) -> str:
    if not isinstance(message, Mapping):
        raise Unusable("no answer in the response")
    if message.get("tool_calls") or message.get("function_call") or message.get("type") in _TOOL_PARTS:
        raise Unusable("the answer is a tool call")
    content = message.get("parts", message.get("content"))
    if content is None:
        content = message.get("refusal")
    try:
        return text_of(content)
    except Unusable as error:
        raise Unusable(f"the answer: {error}") from None


def _alone(answers: list[str]) -> str | list[str]:
    if not answers:
        raise Unusable("no answer in the response")
    return answers[0] if len(answers) == 1 else answers


def usage_columns(usage: Any) -> dict[str, Any]:
    """Tokens by our names, from OpenAI's or Anthropic's names for them."""
    usage = loaded(usage)
    if not isinstance(usage, Mapping):
        return {}
    details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details") or {}
    cached = details.get("cached_tokens") if isinstance(details, Mapping) else None
    return {
        "prompt_tokens": first(usage, "prompt_tokens", "input_tokens"),
        "completion_tokens": first(usage, "completion_tokens", "output_tokens"),
        "cached_tokens": cached if cached is not None else usage.get("cache_read_input_tokens"),
    }


def first(record: Mapping[str, Any], *names: str) -> Any:
    """The first of ``names`` that the record has a value for."""
    return next((record[name] for name in names if record.get(name) is not None), None)


def moment(value: Any) -> datetime | None:
    """A time: ISO 8601, or seconds (milliseconds where they would lie after the year 9999) since 1970."""
    if isinstance(value, str):
        try:
            return _aware(datetime.fromisoformat(value.strip()))
        except ValueError:
            try:
                value = float(value)
            except ValueError:
                return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if not 0 <= value < 1_000 * _LATEST:  # a NaN, an infinity, and whole numbers beyond any float among them
        return None
    seconds = value if value < _LATEST else value / 1_000
    return datetime.fromtimestamp(seconds, UTC)


def _aware(at: datetime) -> datetime:
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def span(start: Any, end: Any) -> dict[str, Any]:
    """When a request began, and the milliseconds until it ended."""
    began, ended = moment(start), moment(end)
    took = (ended - began).total_seconds() * 1_000 if began and ended and ended >= began else None
    return {"at": began.isoformat() if began else None, "latency_ms": took}
