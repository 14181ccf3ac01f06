"""OpenTelemetry traces (OTLP JSON) of GenAI clients: messages on the span, or on its events.

The encoding is OTLP's JSON (opentelemetry-proto, ``TracesData``: ``resourceSpans``, ``scopeSpans``, ``spans``; 64-bit
numbers are texts). Names are those of the GenAI semantic conventions, *Spans* and *Events*: the attributes
``gen_ai.input.messages``, ``gen_ai.output.messages`` and ``gen_ai.system_instructions`` on the span or on the event
``gen_ai.client.inference.operation.details``; before them the events ``gen_ai.content.prompt`` and
``gen_ai.content.completion`` with the attributes ``gen_ai.prompt`` and ``gen_ai.completion``, and the events
``gen_ai.system.message``, ``gen_ai.user.message``, ``gen_ai.assistant.message`` and ``gen_ai.choice``.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sizewise.data.formats.messages import Message, Unusable, answer_of, first, loaded, messages_of, moment, text_of

Found = tuple[tuple[Message, ...], dict[str, Any]]
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
}
_NS_PER_MS = 1_000_000


def calls(record: Mapping[str, Any]) -> Iterator[Found | str]:
    """Every span of a record as a request, or why it is none."""
    for resource in _list(record.get("resourceSpans")):
        for scope in _list(resource.get("scopeSpans")):
            for one in _list(scope.get("spans")):
                try:
                    yield _call(one)
                except Unusable as error:
                    yield str(error)


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _call(span: Mapping[str, Any]) -> Found:
    attributes = _attributes(span.get("attributes"))
    events = [(str(e.get("name")), _attributes(e.get("attributes"))) for e in _list(span.get("events"))]
    for name, given in events:
        if name in ("gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"):
            attributes = given | attributes
    if not any(name.startswith("gen_ai.") for name in attributes):
        raise Unusable("a span that is no call of a model")
    asked = first(attributes, "gen_ai.input.messages", "gen_ai.prompt")
    said = first(attributes, "gen_ai.output.messages", "gen_ai.completion")
    if asked is None or said is None:
        asked, said = _from_events(events)
    messages = messages_of(asked)
    if (rules := loaded(attributes.get("gen_ai.system_instructions"))) is not None:
        messages = (Message("system", text_of(rules)), *messages)
    return messages, _columns(span, attributes) | {"answer": answer_of(said)}


def _from_events(events: list[tuple[str, dict[str, Any]]]) -> tuple[Any, Any]:
    asked = [{"role": _MESSAGE_EVENTS[n], "content": a.get("content")} for n, a in events if n in _MESSAGE_EVENTS]
    said = [loaded(first(a, "message", "content")) for n, a in events if n == "gen_ai.choice"]
    if not asked or not said:
        raise Unusable("a span without its messages (recording of content is switched off by default)")
    return asked, [{"content": one} if isinstance(one, str) else one for one in said]


def _columns(span: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    start, end = _integer(span.get("startTimeUnixNano")), _integer(span.get("endTimeUnixNano"))
    at: float | None = start / 1e9 if start else None
    return {
        "id": span.get("spanId"),
        "model": first(attributes, "gen_ai.response.model", "gen_ai.request.model"),
        "at": _iso(at),
        "latency_ms": (end - start) / _NS_PER_MS if start and end and end >= start else None,
        "prompt_tokens": first(attributes, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "completion_tokens": first(attributes, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "cached_tokens": attributes.get("gen_ai.usage.cache_read.input_tokens"),
    }


def _iso(seconds: float | None) -> str | None:
    at = moment(seconds)
    return at.isoformat() if at else None


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() and len(str(value)) < 20 else None


def _attributes(pairs: Any) -> dict[str, Any]:
    return {str(pair.get("key")): _value(pair.get("value")) for pair in _list(pairs)}


def _value(value: Any) -> Any:
    """An OTLP ``AnyValue`` as plain data."""
    if not isinstance(value, Mapping):
        return value
    for name in ("stringValue", "boolValue", "doubleValue"):
        if name in value:
            return value[name]
    if "intValue" in value:
        return _integer(value["intValue"])
    if isinstance(value.get("arrayValue"), Mapping):
        inner = value["arrayValue"].get("values")
        return [_value(item) for item in inner] if isinstance(inner, list) else []
    if isinstance(value.get("kvlistValue"), Mapping):
        return _attributes(value["kvlistValue"].get("values"))
    return None
