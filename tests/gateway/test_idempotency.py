"""A retry with the same idempotency key is answered once and recorded once."""

from __future__ import annotations

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, chat, serving


@pytest.fixture(scope="module")
def played() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as upstream:
        yield upstream


@pytest.fixture(scope="module")
def gateway(played: ScriptedUpstream, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with serving(tmp_path_factory.mktemp("once"), upstream=played.url) as served:
        yield served


def test_a_retry_is_answered_the_same_and_asked_once(gateway: Served, played: ScriptedUpstream) -> None:
    asked = len(played.seen)
    first = gateway.post(chat("Где посылка?"), idempotency_key="k1")
    again = gateway.post(chat("Где посылка?"), idempotency_key="k1")
    assert (first[0], first[2]) == (again[0], again[2])
    assert first[1]["x-sizewise-id"] == again[1]["x-sizewise-id"]
    assert again[1]["x-sizewise-replayed"] == "true"
    assert len(played.seen) == asked + 1


def test_another_body_another_client_or_no_key_is_another_request(gateway: Served, played: ScriptedUpstream) -> None:
    asked = len(played.seen)
    gateway.post(chat("one"), idempotency_key="k2")
    gateway.post(chat("two"), idempotency_key="k2")
    gateway.post(chat("one"), idempotency_key="k2", authorization="Bearer somebody-else")
    gateway.post(chat("one"))
    assert len(played.seen) == asked + 4


def test_concurrent_retries_wait_for_the_first(gateway: Served, played: ScriptedUpstream) -> None:
    asked = len(played.seen)
    played.next("late")
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: gateway.post(chat("at once"), idempotency_key="k3"), range(8)))
    assert len({answer[2] for answer in answers}) == len({answer[1]["x-sizewise-id"] for answer in answers}) == 1
    assert len(played.seen) == asked + 1
    assert sum(b"at once" in one.request for one in gateway.exchanges()) == 1


def test_what_failed_is_tried_again(gateway: Served, played: ScriptedUpstream) -> None:
    played.next("500", "reset", None)
    statuses = [gateway.post(chat("unlucky"), idempotency_key="k4")[0] for _ in range(4)]
    assert statuses == [500, 502, 200, 200]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/completions", "/v1/messages", "/v1/responses"])
def test_a_stream_is_said_again_as_a_stream(gateway: Served, played: ScriptedUpstream, path: str) -> None:
    body = chat("Привет 🙂", stream=True, prompt="Привет 🙂", input="Привет 🙂", max_tokens=9)
    first = gateway.post(body, path, idempotency_key="k5")
    again = gateway.post(body, path, idempotency_key="k5")
    assert again[1]["content-type"].startswith("text/event-stream")
    assert again[1]["x-sizewise-id"] == first[1]["x-sizewise-id"]
    assert said(first[2]) == said(again[2]) != ""


def said(stream: bytes) -> str:
    """All text of a stream, whichever API's it is."""
    text = ""
    for line in stream.decode().splitlines():
        if line.startswith("data: {"):
            event = json.loads(line[6:])
            for choice in event.get("choices", []):
                text += choice.get("text") or choice.get("delta", {}).get("content") or ""
            delta = event.get("delta")
            if event.get("type") == "response.output_text.delta":
                text += delta
            elif isinstance(delta, dict):
                text += delta.get("text", "")
    return text


def test_after_a_restart_and_across_workers(played: ScriptedUpstream, tmp_path: Path) -> None:
    body = chat("kept")
    with serving(tmp_path, "--workers", "2", upstream=played.url) as gateway:
        asked = len(played.seen)
        played.next("late")
        with ThreadPoolExecutor(8) as threads:
            answers = list(threads.map(lambda _: gateway.post(body, idempotency_key="k6"), range(8)))
        assert len({answer[1]["x-sizewise-id"] for answer in answers}) == 1
        assert len(played.seen) == asked + 1
        assert gateway.stop() == 0
    with serving(tmp_path, upstream=played.url) as gateway:
        again = gateway.post(body, idempotency_key="k6")
        assert again[2] == answers[0][2]
        assert len(played.seen) == asked + 1
        assert len(gateway.exchanges()) == 1


def test_nothing_of_a_key_is_kept(gateway: Served) -> None:
    gateway.post(chat("secret"), idempotency_key="key-of-the-client-1234567890")
    for file in gateway.folder.iterdir():
        assert b"key-of-the-client" not in file.read_bytes()
        assert b"sk-client" not in file.read_bytes()


def test_a_waiting_retry_whose_client_leaves_disturbs_nobody(gateway: Served, played: ScriptedUpstream) -> None:
    played.next("late")
    with ThreadPoolExecutor(1) as threads:
        first = threads.submit(gateway.post, chat("patient"), idempotency_key="k7")
        gateway.until(lambda: any(b"patient" in seen.body for seen in played.seen))
        with pytest.raises(httpx.ReadTimeout):
            httpx.post(
                f"{gateway.url}/v1/chat/completions", content=json.dumps(chat("patient")), timeout=0.2,
                headers={"content-type": "application/json", "idempotency-key": "k7", "authorization": "Bearer sk-client-0123456789abcdef-C0FFEE"},
            )  # fmt: skip
        assert first.result()[0] == 200
    assert gateway.post(chat("patient"), idempotency_key="k7")[1]["x-sizewise-replayed"] == "true"
