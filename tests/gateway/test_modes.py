"""A task's requests, by mode: who answers, what the client sees, what is recorded."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import openai
import pytest

from sizewise.core.exchange import Exchange

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, serving

SYSTEM = "Sort it: refund, delivery, password, cancel."
SURE, UNSURE = "please help: верните деньги lamp today book", "?? 🤔"


@pytest.fixture(scope="module")
def played() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(says=lambda request: "refund") as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(
    played: ScriptedUpstream, run_of: Callable[[str], Path], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("modes")
    options = [str(run_of("unsure")), "--on-upstream-failure", "specialist", "--timeout", "3"]
    with serving(folder, *options, upstream=played.url) as served:
        yield served


@pytest.fixture
def client(gateway: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.url + "/v1", api_key="sk-of-the-client", max_retries=0) as client:
        yield client


def to(gateway: Served, mode: str) -> None:
    status, _, body = gateway.post({"to": mode, "force": True}, "/sizewise/admin/tasks/unsure")
    assert status == 200, body


def messages(text: str) -> list[Any]:
    return [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]


def recorded(gateway: Served, raw: Any) -> Exchange:
    return next(one for one in gateway.exchanges() if one.id == raw.headers["x-sizewise-id"])


def ask(client: openai.OpenAI, text: str, **options: Any) -> Any:
    return client.chat.completions.with_raw_response.create(model="gpt-4o-mini", messages=messages(text), **options)


def test_shadow_asks_both_and_answers_with_the_large(
    gateway: Served, client: openai.OpenAI, played: ScriptedUpstream
) -> None:
    to(gateway, "shadow")
    asked = len(played.seen)
    raw = ask(client, SURE)
    exchange = recorded(gateway, raw)
    assert len(played.seen) == asked + 1
    assert raw.headers["x-sizewise-route"] == exchange.route == "large"
    assert raw.headers["x-sizewise-run"] == exchange.run_id
    assert (exchange.task, exchange.mode, exchange.input) == ("unsure", "shadow", SURE)
    assert exchange.small_answer == "refund"
    assert exchange.agreed is True
    assert exchange.confidence is not None


def test_shadow_in_a_stream(gateway: Served, client: openai.OpenAI, played: ScriptedUpstream) -> None:
    to(gateway, "shadow")
    played.says = lambda request: "delivery"
    try:
        raw = ask(client, SURE, stream=True)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse()) == "delivery"
    finally:
        played.says = lambda request: "refund"
    exchange = recorded(gateway, raw)
    assert exchange.agreed is False
    assert json.loads(exchange.response)["choices"][0]["message"]["content"] == "delivery"


def test_live_answers_itself_where_it_is_sure(gateway: Served, client: openai.OpenAI, played: ScriptedUpstream) -> None:
    to(gateway, "live")
    asked = len(played.seen)
    raw = ask(client, SURE)
    completion = raw.parse()
    assert completion.choices[0].message.content == "refund"
    assert completion.usage.total_tokens > 0
    assert len(played.seen) == asked
    exchange = recorded(gateway, raw)
    assert raw.headers["x-sizewise-route"] == exchange.route == "small"
    assert float(raw.headers["x-sizewise-confidence"]) == pytest.approx(exchange.confidence, abs=1e-4)
    assert exchange.response == raw.content


def test_live_streams(gateway: Served, client: openai.OpenAI) -> None:
    to(gateway, "live")
    raw = ask(client, SURE, stream=True, stream_options={"include_usage": True})
    chunks = list(raw.parse())
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "refund"
    assert chunks[-1].usage.total_tokens > 0
    exchange = recorded(gateway, raw)
    assert exchange.streamed
    assert exchange.route == "small"
    assert json.loads(exchange.response)["object"] == "chat.completion"


def test_live_passes_on_where_it_is_unsure(gateway: Served, client: openai.OpenAI, played: ScriptedUpstream) -> None:
    to(gateway, "live")
    asked = len(played.seen)
    raw = ask(client, UNSURE)
    assert raw.parse().choices[0].message.content == "refund"
    assert len(played.seen) == asked + 1
    exchange = recorded(gateway, raw)
    assert raw.headers["x-sizewise-route"] == exchange.route == "large"
    assert exchange.small_answer is not None
    assert "x-sizewise-confidence" in raw.headers


@pytest.mark.parametrize("fault", ["500", "429", "reset", "hang"])
def test_the_specialist_stands_in_where_upstream_fails(
    gateway: Served, client: openai.OpenAI, played: ScriptedUpstream, fault: Any
) -> None:
    to(gateway, "live")
    played.next(fault)
    raw = ask(client, UNSURE)
    exchange = recorded(gateway, raw)
    assert raw.headers["x-sizewise-route"] == exchange.route == "small"
    assert raw.parse().choices[0].message.content == exchange.small_answer
    assert exchange.failure is not None


def test_capture_asks_the_large_alone(gateway: Served, client: openai.OpenAI) -> None:
    to(gateway, "capture")
    exchange = recorded(gateway, ask(client, SURE))
    assert (exchange.task, exchange.mode, exchange.input) == ("unsure", "capture", SURE)
    assert exchange.small_answer is None
    assert exchange.agreed is None


def test_what_a_specialist_cannot_do_goes_to_the_large(
    gateway: Served, client: openai.OpenAI, played: ScriptedUpstream
) -> None:
    to(gateway, "live")
    tool = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}
    picture: Any = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}
    ]
    asked = len(played.seen)
    raw = ask(client, SURE, tools=[tool], tool_choice="required")
    assert raw.parse().choices[0].message.tool_calls[0].function.name == "look"
    assert raw.headers["x-sizewise-route"] == "large"
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=picture)
    assert raw.headers["x-sizewise-route"] == "large"
    assert len(played.seen) == asked + 2


def test_by_name(gateway: Served, client: openai.OpenAI, played: ScriptedUpstream) -> None:
    to(gateway, "live")
    raw = client.chat.completions.with_raw_response.create(
        model="sizewise/unsure", messages=[{"role": "user", "content": SURE}]
    )
    assert raw.headers["x-sizewise-route"] == "small"
    assert raw.parse().choices[0].message.content == "refund"


def test_models_are_listed_and_without_upstream_too(
    gateway: Served, client: openai.OpenAI, played: ScriptedUpstream
) -> None:
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini", "sizewise/unsure"]
    played.next("reset", "reset", "reset")
    assert "sizewise/unsure" in [model.id for model in client.models.list()]
    assert client.models.retrieve("sizewise/unsure").owned_by == "sizewise"
    assert client.models.retrieve("gpt-4o")


def test_a_closed_perimeter_lets_nothing_out(
    played: ScriptedUpstream, run_of: Callable[[str], Path], tmp_path: Path
) -> None:
    with serving(tmp_path, str(run_of("unsure")), "--perimeter", "closed", upstream=played.url) as gateway:
        asked = len(played.seen)
        with openai.OpenAI(base_url=gateway.url + "/v1", api_key="sk-x") as client:
            assert ask(client, SURE).headers["x-sizewise-route"] == "small"
            with pytest.raises(openai.UnprocessableEntityError) as unsure:
                ask(client, UNSURE)
            assert unsure.value.code == "abstained"
            assert unsure.value.response.headers["x-sizewise-route"] == "abstain"
            with pytest.raises(openai.PermissionDeniedError) as other:
                client.embeddings.create(model="text-embedding-3-small", input="x")
            assert other.value.code == "perimeter_closed"
            assert [model.id for model in client.models.list()] == ["sizewise/unsure"]
        assert len(played.seen) == asked
        assert [one.route for one in gateway.exchanges()] == ["small", "abstain"]
