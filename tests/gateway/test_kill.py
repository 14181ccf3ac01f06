"""kill -9 under load: what a client saw answered is in the store, once, and the database opens."""

from __future__ import annotations

import asyncio
import random
import signal
import sqlite3
import subprocess
from collections import Counter
from contextlib import closing
from pathlib import Path

import pytest

from .load import Sight, load
from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, serving


async def _load_and_kill(served: Served, after: float, name: str) -> Sight:
    stop = asyncio.Event()
    asking = asyncio.create_task(load(served.url, 0, name=name, stop=stop))
    await asyncio.sleep(after)
    served.process.send_signal(signal.SIGKILL)
    stop.set()
    return await asking


def _killed_often(times: int, folder: Path, upstream: ScriptedUpstream, *arguments: str) -> None:
    draw = random.Random(times)
    seen: dict[str, str] = {}
    for number in range(times):
        with serving(folder, *arguments, upstream=f"{upstream.url}/v1") as served:
            saw = asyncio.run(_load_and_kill(served, draw.uniform(0.05, 0.8), f"kill {number} текст 🙂"))
        seen |= saw.whole
        with closing(sqlite3.connect(served.store)) as database:
            assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        stored = served.exchanges()
        counts = Counter(exchange.id for exchange in stored)
        assert {identity: counts[identity] for identity in seen} == dict.fromkeys(seen, 1), f"after kill {number}"
        assert max(counts.values(), default=0) <= 1
        texts = {exchange.id: (exchange.request, exchange.response) for exchange in stored}
        for identity, text in saw.whole.items():
            asked, answered = (part.decode() for part in texts[identity])
            assert text.rpartition(" ")[2] in asked
            assert f"Эхо 🦜: {text}" in answered
    assert len(seen) > times


def test_killed_under_load(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    _killed_often(5, tmp_path, upstream)


@pytest.mark.faults
@pytest.mark.parametrize("workers", [1, 2])
def test_killed_fifty_times(tmp_path: Path, upstream: ScriptedUpstream, workers: int) -> None:
    _killed_often(50 if workers == 1 else 10, tmp_path, upstream, "--workers", str(workers))
    left = subprocess.run(["pgrep", "-f", str(tmp_path)], capture_output=True, text=True, check=False).stdout
    assert not left, "a worker outlived its killed parent"
