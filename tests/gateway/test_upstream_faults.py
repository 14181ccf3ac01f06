"""An upstream that fails in every way: the client learns the truth, the record says so, the server goes on."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from .load import said_in
from .scripted_upstream import Fault, ScriptedUpstream
from .whole_server import Served, chat, serving


@pytest.fixture(scope="module")
def script() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream(drip_seconds=0.05, late_seconds=0.3) as served:
        yield served


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, script: ScriptedUpstream) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("faults"), "--quiet-timeout", "1", upstream=f"{script.url}/v1") as running:
        yield running


def the_record(served: Served, identity: str):  # type: ignore[no-untyped-def]
    served.until(lambda: any(exchange.id == identity for exchange in served.exchanges()))
    return next(exchange for exchange in served.exchanges() if exchange.id == identity)


@pytest.mark.parametrize(
    ("fault", "status", "failure"),
    [
        ("hang", 504, "upstream timed out"),
        ("reset", 502, "upstream cut"),
        ("429", 429, "upstream refused"),
        ("401", 401, None),
        ("500", 500, "upstream refused"),
        ("invalid-json", 200, None),
        ("wrong-type", 200, None),
        ("gzip", 200, None),
        ("late", 200, None),
    ],
)
@pytest.mark.parametrize("streamed", [False, True])
def test_a_faithful_status(
    served: Served, script: ScriptedUpstream, fault: Fault, status: int, failure: str | None, streamed: bool
) -> None:
    script.next(fault)
    got, headers, body = served.post(chat("что?", stream=streamed), accept_encoding="identity")
    assert got == status
    record = the_record(served, headers["x-sizewise-id"])
    assert (record.status, record.failure, record.route) == (status, failure, "large")
    if fault == "429":
        assert headers["retry-after"] == "7"
    if fault in ("429", "401", "500"):
        assert json.loads(body)["error"]["message"]  # as upstream said it
        assert record.response == body
    if status in (502, 504):
        error = json.loads(body)["error"]
        assert error["type"]
        assert error["message"].endswith(".")
    if fault == "wrong-type":
        assert headers["content-type"].startswith("text/html")
    assert served.get("/healthz")[0] == 200


@pytest.mark.parametrize("fault", ["cut", "hang-midway"])
@pytest.mark.parametrize("streamed", [False, True])
def test_an_answer_that_breaks_off_is_seen_to(
    served: Served, script: ScriptedUpstream, fault: Fault, streamed: bool
) -> None:
    script.next(fault)
    began, identity = time.monotonic(), ""
    try:
        status, headers, body = served.post(chat("x" * 500, stream=streamed))
    except (http.client.IncompleteRead, ConnectionError):
        pass  # the connection broke: the client sees that
    else:
        identity = headers["x-sizewise-id"]
        if status == 200:
            assert b'"error"' in body
            assert b"[DONE]" not in body
        else:
            assert status in (502, 504)
    assert time.monotonic() - began < 5
    failure = "upstream cut" if fault == "cut" else "upstream timed out"
    served.until(lambda: served.exchanges()[-1].failure == failure)
    last = served.exchanges()[-1]
    assert not identity or last.id == identity
    if streamed:
        assert b"x" in last.response  # what had come is kept


def test_one_byte_at_a_time_is_an_answer(served: Served, script: ScriptedUpstream) -> None:
    script.next("slow")
    script.drip_seconds = 0.002
    got, _, body = served.post(chat("ё", stream=True), timeout=60)
    assert (got, said_in(body)) == (200, "Эхо 🦜: ё")


@pytest.mark.parametrize("fault", ["ragged", "no-done", "error-event"])
def test_odd_streams_pass_byte_for_byte(served: Served, script: ScriptedUpstream, fault: Fault) -> None:
    script.next(fault, fault)
    direct = http.client.HTTPConnection("127.0.0.1", script.port, timeout=30)
    direct.request(
        "POST", "/v1/chat/completions", json.dumps(chat("юла", stream=True)), {"content-type": "application/json"}
    )
    whole = direct.getresponse().read()
    direct.close()
    _, headers, body = served.post(chat("юла", stream=True))
    assert _without_id(body) == _without_id(whole)
    if fault != "error-event":
        assert "юла" in the_record(served, headers["x-sizewise-id"]).response.decode()


def _without_id(stream: bytes) -> bytes:
    lines = stream.replace(b"\r\n", b"\n").splitlines()
    return b"\n".join(line.partition(b"chatcmpl-")[0] + line.partition(b"chatcmpl-")[2][6:] for line in lines)


def test_a_hundred_megabytes_pass(served: Served, script: ScriptedUpstream) -> None:
    script.next("huge")
    got, headers, body = served.post(chat("all of it"), timeout=120)
    assert (got, len(body)) == (200, 100 * 2**20 + len(b'{"filler":"') + 2)
    record = the_record(served, headers["x-sizewise-id"])
    assert record.status == 200
    assert len(record.response) <= 32 * 2**20
    used = next(line for line in Path(f"/proc/{served.process.pid}/status").read_text().splitlines() if "VmRSS" in line)
    assert int(used.split()[1]) < 700_000  # KiB


def test_a_client_that_leaves_stops_upstream(served: Served, script: ScriptedUpstream) -> None:
    before = script.cancelled
    script.next("endless")
    connection = http.client.HTTPConnection(served.url.removeprefix("http://"), timeout=30)
    connection.request(
        "POST", "/v1/chat/completions", json.dumps(chat("go on", stream=True)), {"content-type": "application/json"}
    )
    answer = connection.getresponse()
    assert answer.read(100)
    identity = answer.headers["x-sizewise-id"]
    connection.close()
    answer.close()
    served.until(lambda: script.cancelled == before + 1)
    record = the_record(served, identity)
    assert record.failure == "client left"


def test_an_upstream_that_is_not_there(tmp_path: Path) -> None:
    with serving(tmp_path, upstream="http://127.0.0.1:9/v1") as alone:
        status, headers, body = alone.post(chat("hi"))
        assert status == 502
        assert json.loads(body)["error"]["code"]
        assert the_record(alone, headers["x-sizewise-id"]).failure == "upstream unreachable"
