"""The OpenAPI description is the one in docs/, it is valid, and the server holds to it whatever is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from sizewise.gateway.openapi import described, written

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, serving
from .wire_bodies import chat_completion, compact

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.json"
SCHEMA = schemathesis.openapi.from_dict(described())
CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


def test_the_file_is_what_is_generated() -> None:
    said = "it is stale: python -m sizewise.gateway.openapi > docs/openapi.json"
    assert DOCUMENT.read_text(encoding="utf-8") == written(), said


@pytest.fixture(scope="module")
def served(run_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    said = compact(chat_completion({"model": "gpt-4o"}, "refund", "1"))
    with ScriptedUpstream(raw=("application/json", said)) as upstream, \
            serving(tmp_path_factory.mktemp("openapi"), str(run_of("unsure")), upstream=upstream.url) as running:  # fmt: skip
        yield running


@SCHEMA.parametrize()
@settings(
    max_examples=25, deadline=None, phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)  # fmt: skip
def test_no_500_of_ours(case: Any, served: Served) -> None:
    case.call_and_validate(base_url=served.url, checks=CHECKS)


def test_nothing_was_counted_as_a_fault(served: Served) -> None:
    assert not served.log_lines("answering failed")
    assert "Traceback" not in served.log
