"""The scripted upstream speaks the formats that the official SDKs read, and fails as it is told."""

from __future__ import annotations

import http.client
import socket
import time
from collections.abc import Iterator
from typing import Any

import anthropic
import openai
import pytest

from .scripted_upstream import Fault, ScriptedUpstream

ASK: Any = [{"role": "user", "content": "Привет 🙂"}]


@pytest.fixture(scope="module")
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(drip_seconds=0.001) as served:
        yield served


@pytest.fixture
def client(upstream: ScriptedUpstream) -> Iterator[openai.OpenAI]:
    with openai.OpenAI(base_url=f"{upstream.url}/v1", api_key="sk-test", max_retries=0, timeout=5) as client:
        yield client


def test_chat_plain_and_streamed(client: openai.OpenAI) -> None:
    answer: Any = client.chat.completions.create(model="gpt-4o", messages=ASK, n=2)
    assert [choice.message.content for choice in answer.choices] == ["Эхо 🦜: Привет 🙂"] * 2
    assert answer.usage.prompt_tokens_details.cached_tokens == 8
    stream: Any = client.chat.completions.create(
        model="gpt-4o", messages=ASK, stream=True, stream_options={"include_usage": True}
    )  # fmt: skip
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == "Эхо 🦜: Привет 🙂"
    assert chunks[-1].usage.total_tokens == 26


def test_tools_plain_and_streamed(client: openai.OpenAI) -> None:
    tools: Any = [{"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}]
    asked: Any = {"model": "gpt-4o", "messages": ASK, "tools": tools}
    call: Any = client.chat.completions.create(**asked).choices[0].message.tool_calls[0]
    assert (call.function.name, "Москва" in call.function.arguments) == ("weather", True)
    with client.chat.completions.stream(**asked) as stream:
        final: Any = stream.get_final_completion().choices[0].message.tool_calls
    assert final is not None
    assert "Москва" in final[0].function.arguments


def test_the_other_endpoints(client: openai.OpenAI) -> None:
    assert client.completions.create(model="gpt-4o", prompt="раз").choices[0].text == "Эхо 🦜: раз"
    assert client.responses.create(model="gpt-4o", input="два").output_text == "Эхо 🦜: два"
    with client.responses.stream(model="gpt-4o", input="три") as stream:
        assert stream.get_final_response().output_text == "Эхо 🦜: три"
    assert [model.id for model in client.models.list()] == ["gpt-4o", "gpt-4o-mini"]
    assert client.embeddings.create(model="e", input=["a", "b"], encoding_format="float").data[1].embedding == [
        0.25,
        -0.5,
        1,
    ]
    assert client.files.create(file=("rows.jsonl", b"{}"), purpose="batch").status == "processed"


def test_anthropic_messages(upstream: ScriptedUpstream) -> None:
    with anthropic.Anthropic(base_url=upstream.url, api_key="k", max_retries=0) as client:
        asked: Any = {"model": "claude", "max_tokens": 9, "messages": ASK}
        assert client.messages.create(**asked).content[0].text == "Эхо 🦜: Привет 🙂"
        with client.messages.stream(**asked) as stream:
            assert stream.get_final_text() == "Эхо 🦜: Привет 🙂"


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        ("hang", openai.APITimeoutError),
        ("reset", openai.APIConnectionError),
        ("cut", openai.APIConnectionError),
        ("429", openai.RateLimitError),
        ("500", openai.InternalServerError),
    ],
)
def test_faults(client: openai.OpenAI, upstream: ScriptedUpstream, fault: Fault, error: type[Exception]) -> None:
    upstream.next(fault)
    with pytest.raises(error):
        client.with_options(timeout=0.3).chat.completions.create(model="gpt-4o", messages=ASK)
    if fault == "hang":
        wait = time.monotonic() + 2
        while upstream.seen[-1].outcome == "open" and time.monotonic() < wait:
            time.sleep(0.01)
        assert upstream.seen[-1].outcome == "cancelled"


@pytest.mark.parametrize("fault", ["ragged", "no-done", "slow", "gzip", "late", None])
def test_odd_but_good_streams(client: openai.OpenAI, fault: Fault | None) -> None:
    headers = {"x-script": fault} if fault else {}
    stream = client.chat.completions.create(
        model="gpt-4o", messages=[{"role": "user", "content": "я"}], stream=True, extra_headers=headers, timeout=60
    )
    assert "".join(chunk.choices[0].delta.content or "" for chunk in stream) == "Эхо 🦜: я"


def test_huge_and_wrong_bodies(upstream: ScriptedUpstream) -> None:
    connection = http.client.HTTPConnection("127.0.0.1", upstream.port, timeout=30)
    for fault, size in (("huge", 100 * 2**20), ("wrong-type", 30), ("invalid-json", 20)):
        connection.request(
            "POST", "/v1/chat/completions", b"{}", {"x-script": fault, "content-type": "application/json"}
        )
        assert len(connection.getresponse().read()) >= size
    connection.close()


def test_a_client_that_leaves_is_noticed(upstream: ScriptedUpstream) -> None:
    before = upstream.cancelled
    with socket.create_connection(("127.0.0.1", upstream.port)) as raw:
        body = b'{"model":"script-endless","stream":true,"messages":[{"role":"user","content":"hi"}]}'
        raw.sendall(
            b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: %d\r\n\r\n%s" % (len(body), body)
        )
        came = b""
        while b"data: " not in came:
            came += raw.recv(65536)
    wait = time.monotonic() + 5
    while upstream.cancelled == before and time.monotonic() < wait:
        time.sleep(0.01)
    assert upstream.cancelled == before + 1
