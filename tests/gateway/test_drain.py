"""SIGTERM under load: what was accepted is answered and recorded, then the process ends with status 0; several workers."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import pytest

from .load import Sight, load, said_in
from .scripted_upstream import ScriptedUpstream
from .whole_server import KEY, Served, chat, serving


async def _stopped_under_load(served: Served) -> Sight:
    stop = asyncio.Event()
    asking = asyncio.create_task(load(served.url, 0, clients=12, stop=stop, fresh=True))
    await asyncio.sleep(0.7)
    served.process.send_signal(signal.SIGTERM)
    await asyncio.sleep(0.5)
    stop.set()
    return await asking


@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_is_dropped(tmp_path: Path, upstream: ScriptedUpstream, workers: int) -> None:
    upstream.pause_seconds = 0.01
    with serving(tmp_path, "--workers", str(workers), upstream=f"{upstream.url}/v1") as served:
        saw = asyncio.run(_stopped_under_load(served))
        assert served.process.wait(30) == 0, served.log[-2000:]
    assert not saw.broken
    assert not saw.refused
    assert saw.unsent > 0  # it did stop listening
    assert len(saw.whole) > 20
    assert set(saw.whole) <= {exchange.id for exchange in served.exchanges()}


def test_a_long_stream_is_finished(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    upstream.pause_seconds = 0.05
    text = "слово " * 30

    async def ask(served: Served) -> bytes:
        async with aiohttp.ClientSession() as session, session.post(
            f"{served.url}/v1/chat/completions", json=chat(text, stream=True), headers={"authorization": f"Bearer {KEY}"}
        ) as answer:  # fmt: skip
            first = await answer.content.readany()
            served.process.send_signal(signal.SIGTERM)
            return first + await answer.read()

    with serving(tmp_path, upstream=f"{upstream.url}/v1") as served:
        assert said_in(asyncio.run(ask(served))) == f"Эхо 🦜: {text}"
        assert served.process.wait(30) == 0
    assert [exchange.failure for exchange in served.exchanges()] == [None]


def test_workers_count_and_record_together(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with serving(tmp_path, "--workers", "2", upstream=f"{upstream.url}/v1") as served:
        saw = asyncio.run(load(served.url, 1.0, clients=8, fresh=True))
        assert (saw.broken, saw.refused, saw.unsent) == ([], [], 0)
        served.until(lambda: len(served.exchanges()) == len(saw.whole))
        for name in (("sizewise_requests_total", "large", "200", ""), ("sizewise_records_written_total",)):
            served.until(
                lambda name=name: served.counted()[name] >= len(saw.whole)
            )  # the other worker's a moment later
            assert served.counted()[name] == len(saw.whole)
        children = Path(f"/proc/{served.process.pid}/task/{served.process.pid}/children").read_text().split()
        assert len(children) >= 2
        assert served.stop() == 0
    served.until(lambda: not any(Path(f"/proc/{child}").exists() for child in children))
