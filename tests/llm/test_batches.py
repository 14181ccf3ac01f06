"""The providers' batch APIs: what is handed in, what comes back, and what a kill leaves."""

from __future__ import annotations

import json
import threading
import time
from pathlib import Path

import pytest

from sizewise.core.errors import LimitReached, ModelReferenceError, TaskError
from sizewise.llm.asker import NOT_ASKED
from sizewise.llm.batch import batched
from sizewise.llm.journal import Journal
from sizewise.llm.price import Price
from sizewise.llm.prompt import Prompt
from sizewise.llm.request import Request
from sizewise.llm.scripted import wire
from sizewise.llm.scripted.upstream import Step, Upstream

from .conftest import Make

PROMPT = Prompt("Route.", ("refund", "delivery", "account"))
PRICE = Price(2.0, 8.0, batch_discount=0.5)
ONE = (120 * 2 + 6 * 8) / 1e6 / 2
PROVIDERS = pytest.mark.parametrize("provider", ["openai", "anthropic"])


def requests(n: int) -> list[Request]:
    return [PROMPT.request(f"{'parcel' if i % 2 else 'refund'} {i}") for i in range(n)]


@PROVIDERS
def test_answers_in_order_at_half_the_price(provider: str, make: Make, upstream: Upstream, tmp_path: Path) -> None:
    asker = make(provider, price=PRICE, budget=1.0, journal=Journal(tmp_path / "j"))
    heard: list[int] = []
    replies = batched(asker, requests(10), heard.append)
    assert [r.text for r in replies] == ['{"label": "delivery"}' if i % 2 else '{"label": "refund"}' for i in range(10)]
    assert all(r.usage.cost_usd == pytest.approx(ONE) and r.latency_ms is None for r in replies)
    assert asker.budget.spent == pytest.approx(10 * ONE)
    assert asker.budget.reserved == pytest.approx(0)
    assert sum(heard) == 10
    told = upstream.seen[0].body
    if provider == "anthropic":
        params = told["requests"][0]["params"]
        assert params["output_config"]["format"]["schema"]["properties"]["label"]["enum"]
        assert params["max_tokens"] == 64
        assert "Route." in params["system"]
    else:
        body = json.loads(upstream.files[told["input_file_id"]].splitlines()[0])["body"]
        assert body["response_format"]["json_schema"]["schema"]["properties"]["label"]["enum"]
        assert body["max_completion_tokens"] == 64
    assert asker.journal is not None
    asker.journal.close()


@PROVIDERS
def test_a_batch_under_way_is_waited_for_and_not_handed_in_again(
    provider: str, make: Make, upstream: Upstream, tmp_path: Path
) -> None:
    upstream.polls_until_done = 1_000
    journal = Journal(tmp_path / "j")
    asker = make(provider, price=PRICE, budget=1.0, journal=journal)
    waiting = threading.Thread(target=lambda: _until_cut(asker.run, asker, requests(6)), daemon=True)
    waiting.start()
    for _ in range(200):
        if journal.batches:
            break
        time.sleep(0.05)
    asker.close()  # as a kill would: the batch goes on at the provider
    journal.close()
    upstream.polls_until_done = 1
    again = Journal(tmp_path / "j")
    assert again.spent > 6 * ONE, "all of it may be spent"
    second = make(provider, price=PRICE, budget=1.0, journal=again)
    replies = batched(second, requests(6), lambda _: None)
    assert all(r.error is None for r in replies)
    assert len(upstream.batches) == 1
    assert second.budget.spent == pytest.approx(6 * ONE)
    again.close()
    third = Journal(tmp_path / "j")
    assert third.spent == pytest.approx(6 * ONE)
    assert len(third.replies) == 6
    third.close()


def _until_cut(run: object, asker: object, wanted: list[Request]) -> None:
    import contextlib

    with contextlib.suppress(BaseException):
        batched(asker, wanted, lambda _: None)  # type: ignore[arg-type]


@PROVIDERS
def test_a_budget_takes_several_batches_and_never_more(
    provider: str, make: Make, upstream: Upstream, tmp_path: Path
) -> None:
    journal = Journal(tmp_path / "j")
    asker = make(provider, price=PRICE, budget=0.004, journal=journal)
    replies = batched(asker, requests(60), lambda _: None)
    answered = sum(r.error is None for r in replies)
    assert len(upstream.batches) > 1
    assert 0 < answered < 60
    assert asker.budget.spent == pytest.approx(answered * ONE)
    assert asker.budget.spent <= 0.004
    assert {r.error for r in replies if r.error} == {NOT_ASKED}
    journal.close()


@PROVIDERS
def test_what_failed_in_a_batch_is_handed_in_again(
    provider: str, make: Make, upstream: Upstream, tmp_path: Path
) -> None:
    error = {"openai": wire.openai_error(500, "oh no"), "anthropic": wire.anthropic_error(500, "oh no", "api_error")}[
        provider
    ]
    upstream.script.extend([Step()] * (provider == "openai") + [Step(500, error)] * 2)
    journal = Journal(tmp_path / "j")
    replies = batched(make(provider, price=PRICE, budget=1.0, journal=journal), requests(5), lambda _: None)
    assert [r.error for r in replies] == [None] * 5
    assert len(upstream.batches) == 2
    journal.close()


def test_a_wrong_key(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    upstream.script.append(Step(401, wire.openai_error(401, "Incorrect API key provided: sk-proj-0123456789abcdef")))
    journal = Journal(tmp_path / "j")
    asker = make(price=PRICE, budget=1.0, journal=journal)
    with pytest.raises(ModelReferenceError, match="OPENAI_API_KEY") as raised:
        batched(asker, requests(2), lambda _: None)
    assert "sk-proj" not in str(raised.value)
    assert asker.budget.spent == 0
    journal.close()


def test_a_provider_without_batches(make: Make, tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="openai: and anthropic:"):
        batched(make("cohere"), requests(1), lambda _: None)


def test_a_batch_that_the_provider_cannot_take(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    asker = make(price=PRICE, budget=1.0, journal=journal)
    upstream.batch_status = "failed"
    with pytest.raises(LimitReached, match="could not take the batch"):
        batched(asker, requests(2), lambda _: None)
    assert asker.budget.spent == asker.budget.reserved == 0
    upstream.batch_status = "completed"
    assert all(r.error is None for r in batched(asker, requests(2), lambda _: None))
    journal.close()


def test_a_batch_that_the_provider_has_forgotten(make: Make, upstream: Upstream, tmp_path: Path) -> None:
    journal = Journal(tmp_path / "j")
    asker = make(price=PRICE, budget=1.0, journal=journal)
    keys = [asker.key(request) for request in requests(2)]
    journal.batch({"b": "batch_of_yore", "attempt": 1, "usd": 0.001, "keys": keys, "done": False})
    assert all(r.error is None for r in batched(asker, requests(2), lambda _: None))
    assert len(upstream.batches) == 1
    journal.close()
