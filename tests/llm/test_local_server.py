"""The OpenAI-compatible path against a real model: llama.cpp's own server with Gemma 3 270M, labelled within a budget."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sizewise.core.errors import ModelReferenceError
from sizewise.core.task import Task
from sizewise.llm.asker import Asker
from sizewise.llm.budget import Budget
from sizewise.llm.pace import Limits
from sizewise.llm.price import Price
from sizewise.llm.prompt import Prompt
from sizewise.llm.providers import Endpoint, endpoint
from sizewise.llm.request import Reply, Request
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.stages import labelling

LABELS = ("refund", "delivery", "account")
PRICE = Price(0.10, 0.40)


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine.open(settings=EngineSettings(context=2_048, slots=2, threads=1)) as running:
        yield running


@pytest.fixture
def place(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Endpoint:
    monkeypatch.setenv("SIZEWISE_API_KEY", engine.key)
    return endpoint("compatible:gemma-3-270m", engine.base_url)


def test_a_sample_is_labelled_within_a_budget(place: Endpoint, tmp_path: Path) -> None:
    rows = [{"input": text} for text in ("I want my money back", "где моя посылка 🙂", "I cannot log in", "")]
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    task = Task("shop", labels=LABELS, instructions="Route the message of a shop's customer.")
    source = labelling.read_source(task, [tmp_path / "in.jsonl"])
    prompt = labelling.prompt_of(task, source, None, 24, 0.0)
    journal = labelling.open_journal(tmp_path / "out.jsonl", "job", False)
    budget = Budget(0.01)
    with Asker(place, PRICE, budget=budget, journal=journal, limits=Limits(concurrency=2, timeout=120)) as asker:
        done = labelling.label(asker, prompt, source, tmp_path / "out.jsonl")
    journal.close()
    made = [json.loads(line) for line in (tmp_path / "out.jsonl").read_text(encoding="utf-8").splitlines()]
    assert done.answered == 4
    assert all(row["answer"] in LABELS for row in made), "the server holds the answer to the schema"
    assert all(row["prompt_tokens"] > 30 and row["completion_tokens"] > 1 and row["latency_ms"] > 0 for row in made)
    assert budget.spent == pytest.approx(sum(row["cost_usd"] for row in made))
    assert 0 < budget.spent <= 0.01


def test_a_stream_from_a_real_model(place: Endpoint) -> None:
    with Asker(place, PRICE, limits=Limits(timeout=120)) as asker:
        *pieces, last = asker.stream(Request((("user", "The capital of France is"),), 8))
    assert isinstance(last, Reply)
    assert "".join(map(str, pieces)) == last.text
    assert last.usage.completion_tokens == 8
    assert last.error == "the answer was cut at the token limit"


def test_a_prompt_beyond_the_context_is_a_marked_row(place: Endpoint) -> None:
    with Asker(place, PRICE, limits=Limits(timeout=120)) as asker:
        (reply,) = asker.ask([Prompt("Route.", LABELS).request("word " * 4_000)])
    assert "longer than the model's context" in str(reply.error)


def test_the_engine_refuses_another_key(engine: Engine, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIZEWISE_API_KEY", "sk-another-0123456789")
    with Asker(endpoint("compatible:x", engine.base_url), PRICE) as asker, pytest.raises(ModelReferenceError) as raised:
        asker.ask([Prompt("Route.", LABELS).request("x")])
    assert "SIZEWISE_API_KEY" in str(raised.value)
    assert "another" not in str(raised.value)
