"""The LLM reworded and perturbed, within what the budget left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sizewise.core.example import Example, Test
from sizewise.core.measurement import DataMeasurement, LargeMeasurement, Measurements, Prices
from sizewise.core.task import Bar, Task
from sizewise.llm.pace import Limits
from sizewise.llm.price import Price
from sizewise.llm.providers import endpoint
from sizewise.llm.scripted.upstream import Upstream
from sizewise.stages.large_model import LargeCalls, ask_large
from sizewise.stages.large_probe import probe_large, with_large
from sizewise.stages.listener import Silence

LABELS = ("account", "delivery", "refund")
ONE = (120 * 2.5 + 6 * 10) / 1e6


def says(text: str) -> str:
    """A model that knows small letters only."""
    label = "delivery" if "parcel" in text or "посылка" in text else "refund" if "money" in text else "account"
    return json.dumps({"label": label})


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")
    with Upstream(answer=says) as server:
        yield server


def calls(upstream: Upstream, budget: float) -> LargeCalls:
    place = endpoint("openai:gpt-4o", upstream.address + "/v1")
    return LargeCalls(place, Price(2.5, 10.0), budget, Limits(concurrency=8, attempts=2, timeout=10.0))


def rows(n: int) -> Test:
    texts, golds = ["where is parcel {}", "где посылка {}"], ["delivery", "delivery"]
    return Test(tuple(Example(f"r{i}", texts[i % 2].format(i), gold=golds[i % 2]) for i in range(n)))


def test_rewordings_change_nothing_and_the_input_does(upstream: Upstream, tmp_path: Path) -> None:
    asked = ask_large(calls(upstream, 10.0), Task("t"), LABELS, rows(10), tmp_path, Silence())
    assert asked is not None
    task = Task("t", wordings=("Route the message.",))
    found = probe_large(calls(upstream, 10.0), task, LABELS, asked, tmp_path, Silence())
    assert found is not None
    assert (found.kind, found.rows, len(found.wordings)) == ("large", 10, 9)
    assert found.changed_by_wording is not None
    assert found.changed_by_wording.value == 0
    changed = {probe.name: (probe.changed.value, probe.changed.n) for probe in found.inputs}
    assert changed["case"] == (1.0, 10)
    assert changed["layout"] == changed["transliteration"] == (1.0, 5)
    assert changed["spaces"] == (0.0, 10)


def test_of_a_recorded_model_no_wording_is_known(tmp_path: Path) -> None:
    """The log holds one answer to one wording: what another would have brought stays open."""
    recorded = LargeMeasurement("m", None, None, None, None, None, None, None)
    measured = Measurements(
        "t", 0, "llm", Bar(), DataMeasurement("", 1, 1, 1, 1, 1, 0, 0, 0), (), "keywords", recorded, (), None,
        Prices("", 0.0, 1.0, 0.0, "", ""), 1,
    )  # fmt: skip
    assert with_large(measured, None, Task("t"), LABELS, None, tmp_path, Silence()) is measured
    assert recorded.wording_sensitivity is None


def test_the_budget_is_kept_and_says_how_many_rows(upstream: Upstream, tmp_path: Path) -> None:
    budget = 200 * ONE
    asked = ask_large(calls(upstream, budget), Task("t"), LABELS, rows(40), tmp_path, Silence(), 0.8)
    assert asked is not None
    found = probe_large(calls(upstream, budget), Task("t"), LABELS, asked, tmp_path, Silence())
    paid = len(upstream.seen)
    assert paid <= 200
    assert found is not None
    assert 0 < found.rows < 40
    again = probe_large(calls(upstream, asked.usd), Task("t"), LABELS, asked, tmp_path, Silence())
    assert again is not None
    assert again.rows == found.rows, "what was answered is not paid again"
    assert len(upstream.seen) == paid
