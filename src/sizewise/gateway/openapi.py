"""What the gateway's own pages take and give, as an OpenAPI 3.1 document (``docs/openapi.json``).

What passes to upstream is described by whoever made it; here stands what this server itself answers: the operator's pages,
and the part of chat completions that a specialist reads. ``python -m sizewise.gateway.openapi`` prints the document.
"""

from __future__ import annotations

import inspect
import json
from typing import Any, Literal

import msgspec

import sizewise
from sizewise.gateway.admin import Promotion, TaskList, TaskView

JSON = "application/json"
REFERENCE = "#/components/schemas/{name}"


class ErrorDetail(msgspec.Struct):
    """OpenAI's form of an error."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorBody(msgspec.Struct):
    """What every refusal of this server holds."""

    error: ErrorDetail


class Health(msgspec.Struct):
    """The process answers."""

    status: Literal["ok"]


class Readiness(msgspec.Struct):
    """Whether a request would be accepted now."""

    status: Literal["ready", "not ready"]


class ListedModel(msgspec.Struct):
    """A model that clients may name."""

    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(msgspec.Struct):
    """Upstream's models and ``sizewise/TASK`` for each task that is served."""

    object: Literal["list"]
    data: list[ListedModel]


SHOWN: tuple[type, ...] = (ErrorBody, Health, Readiness, ModelList, TaskList, TaskView, Promotion)
#: what a specialist reads of a chat request; everything else passes to upstream, or is a reason to go there
CHAT_REQUEST: dict[str, Any] = {
    "type": "object",
    "required": ["model", "messages"],
    "properties": {
        "model": {"type": "string", "description": "Any model of upstream's, or `sizewise/TASK`."},
        "messages": {
            "type": "array",
            "items": {
                "type": "object",
                "required": ["role", "content"],
                "properties": {
                    "role": {"type": "string"},
                    "content": {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "object"}}]},
                },
            },
        },
        "stream": {"type": ["boolean", "null"]},
        "stream_options": {"type": ["object", "null"], "properties": {"include_usage": {"type": "boolean"}}},
        "n": {"type": ["integer", "null"], "minimum": 1},
        "max_tokens": {"type": ["integer", "null"], "minimum": 1},
        "max_completion_tokens": {"type": ["integer", "null"], "minimum": 1},
        "response_format": {"type": ["object", "null"]},
    },
    "additionalProperties": True,
}
REFUSALS = {
    "400": "The request is not one.", "401": "The gateway's own key is missing or wrong.",
    "403": "It may not be asked from there, or nothing may leave.", "404": "There is no such thing here.",
    "405": "Not with this method.", "408": "The request did not come in time.",
    "409": "It cannot be served so; the message says why.", "413": "The request is too long.",
    "415": "The body is no JSON.", "422": "`abstained`: nothing may leave, and the specialist is not sure.",
    "502": "Upstream cannot be reached or broke off.", "503": "Too many requests at once, or nothing can be recorded.",
    "504": "Upstream was silent for too long.",
}  # fmt: skip
KEY = {"name": "x-sizewise-key", "in": "header", "required": False, "schema": {"type": "string"},
       "description": "The gateway's own key, where it has one."}  # fmt: skip
ROUTE_HEADERS = {
    "x-sizewise-id": "The record's id.", "x-sizewise-route": "`small`, `large` or `abstain`.",
    "x-sizewise-confidence": "The specialist's, where it was asked.", "x-sizewise-run": "The run that was asked.",
}  # fmt: skip


def described() -> dict[str, Any]:
    """The whole document, as plain data."""
    _, components = msgspec.json.schema_components(SHOWN, ref_template=REFERENCE)
    for component in components.values():  # Python 3.13 removes a docstring's indentation, older ones keep it
        if "description" in component:
            component["description"] = inspect.cleandoc(component["description"])
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Sizewise gateway",
            "version": sizewise.__version__,
            "description": "Its own pages, and the part of OpenAI's API that a specialist answers; all else under /v1/ passes.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "paths": _paths(),
        "components": {"schemas": {**components, "ChatRequest": CHAT_REQUEST}},
    }


def _paths() -> dict[str, Any]:
    chat = _operation("Answer a chat, by a specialist where one is sure", {}, "400 401 403 404 408 413 422 502 503 504")
    chat["requestBody"] = {"required": True, "content": {JSON: {"schema": _named("ChatRequest")}}}
    chat["responses"] |= {
        "200": {
            "description": "A chat completion, or a stream of its chunks.",
            "headers": {
                name: {"description": text, "schema": {"type": "string"}} for name, text in ROUTE_HEADERS.items()
            },
            "content": {JSON: {"schema": {"type": "object"}}, "text/event-stream": {"schema": {"type": "string"}}},
        },
        "default": {"description": "What upstream said."},
    }
    change = _operation(
        "Change the run or the mode of a task", {"200": "TaskView"}, "400 401 403 404 405 409 413 415 503"
    )
    change["requestBody"] = {"required": True, "content": {JSON: {"schema": _named("Promotion")}}}
    name = {"name": "task", "in": "path", "required": True, "schema": {"type": "string", "minLength": 1}}
    return {
        "/healthz": {"get": _operation("Whether the process answers", {"200": "Health"}, "405", open_to_all=True)},
        "/readyz": {
            "get": _operation(
                "Whether it would accept a request", {"200": "Readiness", "503": "Readiness"}, "405", open_to_all=True
            )
        },
        "/metrics": {"get": _metrics()},
        "/sizewise/admin/tasks": {"get": _operation("What is served", {"200": "TaskList"}, "401 403 405 503")},
        "/sizewise/admin/tasks/{task}": {"post": change, "parameters": [name]},
        "/v1/models": {
            "get": _operation("The models that clients may name", {"200": "ModelList"}, "401 403 502 503 504")
        },
        "/v1/chat/completions": {"post": chat},
    }


def _metrics() -> dict[str, Any]:
    page = _operation("Counts for Prometheus", {}, "401 403 405 503")
    page["responses"]["200"] = {"description": "Text.", "content": {"text/plain": {"schema": {"type": "string"}}}}
    return page


def _operation(summary: str, given: dict[str, str], refusals: str, *, open_to_all: bool = False) -> dict[str, Any]:
    responses: dict[str, Any] = {
        status: {"description": summary + ".", "content": {JSON: {"schema": _named(kind)}}}
        for status, kind in given.items()
    }
    for status in refusals.split():
        content = {JSON: {"schema": _named("ErrorBody")}} if status != "405" else {}
        responses.setdefault(status, {"description": REFUSALS[status], **({"content": content} if content else {})})
    return {"summary": summary, "responses": responses, **({} if open_to_all else {"parameters": [KEY]})}


def _named(schema: str) -> dict[str, str]:
    return {"$ref": REFERENCE.format(name=schema)}


def written() -> str:
    """The document as the file holds it."""
    return json.dumps(described(), indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    print(written(), end="")
