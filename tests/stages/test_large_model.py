"""``decide --large M --budget USD``: the LLM asked on the test rows."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import sizewise
from sizewise.core.errors import LimitReached, ModelReferenceError, TaskError
from sizewise.core.example import Example, Test
from sizewise.core.task import Bar, Task
from sizewise.llm.pace import Limits
from sizewise.llm.price import Price
from sizewise.llm.prompt import Prompt
from sizewise.llm.providers import endpoint
from sizewise.llm.scripted import wire
from sizewise.llm.scripted.upstream import Step, Upstream
from sizewise.stages.large_model import LargeCalls, ask_large, asking
from sizewise.stages.listener import Silence

LABELS = ("account", "delivery", "refund")
PRICE = Price(2.5, 10.0)
ONE = (120 * 2.5 + 6 * 10) / 1e6


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-proj-0123456789abcdef")
    with Upstream() as server:
        yield server


def calls(upstream: Upstream, budget: float = 10.0, concurrency: int = 8) -> LargeCalls:
    place = endpoint("openai:gpt-4o", upstream.address + "/v1")
    return LargeCalls(place, PRICE, budget, Limits(concurrency=concurrency, attempts=2, timeout=10.0))


def rows(n: int) -> Test:
    texts = ["where is parcel {}", "верните деньги {}", "cannot log in {}"]
    golds = ["delivery", "refund", "account"]
    return Test(tuple(Example(f"r{i}", texts[i % 3].format(i), gold=golds[i % 3]) for i in range(n)))


def test_every_test_row_twice(upstream: Upstream, tmp_path: Path) -> None:
    asked = ask_large(calls(upstream), Task("t"), LABELS, rows(30), tmp_path, Silence())
    assert asked is not None
    assert len(asked.rows) == asked.of == 30
    assert all(e.answer == e.gold == again for e, again in zip(asked.rows, asked.again, strict=True))
    assert asked.usd == pytest.approx(60 * ONE)
    assert len(upstream.seen) == 60
    assert all(e.cost_usd == pytest.approx(ONE) and e.latency_ms for e in asked.rows)


def test_a_sample_within_the_budget(upstream: Upstream, tmp_path: Path) -> None:
    asked = ask_large(calls(upstream, budget=0.02), Task("t"), LABELS, rows(100), tmp_path, Silence())
    assert asked is not None
    assert 5 < len(asked.rows) < 40
    assert asked.usd <= 0.02
    assert len(upstream.seen) * ONE == pytest.approx(asked.usd)
    ids = [int(e.id[1:]) for e in asked.rows]
    assert ids != sorted(ids), "a random sample, not the first rows"


def test_what_was_answered_before_an_interrupt_is_not_paid_again(upstream: Upstream, tmp_path: Path) -> None:
    quota = Step(429, wire.openai_error(429, "You exceeded your current quota", "insufficient_quota"))
    upstream.script.extend([Step()] * 10 + [quota] * 20)
    with pytest.raises(LimitReached, match="quota"):
        ask_large(calls(upstream, concurrency=1), Task("t"), LABELS, rows(30), tmp_path, Silence())
    time.sleep(0.5)  # a call that was cut off may still be on its way
    upstream.script.clear()
    upstream.seen.clear()
    asked = ask_large(calls(upstream), Task("t"), LABELS, rows(30), tmp_path, Silence())
    assert asked is not None
    assert len(upstream.seen) == 50
    on_their_way = 0.002  # what was cut off when the quota ended counts in full
    assert 60 * ONE <= asked.usd + 1e-9 <= 60 * ONE + on_their_way


def test_a_refusal_is_an_answer_that_is_wrong(upstream: Upstream, tmp_path: Path) -> None:
    upstream.script.append(Step(400, wire.openai_error(400, "content policy", "content_policy_violation")))
    asked = ask_large(calls(upstream, concurrency=1), Task("t"), LABELS, rows(3), tmp_path, Silence())
    assert asked is not None
    assert len(asked.rows) == 3
    assert sum(e.answer not in LABELS for e in asked.rows) == 1


def test_in_a_run(log_file: Path, upstream: Upstream, tmp_path: Path) -> None:
    run = sizewise.decide(
        log_file, out=tmp_path / "run", rungs=["majority", "keywords"], large="openai:gpt-4o", budget=1.0,
        base_url=upstream.address + "/v1",
    )  # fmt: skip
    large = run.verdict.large
    assert large is not None
    assert large.how == "asked"
    assert large.accuracy is not None
    assert large.accuracy.n == 60
    assert large.self_agreement is not None
    assert (large.self_agreement.value, large.self_agreement.n) == (1.0, 60)
    assert large.cost_per_1k_usd is not None
    assert large.cost_per_1k_usd.value == pytest.approx(ONE * 1_000)
    assert large.latency_ms is not None
    assert large.wording_sensitivity is not None
    assert (large.wording_sensitivity.value, large.wording_sensitivity.n) == (0.0, 50)
    assert [p.model for p in run.verdict.probes] == ["keywords", "openai:gpt-4o"]
    told = json.loads((run.folder / "verdict.json").read_text())["large"]
    assert told["cost_source"] == "measured on 60 calls of this run"
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "asked on the test rows for this run" in page
    assert "measured on 60 calls of this run" in page


def test_without_a_budget_nothing_is_asked(upstream: Upstream) -> None:
    assert LargeCalls.of(Task("t", large="openai:gpt-4o"), None, upstream.address) is None


def test_what_is_refused_before_anything_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "")
    with pytest.raises(TaskError, match="--large"):
        LargeCalls.of(Task("t"), 1.0)
    with pytest.raises(ModelReferenceError, match="OPENAI_API_KEY"):
        LargeCalls.of(Task("t", large="openai:gpt-4o"), 1.0)
    closed = Task("t", large="openai:gpt-4o", bar=Bar(perimeter="closed"))
    with pytest.raises(TaskError, match="perimeter is closed"):
        LargeCalls.of(closed, 1.0)
    with pytest.raises(TaskError, match="--price"):
        LargeCalls.of(Task("t", large="compatible:x"), 1.0, "http://127.0.0.1:1/v1")


def test_a_probe_asks_what_it_likes_within_what_is_left(upstream: Upstream, tmp_path: Path) -> None:
    asked = ask_large(calls(upstream, budget=0.02), Task("t"), LABELS, rows(100), tmp_path, Silence(), share=0.5)
    assert asked is not None
    assert asked.usd <= 0.01
    with asking(calls(upstream, budget=0.02), tmp_path) as asker:
        other = Prompt(labels=LABELS, frame="Выберите одно:\n{labels}")
        replies = asker.ask([other.request(f"where is parcel {i}") for i in range(100)], until_refused=True)
        assert 0.01 < asker.budget.spent <= 0.02
    answered = sum(r.error is None for r in replies)
    assert [r.error is None for r in replies] == [True] * answered + [False] * (100 - answered)
    assert 5 < answered < 40
    assert upstream.seen[-1].body["messages"][0]["content"].startswith("Выберите")
