"""Requests pass to upstream and back as they came, and what the client saw completed is stored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import openai
import pytest

from sizewise.core.exchange import Exchange
from sizewise.store.traffic import open_traffic

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, serving


@pytest.fixture(scope="module")
def played() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(played: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("gateway")
    with serving(folder, upstream=played.url) as served:
        yield served


@pytest.fixture
def client(gateway: Served) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=gateway.url + "/v1", api_key="sk-of-the-client", max_retries=0) as client:
        yield client


def stored(gateway: Served, id: str) -> Exchange:
    with open_traffic(str(gateway.store), read_only=True) as store:
        return next(one for one in store.exchanges(newest_first=True) if one.id == id)


TEXTS = ["hello", "", "Где моя посылка? 🙂 \u202e\ufeff", "я" * 200_000, 'quote " \\ \n\t\x7f']


@pytest.mark.parametrize("text", TEXTS, ids=["plain", "empty", "cyrillic", "huge", "odd"])
def test_a_completion_passes_and_is_stored(gateway: Served, client: openai.OpenAI, text: str) -> None:
    raw = client.chat.completions.with_raw_response.create(model="gpt-4o", messages=[{"role": "user", "content": text}])
    assert raw.parse().choices[0].message.content == f"Эхо 🦜: {text}"
    exchange = stored(gateway, raw.headers["x-sizewise-id"])
    assert raw.headers["x-sizewise-route"] == exchange.route == "large"
    assert json.loads(exchange.request)["messages"][0]["content"] == text
    assert exchange.response == raw.content
    assert exchange.status == 200
    assert exchange.failure is None


@pytest.mark.parametrize("text", TEXTS[:3], ids=["plain", "empty", "cyrillic"])
def test_a_stream_passes_and_is_stored(gateway: Served, client: openai.OpenAI, text: str) -> None:
    raw = client.chat.completions.with_raw_response.create(
        model="gpt-4o", messages=[{"role": "user", "content": text}], stream=True
    )
    said = "".join(chunk.choices[0].delta.content or "" for chunk in raw.parse())
    assert said == f"Эхо 🦜: {text}"
    exchange = stored(gateway, raw.headers["x-sizewise-id"])
    assert exchange.streamed
    assert exchange.status == 200
