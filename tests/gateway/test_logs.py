"""A log line is one JSON object, tells no secret, and delays nobody."""

from __future__ import annotations

import json
import logging
import os
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.exchange import Exchange
from sizewise.gateway import logs
from sizewise.gateway.logs import LibraryMessages, Log

SECRET = "sk-совершенно-секретно"
FULL = Exchange(
    "sw-1", datetime(2026, 1, 1, tzinfo=UTC), f"/v1/chat/completions?key={SECRET}", status=200, request=SECRET.encode(),
    response=SECRET.encode(), model=SECRET, answered_by=SECRET, latency_ms=12.34567, route="small", task="t", mode="live",
    input=SECRET, small_answer=SECRET, confidence=0.98765, subject=SECRET, run_id=SECRET,
)  # fmt: skip


@pytest.fixture
def target(tmp_path: Path) -> Iterator[tuple[int, Path]]:
    path = tmp_path / "log"
    opened = os.open(path, os.O_CREAT | os.O_WRONLY)
    yield opened, path
    os.close(opened)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def test_a_request_is_one_line_without_its_texts(target: tuple[int, Path]) -> None:
    with Log(to=target[0]) as log:
        log.request(FULL)
    (line,) = lines(target[1])
    at = line.pop("at")
    assert datetime.fromisoformat(at).tzinfo is UTC
    assert line == {
        "level": "info", "event": "request", "id": "sw-1", "method": "POST", "path": "/v1/chat/completions",
        "status": 200, "ms": 12.346, "task": "t", "mode": "live", "route": "small", "confidence": 0.988,
    }  # fmt: skip


def test_a_line_break_in_a_fact_breaks_no_line(target: tuple[int, Path]) -> None:
    with Log(to=target[0]) as log:
        log.info("started", store='a\n{"forged": true}\r\x00\u2028')
    assert len(lines(target[1])) == 1


@pytest.mark.parametrize(("level", "expected"), [("debug", 4), ("info", 3), ("warning", 2), ("error", 1), ("off", 0)])
def test_levels(target: tuple[int, Path], level: logs.Level, expected: int) -> None:
    with Log(level, to=target[0]) as log:
        log.debug("a")
        log.info("b")
        log.warning("c")
        log.error("d")
    assert len(lines(target[1])) == expected


def test_a_warning_that_repeats_is_counted(target: tuple[int, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "QUIET_SECONDS", 0.05)
    with Log(to=target[0]) as log:
        for _ in range(100):
            log.warning("store failed")
        time.sleep(0.06)
        log.warning("store failed")
    first, second = lines(target[1])
    assert "repeated" not in first
    assert second["repeated"] == 99


def test_a_fault_tells_where_but_not_what(target: tuple[int, Path]) -> None:
    with Log(to=target[0]) as log:
        try:
            json.loads(SECRET)
        except ValueError as error:
            log.fault("answering failed", error)
    (line,) = lines(target[1])
    assert line["error"] == "JSONDecodeError"
    assert "decoder.py" in line["where"]
    assert "секретно" not in json.dumps(line, ensure_ascii=False)


def test_what_libraries_say_is_told_without_its_arguments(target: tuple[int, Path]) -> None:
    with Log(to=target[0]) as log:
        logger = logging.Logger("uvicorn.error")
        logger.addHandler(LibraryMessages(log))
        logger.warning("Invalid HTTP request received.")
        logger.error("got %s", SECRET)
    (first,) = (line for line in lines(target[1]) if line["level"] == "warning")
    assert first["message"] == "Invalid HTTP request received."
    assert "секретно" not in target[1].read_text()


def test_a_full_pipe_stops_nobody_and_the_gap_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logs, "CAPACITY", 100)
    reading, writing = os.pipe()
    log = Log(to=writing)
    began = time.monotonic()
    for number in range(20_000):  # far more than a pipe holds
        log.info("event", number=number)
        if number % 100 == 0:
            time.sleep(0.001)
    assert time.monotonic() - began < 5
    got: list[bytes] = []

    def drain() -> None:
        while piece := os.read(reading, 65536):
            got.append(piece)

    reader = threading.Thread(target=drain)
    reader.start()
    log.close()
    os.close(writing)
    reader.join()
    os.close(reading)
    told = [json.loads(line) for line in b"".join(got).splitlines()]
    dropped = sum(line["count"] for line in told if line["event"] == "log lines dropped")
    assert dropped > 0
    assert dropped + sum(line["event"] == "event" for line in told) == 20_000


def test_a_closed_target_raises_nothing() -> None:
    reading, writing = os.pipe()
    os.close(reading)
    with Log(to=writing) as log:
        log.error("nobody reads this")
    os.close(writing)
