"""The exports that rows may be wrapped in: each is a shape that a record fits, and how its requests come out of it.

Which fields there are is taken from the documents named at each shape; a field that none of them names is not read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sizewise.data.formats import otel
from sizewise.data.formats.messages import (
    Message,
    Unusable,
    answer_of,
    first,
    instructions_of,
    loaded,
    messages_of,
    moment,
    span,
    usage_columns,
)

Record = Mapping[str, Any]
TOO_DEEP = "nested too deeply"


@dataclass(frozen=True, slots=True)
class Request:
    """One request with its messages, and all else that is known of it under our column names.

    ``options`` are what it asked for beside: ``response_format``, and whether it offered ``tools``.
    """

    messages: tuple[Message, ...]
    columns: Mapping[str, Any]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Shape:
    """``fits`` says whether a record is of this kind; ``requests`` gives what is in it, or why it is of no use."""

    name: str
    fits: Callable[[Record], bool]
    requests: Callable[[Record], Iterator[Request | str]]


def _one(make: Callable[[Record], Request]) -> Callable[[Record], Iterator[Request | str]]:
    """A shape in which a record is one request."""

    def requests(record: Record) -> Iterator[Request | str]:
        try:
            yield make(record)
        except Unusable as error:
            yield str(error)
        except RecursionError:
            yield TOO_DEEP

    return requests


def chat(record: Record) -> Request:
    """A request and its response, as a program that calls the chat completions API writes them down.

    ``{"request": {messages, model}, "response": {choices, usage, created}}``, the same without the outer names, or
    ``{"messages": ..., "response": "text"}``. OpenAI API reference, *Create chat completion*.
    """
    asked = loaded(first(record, "request", "request_body")) or record
    raw = first(record, "response", "response_body", "completion", "output", "answer") or record
    got = loaded(raw)
    if not isinstance(asked, Mapping):
        raise Unusable("no messages in the request")
    said = got if isinstance(got, Mapping) else {}
    times = span(first(record, "start_time", "startTime", "started_at"), first(record, "end_time", "endTime"))
    at = times["at"] or moment(
        first(record, "at", "timestamp", "created_at", "created") or first(said, "created", "created_at")
    )
    return Request(
        (*instructions_of(asked), *messages_of(first(asked, "messages", "input", "prompt"))),
        _ours(record)
        | _known(
            id=first(record, "id", "request_id") or said.get("id"),
            answer=answer_of(raw),
            model=first(said, "model") or first(asked, "model") or record.get("model"),
            at=at if isinstance(at, str | None) else at.isoformat(),
            latency_ms=first(record, "latency_ms") or times["latency_ms"],
            **usage_columns(first(said, "usage") or record.get("usage")),
        ),
        _options(asked),
    )


def _options(asked: Mapping[str, Any]) -> dict[str, Any]:
    options = {"response_format": loaded(asked.get("response_format")), "tools": bool(loaded(asked.get("tools")))}
    return {name: value for name, value in options.items() if value}


def fine_tuning(record: Record) -> Request:
    """``{"messages": [..., {"role": "assistant", ...}]}``: what the last message says is the answer.

    OpenAI, *Supervised fine-tuning*, chat format.
    """
    *before, last = messages_of(record["messages"])
    if last.role != "assistant":
        raise Unusable("the last message is not the assistant's")
    if not before:
        raise Unusable("an answer of the assistant's to no message")
    return Request(tuple(before), _ours(record) | _known(answer=last.text))


def litellm(record: Record) -> Request:
    """LiteLLM's ``StandardLoggingPayload`` (docs.litellm.ai, *StandardLoggingPayload Specification*) and spend log.

    Times are seconds since 1970 in the payload, texts in the spend log (``LiteLLM_SpendLogs`` of its schema), which
    leaves ``messages`` empty and keeps the request's body in ``proxy_server_request``.
    """
    if record.get("status") == "failure" or record.get("error_str"):
        raise Unusable("the call failed")
    body = loaded(record.get("proxy_server_request"))
    asked = loaded(record.get("messages")) or (body if body and isinstance(body, Mapping) else None)
    return Request(
        messages_of(asked),
        _ours(record)
        | _known(
            id=first(record, "id", "request_id"),
            answer=answer_of(record.get("response")),
            model=record.get("model"),
            prompt_tokens=record.get("prompt_tokens"),
            completion_tokens=record.get("completion_tokens"),
            cost_usd=first(record, "response_cost", "spend"),
            **span(record.get("startTime"), record.get("endTime")),
        ),
    )


def langfuse(record: Record) -> Request:
    """Langfuse's observations of type GENERATION, from its API or page (``startTime``) or blob storage (``start_time``).

    langfuse.com, *Blob Storage Export Field Reference*, and the API's ``ObservationsView``. The latency is the time
    between start and end, since the unit of the field ``latency`` is not the same everywhere.
    """
    if record.get("type") != "GENERATION":
        raise Unusable("an observation that is not a GENERATION")
    if record.get("level") == "ERROR":
        raise Unusable("the call failed")
    usage = loaded(first(record, "usageDetails", "usage_details", "usage"))
    costs = loaded(first(record, "costDetails", "cost_details"))
    tokens = usage if isinstance(usage, Mapping) else {}
    total = costs.get("total") if isinstance(costs, Mapping) else None
    return Request(
        messages_of(record.get("input")),
        _ours(record)
        | _known(
            id=record.get("id"),
            answer=answer_of(record.get("output")),
            model=first(record, "model", "providedModelName", "provided_model_name"),
            prompt_version=_version(record),
            prompt_tokens=first(tokens, "input", "prompt_tokens") or first(record, "inputUsage", "promptTokens"),
            completion_tokens=first(tokens, "output", "completion_tokens")
            or first(record, "outputUsage", "completionTokens"),
            cost_usd=first(record, "calculatedTotalCost", "totalCost", "total_cost") or total,
            **span(first(record, "startTime", "start_time"), first(record, "endTime", "end_time")),
        ),
    )


def _version(record: Record) -> str | None:
    name, version = first(record, "promptName", "prompt_name"), first(record, "promptVersion", "prompt_version")
    return f"{name}:{version}" if name not in (None, "") and version not in (None, "") else None


def batch(record: Record) -> Request:
    """The output of OpenAI's batch API with the request that was joined to it under ``body``.

    OpenAI API reference, *Batch: the request output object* (``custom_id``, ``response.body``, ``error``).
    """
    response = record.get("response")
    if not isinstance(response, Mapping) or record.get("error") or response.get("status_code", 200) != 200:
        raise Unusable("the call failed")
    if not isinstance(record.get("body"), Mapping):
        raise Unusable("the request is not there: name the batch's input file beside its output")
    answer = response.get("body")
    return chat({"request": record["body"], "response": answer, "id": record.get("custom_id")})


def _traced(calls: Callable[[Record], Iterator[otel.Found | str]]) -> Callable[[Record], Iterator[Request | str]]:
    """A shape of OpenTelemetry's, see ``otel``."""

    def requests(record: Record) -> Iterator[Request | str]:
        try:
            for found in calls(record):
                yield found if isinstance(found, str) else Request(found[0], _known(**found[1]))
        except RecursionError:
            yield TOO_DEEP

    return requests


def _has(*names: str) -> Callable[[Record], bool]:
    return lambda record: all(name in record for name in names)


def _is_chat(record: Record) -> bool:
    asked = loaded(record.get("request", record.get("request_body")))
    if isinstance(asked, Mapping) and ("messages" in asked or "input" in asked):
        return True
    answered = any(name in record for name in ("response", "completion", "output", "choices", "answer"))
    return "messages" in record and answered


def _is_batch(record: Record) -> bool:
    return "custom_id" in record and ("response" in record or "error" in record)


def is_batch_request(record: Record) -> bool:
    """Whether a record is a line of a batch's input file: ``custom_id``, ``method``, ``url``, ``body``."""
    return "custom_id" in record and isinstance(record.get("body"), Mapping) and "response" not in record


def _is_stored(record: Record) -> bool:
    return record.get("object") == "chat.completion" and "choices" in record


def _is_langfuse(record: Record) -> bool:
    traced = "traceId" in record or "trace_id" in record
    return traced and "type" in record and "output" in record


CHAT = Shape("chat log", _is_chat, _one(chat))

#: tried from the top; what fits none of them is a plain row
SHAPES: Sequence[Shape] = (
    Shape("OpenTelemetry traces", _has("resourceSpans"), _traced(otel.calls)),
    Shape("OpenTelemetry log records", _has("resourceLogs"), _traced(otel.log_records)),
    Shape("OpenTelemetry spans", otel.is_span, _traced(otel.span)),
    Shape("OpenAI batch", lambda r: _is_batch(r) or is_batch_request(r), _one(batch)),
    Shape("Langfuse observations", _is_langfuse, _one(langfuse)),
    Shape("LiteLLM log", lambda r: "messages" in r and ("response_cost" in r or "spend" in r), _one(litellm)),
    Shape("OpenAI stored completions", _is_stored, _one(chat)),
    CHAT,
    Shape("fine-tuning examples", _has("messages"), _one(fine_tuning)),
)


def _ours(record: Record) -> dict[str, Any]:
    """Everything that stands beside the messages, so that options can name it; ours always win."""
    return {name: value for name, value in record.items() if name not in ("messages", "response", "request", "input")}


def _known(**columns: Any) -> dict[str, Any]:
    return {name: value for name, value in columns.items() if value is not None}


def shape_of(records: Sequence[Record]) -> Shape | None:
    """The shape that most of the ``records`` fit, ``None`` for plain rows."""
    for shape in SHAPES:
        if sum(_fits(shape, record) for record in records) * 2 > len(records):
            return shape
    return None


def _fits(shape: Shape, record: Record) -> bool:
    try:
        return shape.fits(record)
    except RecursionError:  # nested too deeply to be looked at
        return False
