"""OpenTelemetry of GenAI clients: messages on the span, on its events, or in log records of their own.

The encoding is OTLP's JSON (opentelemetry-proto, ``TracesData``: ``resourceSpans``, ``scopeSpans``, ``spans``; and
``LogsData``: ``resourceLogs``, ``scopeLogs``, ``logRecords``; 64-bit numbers are texts), or one span a record as the
SDKs print it (``context``, ``attributes`` as an object, ISO times).
Names are those of the GenAI semantic conventions, *Spans* and *Events*: the attributes
``gen_ai.input.messages``, ``gen_ai.output.messages`` and ``gen_ai.system_instructions`` on the span or on the event
``gen_ai.client.inference.operation.details``; before them the events ``gen_ai.content.prompt`` and
``gen_ai.content.completion`` with the attributes ``gen_ai.prompt`` and ``gen_ai.completion``, and the events
``gen_ai.system.message``, ``gen_ai.user.message``, ``gen_ai.assistant.message`` and ``gen_ai.choice``, on the span or
as log records; and OpenLLMetry's ``gen_ai.prompt.0.content`` and ``gen_ai.completion.0.content``, a number a message.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sizewise.data.formats.messages import Message, Unusable, answer_of, first, loaded, messages_of, text_of
from sizewise.data.formats.messages import span as took

Found = tuple[tuple[Message, ...], dict[str, Any]]
Event = tuple[str, dict[str, Any]]
_MESSAGE_EVENTS = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
}
_NS_PER_S = 1_000_000_000
_WITHOUT = "a span without its messages (recording of content is switched off by default)"


def calls(record: Mapping[str, Any]) -> Iterator[Found | str]:
    """Every span of a record as a request, or why it is none."""
    for resource in _list(record.get("resourceSpans")):
        for scope in _list(resource.get("scopeSpans")):
            for one in _list(scope.get("spans")):
                yield from span(one)


def span(one: Mapping[str, Any]) -> Iterator[Found | str]:
    """One span as a request, or why it is none."""
    events = [(str(e.get("name")), _attributes(e.get("attributes"))) for e in _list(one.get("events"))]
    yield from _call(one, _attributes(one.get("attributes")), events)


def is_span(record: Mapping[str, Any]) -> bool:
    """Whether a record is one span of a GenAI client."""
    timed = "context" in record or "startTimeUnixNano" in record
    return timed and any(name.startswith("gen_ai.") for name in _attributes(record.get("attributes")))


def log_records(record: Mapping[str, Any]) -> Iterator[Found | str]:
    """The calls that a batch of log records tells of: those of one span are one call."""
    spans: dict[str, tuple[dict[str, Any], list[Event]]] = {}
    for resource in _list(record.get("resourceLogs")):
        for scope in _list(resource.get("scopeLogs")):
            for one in _list(scope.get("logRecords")):
                given, body = _attributes(one.get("attributes")), _value(one.get("body"))
                name = str(one.get("eventName") or given.get("event.name"))
                key = str(one.get("spanId") or f"record {len(spans)}")
                at = {"spanId": one.get("spanId"), "startTimeUnixNano": one.get("timeUnixNano")}
                spans.setdefault(key, (at, []))[1].append((name, given | body if isinstance(body, dict) else given))
    for at, events in spans.values():
        yield from _call(at, {}, events)


def _list(value: Any) -> list[Mapping[str, Any]]:
    return [item for item in value if isinstance(item, Mapping)] if isinstance(value, list) else []


def _call(one: Mapping[str, Any], attributes: dict[str, Any], events: list[Event]) -> Iterator[Found | str]:
    for name, given in events:
        if name in ("gen_ai.client.inference.operation.details", "gen_ai.content.prompt", "gen_ai.content.completion"):
            attributes = given | attributes
    try:
        yield _messages(attributes, events), _columns(one, attributes) | {"answer": _answer(attributes, events)}
    except Unusable as error:
        yield str(error)


def _messages(attributes: Mapping[str, Any], events: list[Event]) -> tuple[Message, ...]:
    if not any(name.startswith("gen_ai.") for name in (*attributes, *(name for name, _ in events))):
        raise Unusable("a span that is no call of a model")
    asked = first(attributes, "gen_ai.input.messages", "gen_ai.prompt") or _numbered(attributes, "gen_ai.prompt.")
    asked = asked or [
        {"role": _MESSAGE_EVENTS[name], "content": given.get("content")}
        for name, given in events
        if name in _MESSAGE_EVENTS
    ]
    if not asked:
        raise Unusable(_WITHOUT)
    rules = loaded(attributes.get("gen_ai.system_instructions"))
    return (*(() if rules is None else (Message("system", text_of(rules)),)), *messages_of(asked))


def _answer(attributes: Mapping[str, Any], events: list[Event]) -> str | list[str]:
    said = first(attributes, "gen_ai.output.messages", "gen_ai.completion")
    said = said or _numbered(attributes, "gen_ai.completion.")
    if not said:
        told = [loaded(first(given, "message", "content")) for name, given in events if name == "gen_ai.choice"]
        said = [{"content": one} if isinstance(one, str) else one for one in told]
    if not said:
        raise Unusable(_WITHOUT)
    return answer_of(said)


def _numbered(attributes: Mapping[str, Any], before: str) -> list[dict[str, Any]]:
    """Messages whose parts are attributes of their own: ``gen_ai.prompt.0.role``, ``gen_ai.prompt.0.content``."""
    found: dict[int, dict[str, Any]] = {}
    for name, value in attributes.items():
        number, _, part = name.removeprefix(before).partition(".")
        if name.startswith(before) and number.isdecimal() and len(number) < 6:
            held = loaded(value)
            found.setdefault(int(number), {})[part.partition(".")[0]] = held if isinstance(held, list) else value
    return [found[number] for number in sorted(found)]


def _columns(one: Mapping[str, Any], attributes: Mapping[str, Any]) -> dict[str, Any]:
    context = one.get("context")
    return {
        "id": one.get("spanId") or (context.get("span_id") if isinstance(context, Mapping) else None),
        "model": first(attributes, "gen_ai.response.model", "gen_ai.request.model"),
        "prompt_tokens": first(attributes, "gen_ai.usage.input_tokens", "gen_ai.usage.prompt_tokens"),
        "completion_tokens": first(attributes, "gen_ai.usage.output_tokens", "gen_ai.usage.completion_tokens"),
        "cached_tokens": attributes.get("gen_ai.usage.cache_read.input_tokens"),
    } | took(_time(one, "startTimeUnixNano", "start_time"), _time(one, "endTimeUnixNano", "end_time"))


def _time(one: Mapping[str, Any], in_nanoseconds: str, in_words: str) -> Any:
    number = _integer(one.get(in_nanoseconds))
    return number / _NS_PER_S if number else one.get(in_words)


def _integer(value: Any) -> int | None:
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() and len(str(value)) < 20 else None


def _attributes(pairs: Any) -> dict[str, Any]:
    if isinstance(pairs, Mapping):
        return dict(pairs)
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
