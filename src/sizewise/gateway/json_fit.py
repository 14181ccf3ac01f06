"""Whether a label fits the JSON that a request asks for (``response_format``).

What is understood of JSON Schema (draft 2020-12) is what a schema for one label needs; a schema that says anything
else is not met, and the request goes to the large model.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

_TYPES: Mapping[str, type | tuple[type, ...]] = {
    "object": dict, "string": str, "integer": int, "number": (int, float), "boolean": bool, "null": type(None),
}  # fmt: skip
_SAYS_NOTHING = {"title", "description", "$schema", "$id", "default", "examples", "$comment"}
_UNDERSTOOD = {"type", "properties", "required", "additionalProperties", "enum", "const", "minLength", "maxLength"}


def fitting(response_format: bytes, content: str, label: str) -> str | None:
    """``content`` where it is what ``response_format`` asks for, else ``label`` put into its one field, else ``None``.

    >>> fitting(b'{"type": "json_object"}', '{"label": "a"}', "a")
    '{"label": "a"}'
    >>> schema = b'{"type": "json_schema", "json_schema": {"schema": {"type": "object", "required": ["topic"], "properties": {"topic": {"enum": ["a"]}}}}}'
    >>> fitting(schema, "a", "a"), fitting(schema, "b", "b")
    ('{"topic":"a"}', None)
    """
    kind, schema = _asked(response_format)
    if kind == "text":
        return content
    said = _object(content)
    if kind == "json_object":
        return content if said is not None else None
    if kind != "json_schema" or schema is None:
        return None
    if said is not None and is_met(schema, said):
        return content
    required = schema.get("required")
    if isinstance(required, list) and len(required) == 1 and isinstance(required[0], str):
        only = {required[0]: label}
        if is_met(schema, only):
            return json.dumps(only, ensure_ascii=False, separators=(",", ":"))
    return None


@lru_cache(256)
def _asked(response_format: bytes) -> tuple[str | None, dict[str, Any] | None]:
    """The kind that is asked for and its schema; an application asks for the same again and again."""
    try:
        value = json.loads(response_format)
    except (ValueError, RecursionError):
        return None, None
    if not isinstance(value, dict):
        return None, None
    described = value.get("json_schema")
    schema = described.get("schema") if isinstance(described, dict) else None
    kind = value.get("type")
    return kind if isinstance(kind, str) else None, schema if isinstance(schema, dict) else None


def _object(content: str) -> dict[str, Any] | None:
    if not content.lstrip().startswith("{"):
        return None
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None


def is_met(schema: Any, value: Any) -> bool:
    """Whether ``value`` is by ``schema``; ``False`` where the schema says what is not understood here."""
    if isinstance(schema, bool):
        return schema
    if not isinstance(schema, dict) or schema.keys() - _SAYS_NOTHING - _UNDERSTOOD:
        return False
    if "type" in schema and not any(map(_is_of(value), _listed(schema["type"]))):
        return False
    if "enum" in schema and not any(_is(value, one) for one in _listed(schema["enum"])):
        return False
    if "const" in schema and not _is(value, schema["const"]):
        return False
    if isinstance(value, str) and not _is_long_enough(schema, value):
        return False
    return not isinstance(value, dict) or _fields_are_met(schema, value)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _is_of(value: Any) -> Any:
    def of(kind: Any) -> bool:
        wanted = _TYPES.get(kind) if isinstance(kind, str) else None
        if wanted is None or (isinstance(value, bool) and kind != "boolean"):
            return False
        return isinstance(value, wanted)

    return of


def _is(value: Any, other: Any) -> bool:
    return isinstance(value, bool) == isinstance(other, bool) and bool(value == other)


def _is_long_enough(schema: Mapping[str, Any], value: str) -> bool:
    least, most = schema.get("minLength", 0), schema.get("maxLength", len(value))
    return isinstance(least, int) and isinstance(most, int) and least <= len(value) <= most


def _fields_are_met(schema: Mapping[str, Any], value: Mapping[str, Any]) -> bool:
    required, fields = schema.get("required", []), schema.get("properties", {})
    if not isinstance(required, list) or not isinstance(fields, dict) or any(name not in value for name in required):
        return False
    others = schema.get("additionalProperties", True)
    return all(is_met(fields[name], one) if name in fields else is_met(others, one) for name, one in value.items())
