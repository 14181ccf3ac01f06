from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import msgspec
import pytest

from sizewise.verdict.decision import decide
from sizewise.verdict.schema import verdict_schema

from .measurements import IDENTITY
from .test_decision import LIMITS, RULE

STORED = Path(__file__).parents[2] / "docs" / "verdict.schema.json"
SCHEMA: dict[str, Any] = json.loads(STORED.read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft202012Validator(SCHEMA)


def written(case: str = "a threshold") -> dict[str, Any]:
    """The verdict as it stands in ``verdict.json``."""
    whole: dict[str, Any] = json.loads(json.dumps(msgspec.to_builtins(decide(RULE[case][0], IDENTITY))))
    return whole


def paths(value: Any, here: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of every field of every object in ``value``, maps with free keys left out."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield (*here, name)
            if name not in ("splits", "parameters", "seconds"):
                yield from paths(item, (*here, name))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from paths(item, (*here, index))


def test_the_stored_schema_is_up_to_date() -> None:
    assert verdict_schema() == SCHEMA, "run: make schema"


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft202012Validator.check_schema(SCHEMA)


@pytest.mark.parametrize("case", RULE)
def test_every_verdict_fits_the_schema(case: str) -> None:
    VALIDATOR.validate(written(case))


@pytest.mark.parametrize("code", LIMITS)
def test_every_limit_fits_the_schema(code: str) -> None:
    VALIDATOR.validate(json.loads(msgspec.json.encode(decide(LIMITS[code], IDENTITY))))


@pytest.mark.parametrize("case", ["a threshold", "no test rows", "latency"])
def test_a_missing_field_does_not(case: str) -> None:
    for path in paths(written(case)):
        damaged = written(case)
        *above, last = path
        inner: Any = damaged
        for step in above:
            inner = inner[step]
        del inner[last]
        assert not VALIDATOR.is_valid(damaged), path


@pytest.mark.parametrize(
    ("field", "value"),
    [("decision", "perhaps"), ("schema_version", 2), ("seed", "0"), ("limits", [1]), ("reasons", [{"code": "x"}])],
)
def test_a_wrong_value_does_not(field: str, value: object) -> None:
    assert not VALIDATOR.is_valid(written() | {field: value})


def test_readers_may_meet_fields_they_do_not_know() -> None:
    VALIDATOR.validate(written() | {"added_later": 1})
