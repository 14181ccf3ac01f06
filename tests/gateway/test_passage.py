"""Requests pass to upstream and back as they came, and what the client saw completed is stored."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import json
import random
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import httpx
import openai
import pytest

from sizewise.core.exchange import Exchange
from sizewise.store.traffic import open_traffic

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, chat, serving


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


def raw(gateway: Served, method: str, path: str, **options: Any) -> httpx.Response:
    return httpx.request(method, gateway.url + path, timeout=30, **options)


@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "PATCH", "DELETE"])
def test_any_other_path_passes_as_it_is(gateway: Served, played: ScriptedUpstream, method: str) -> None:
    body = b'{ "odd":  "spacing \xd1\x8f" ,"model":"x"}\n' if method not in ("GET", "DELETE") else b""
    answer = raw(
        gateway, method, "/v1/vector_stores/%D1%8F%2Fb?a=1&b=%20x&c", content=body,
        headers={"content-type": "application/json", "traceparent": "00-0af7-b7ad-01", "x-sizewise-subject": "anna",
                 "openai-organization": "org-1", "authorization": "Bearer sk-of-the-client", "cookie": "a=b"},
    )  # fmt: skip
    seen = played.seen[-1]
    assert (seen.method, seen.target, seen.body) == (method, "/v1/vector_stores/%D1%8F%2Fb?a=1&b=%20x&c", body)
    assert answer.json()["sha256"] == hashlib.sha256(body).hexdigest()
    assert seen.headers["traceparent"] == "00-0af7-b7ad-01"
    assert seen.headers["authorization"] == "Bearer sk-of-the-client"
    assert seen.headers["openai-organization"] == "org-1"
    assert seen.headers["cookie"] == "a=b"
    assert not [name for name in seen.headers if name.startswith("x-sizewise")]
    assert answer.headers["x-request-id"].startswith("req_")
    assert stored(gateway, answer.headers["x-sizewise-id"]).subject == "anna"


def test_head_options_and_what_is_not_there(gateway: Served) -> None:
    assert raw(gateway, "HEAD", "/v1/models").content == b""
    assert raw(gateway, "OPTIONS", "/v1/chat/completions").status_code == 200
    assert raw(gateway, "HEAD", "/healthz").status_code == 200
    assert raw(gateway, "TRACE", "/v1/models").status_code == 405
    for path in ("/", "/v2/chat", "/v1", "/favicon.ico"):
        missing = raw(gateway, "GET", path)
        assert missing.status_code == 404, path
        assert missing.json()["error"]["code"] == "not_found"
    connection = http.client.HTTPConnection(gateway.url.removeprefix("http://"), timeout=10)
    connection.request("GET", "/v1/files/../../admin")
    assert connection.getresponse().status == 400
    connection.close()


def test_an_upload_passes_piece_by_piece_and_is_not_stored(gateway: Served, played: ScriptedUpstream) -> None:
    content = random.Random(0).randbytes(3_000_000)
    answer = raw(gateway, "POST", "/v1/files", files={"file": ("rows.jsonl", content)}, data={"purpose": "batch"})
    assert answer.status_code == 200
    assert content in played.seen[-1].body
    assert played.seen[-1].headers["content-type"].startswith("multipart/form-data; boundary=")
    assert played.seen[-1].headers["content-length"] == str(len(played.seen[-1].body))
    exchange = stored(gateway, answer.headers["x-sizewise-id"])
    assert exchange.request == b""
    assert exchange.response == answer.content


def test_chunks_of_unknown_length_pass(gateway: Served, played: ScriptedUpstream) -> None:
    pieces = [b"--x\r\n", b"a" * 70_000, b"\r\n--x--"]
    kind = {"content-type": "multipart/form-data; boundary=x"}
    assert raw(gateway, "POST", "/v1/audio/translations", content=iter(pieces), headers=kind).status_code == 200
    assert played.seen[-1].body == b"".join(pieces)


def test_compressed_answers_pass_and_are_stored_undone(gateway: Served, played: ScriptedUpstream) -> None:
    played.next("gzip")
    with httpx.stream(
        "POST", f"{gateway.url}/v1/chat/completions", json=chat("Привет"), headers={"accept-encoding": "gzip, br, zstd"}
    ) as answer:
        packed = b"".join(answer.iter_raw())
    assert answer.headers["content-encoding"] == "gzip"
    assert played.seen[-1].headers["accept-encoding"] == "gzip"
    assert stored(gateway, answer.headers["x-sizewise-id"]).response == gzip.decompress(packed)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"null", b"\xff\xfe", b'{"model": 7, "messages": "x"}'])
def test_what_is_no_request_is_upstreams_to_refuse(gateway: Served, played: ScriptedUpstream, body: bytes) -> None:
    raw(gateway, "POST", "/v1/chat/completions", content=body, headers={"content-type": "application/json"})
    assert played.seen[-1].body == body


def test_the_errors_of_upstream_pass(gateway: Served, client: openai.OpenAI, played: ScriptedUpstream) -> None:
    played.next("429")
    with pytest.raises(openai.RateLimitError) as refused:
        client.chat.completions.create(model="gpt-4o", messages=[{"role": "user", "content": "x"}])
    assert refused.value.response.headers["retry-after"] == "7"
    assert refused.value.code == "rate_limit_exceeded"
    exchange = stored(gateway, refused.value.response.headers["x-sizewise-id"])
    assert (exchange.status, exchange.failure) == (429, "upstream refused")


def test_tools_and_pictures_pass(gateway: Served, client: openai.OpenAI) -> None:
    tool: Any = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object"}}}
    asked: Any = [
        {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "data:image/png;base64,AA"}}]}
    ]
    stream = client.chat.completions.with_raw_response.create(model="m", messages=asked, tools=[tool], stream=True)
    calls = [part.function for chunk in stream.parse() for part in chunk.choices[0].delta.tool_calls or []]
    arguments = "".join(call.arguments or "" for call in calls if call is not None)
    exchange = stored(gateway, stream.headers["x-sizewise-id"])
    kept = json.loads(exchange.response)["choices"][0]["message"]["tool_calls"][0]
    assert kept["function"] == {"name": "weather", "arguments": arguments}
    assert exchange.finish_reason == "tool_calls"


@pytest.mark.parametrize("kind", ["plain", "stream"])
def test_a_client_that_leaves_cancels_upstream(gateway: Served, played: ScriptedUpstream, kind: str) -> None:
    played.next("hang" if kind == "plain" else "endless")
    body = chat(f"leaving {kind}", stream=kind == "stream")
    with (
        suppress(httpx.ReadTimeout),
        httpx.stream("POST", f"{gateway.url}/v1/chat/completions", json=body, timeout=0.5) as answer,
    ):
        next(answer.iter_raw())
    seen = next(seen for seen in played.seen if f"leaving {kind}".encode() in seen.body)
    gateway.until(lambda: seen.outcome == "cancelled")
    marker = f"leaving {kind}".encode()
    gateway.until(lambda: any(marker in one.request for one in gateway.exchanges()))
    exchange = next(one for one in gateway.exchanges() if marker in one.request)
    assert exchange.failure == "client left"
    assert exchange.streamed == (kind == "stream")
