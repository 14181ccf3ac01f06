"""Whatever comes from a client or from upstream: no 500 of ours, no hang, and what passes passes byte for byte."""

from __future__ import annotations

import http.client
import json
import socket
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, chat, serving

QUICKLY = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
TEXT = some.text(max_size=30)
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | TEXT,
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(TEXT, inner, max_size=4),
    max_leaves=8,
)
NAMES = [
    "model",
    "messages",
    "stream",
    "n",
    "max_tokens",
    "response_format",
    "tools",
    "stream_options",
    "role",
    "content",
]
REQUEST = some.dictionaries(some.sampled_from(NAMES) | TEXT, JSON, max_size=6).map(
    lambda value: json.dumps(value).encode()
)
MANGLED = (
    some.binary(max_size=200)
    | REQUEST
    | some.builds(lambda body, cut: body[:cut], some.just(json.dumps(chat("Привет")).encode()), some.integers(0, 150))
)
EVENT = some.one_of(
    some.binary(max_size=60),
    JSON.map(lambda value: b"data: " + json.dumps(value).encode() + b"\n\n"),
    some.builds(
        lambda delta, index: b"data: " + json.dumps({"choices": [{"index": index, "delta": delta}]}).encode() + b"\n\n",
        JSON,
        JSON,
    ),
    some.sampled_from(
        [
            b"data: [DONE]\n\n",
            b"data:[DONE]\r\n\r\n",
            b": ping\n\n",
            b"event: message_stop\ndata: {}\n\n",
            b"\n",
            b"data",
        ]
    ),
)


@pytest.fixture(scope="module")
def script() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as served:
        yield served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, script: ScriptedUpstream) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("fuzz"), upstream=f"{script.url}/v1") as running:
        yield running


@pytest.fixture(scope="module")
def connection(served: Served) -> Iterator[http.client.HTTPConnection]:
    opened = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=20)
    yield opened
    opened.close()


@QUICKLY
@given(
    body=MANGLED,
    path=some.sampled_from(["chat/completions", "completions", "responses", "messages", "embeddings", "models/x"]),
)
def test_any_request(script: ScriptedUpstream, connection: http.client.HTTPConnection, body: bytes, path: str) -> None:
    script.raw = ("application/json", b"{}")
    connection.request("POST", f"/v1/{path}", body, {"content-type": "application/json"})
    answer = connection.getresponse()
    said = answer.read()
    assert answer.status == 200, said
    assert script.seen[-1].body == body
    assert said == b"{}"


@QUICKLY
@given(
    events=some.lists(EVENT, max_size=8),
    kind=some.sampled_from(
        ["text/event-stream", "application/json", "text/plain", "application/octet-stream", "", "\u00fc/;;"]
    ),
    path=some.sampled_from(["chat/completions", "completions", "responses", "messages"]),
    streamed=some.booleans(),
)
def test_any_answer(
    script: ScriptedUpstream,
    connection: http.client.HTTPConnection,
    events: list[bytes],
    kind: str,
    path: str,
    streamed: bool,
) -> None:
    whole = b"".join(events)
    script.raw = (kind, whole)
    connection.request(
        "POST", f"/v1/{path}", json.dumps(chat("x", stream=streamed)), {"content-type": "application/json"}
    )
    answer = connection.getresponse()
    assert (answer.status, answer.read()) == (200, whole)


def test_all_of_it_was_recorded_and_can_be_read(served: Served, script: ScriptedUpstream) -> None:
    script.raw = None
    served.until(lambda: served.counted()["sizewise_queue_depth",] == 0)
    passed = sum(seen.path.startswith("/v1/") for seen in script.seen)
    assert len(served.exchanges()) == passed
    assert served.counted().get(("sizewise_records_lost_total",), 0) == 0
    assert not served.log_lines("answering failed")
    assert "Traceback" not in served.log


BROKEN = {
    "no HTTP": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "empty line": b"\r\n\r\n",
    "unknown method": b"BREW /v1/chat/completions HTTP/1.1\r\nHost: x\r\n\r\n",
    "no path": b"GET  HTTP/1.1\r\nHost: x\r\n\r\n",
    "path of bytes": b"POST /v1/\xff\xfe?\xff HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "dots": b"GET /v1/../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "escaped dots": b"GET /v1/%2e%2e/%2e%2e/secret HTTP/1.1\r\nHost: x\r\n\r\n",
    "negative length": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
    "two lengths": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\n{}",
    "length and chunks": (
        b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"
    ),
    "bad chunk": b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZ\r\n",
    "huge header": b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    "absolute address": b"GET http://example.invalid/v1/models HTTP/1.1\r\nHost: x\r\n\r\n",
    "line break in a header": b"GET /v1/models HTTP/1.1\r\nHost: x\r\nX: a\nInjected: b\r\n\r\n",
    "websocket": b"GET /v1/realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
    "CONNECT": b"CONNECT example.invalid:443 HTTP/1.1\r\nHost: x\r\n\r\n",
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_http(served: Served, script: ScriptedUpstream, name: str) -> None:
    script.raw = None
    host, port = served.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.settimeout(3)
        raw.sendall(BROKEN[name])
        answer = b""
        try:
            while b"\r\n\r\n" not in answer and (piece := raw.recv(65536)):
                answer += piece
        except (TimeoutError, ConnectionError):
            pass  # it waits for more, or has closed
    status = int(answer.split()[1]) if answer.startswith(b"HTTP/1.") else 400
    assert status < 500, answer
    assert served.get("/healthz")[0] == 200


def test_a_request_that_trickles_in(served: Served, script: ScriptedUpstream) -> None:
    host, port = served.url.removeprefix("http://").split(":")
    body = json.dumps(chat("ё")).encode()
    whole = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    ).encode() + body
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        for byte in whole:
            raw.sendall(bytes([byte]))
        assert raw.recv(65536).startswith(b"HTTP/1.1 200")
    assert script.seen[-1].body == body


def test_a_body_that_never_ends_is_refused(tmp_path_factory: pytest.TempPathFactory, script: ScriptedUpstream) -> None:
    arguments: Any = ("--max-body-mb", "1")
    with serving(tmp_path_factory.mktemp("limits"), *arguments, upstream=f"{script.url}/v1") as limited:
        before = len(script.seen)
        for size in (1_500_000, 20_000_000):  # a client that writes all of it before it reads gets to the answer
            status, _, said = limited.post(b"x" * size)
            assert status == 413
            assert json.loads(said)["error"]["code"]
        connection = http.client.HTTPConnection(limited.url.removeprefix("http://"), timeout=20)
        connection.request("POST", "/v1/chat/completions", iter([b"x" * 65536] * 40), encode_chunked=True)
        assert connection.getresponse().status == 413
        connection.close()
        assert len(script.seen) == before
        assert limited.counted()["sizewise_requests_total", "", "413", ""] == 3
