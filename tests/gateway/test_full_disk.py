"""A disk that is full: answers go on or are refused, it is said once, and nothing that was durable is lost."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.errors import LimitReached, StoreError
from sizewise.core.exchange import Exchange
from sizewise.gateway.recorder import Recorder
from sizewise.store.traffic import open_traffic


def exchange(number: int) -> Exchange:
    at = datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number)
    return Exchange(f"sw-{number:05d}", at, "/v1/chat/completions", status=200, request=os.urandom(8_000))


def until_full(disk: Path, on_full: Any, then: Callable[[Recorder], None]) -> tuple[list[int], list[str], Recorder]:
    """Record until the disk is full and a little further, make room, and record one more."""
    said: list[str] = []
    durable: list[int] = []

    async def work() -> Recorder:
        recorder = Recorder(
            lambda: open_traffic(str(disk / "t.db"), patience=0.1), on_full=on_full, patience=0.3, notice=said.append
        )
        recorder.start()
        number = 0
        while not recorder.failing:
            if await recorder.record(exchange(number)):
                durable.append(number)
            number += 1
            assert number < 500
        then(recorder)
        for more in range(number, number + 10):
            assert not await recorder.record(exchange(more))
        with open_traffic(str(disk / "t.db"), read_only=True) as store:
            assert {e.id for e in store.exchanges()} >= {f"sw-{n:05d}" for n in durable}
        (disk / "ballast").unlink()
        while recorder.failing or recorder.depth:
            await asyncio.sleep(0.02)
        assert recorder.room()
        assert await recorder.record(exchange(9_999))
        await recorder.close()
        return recorder

    (disk / "ballast").write_bytes(bytes(200 << 10))
    recorder = asyncio.run(asyncio.wait_for(work(), 60))
    return durable, said, recorder


def test_serving_goes_on_without_a_disk(small_disk: Path) -> None:
    durable, said, recorder = until_full(small_disk, "serve", lambda r: check(r.room()))
    assert recorder.lost == 0
    assert len(said) == 2, said
    assert "full" in said[0]
    with open_traffic(str(small_disk / "t.db"), read_only=True) as store:
        kept = [e.id for e in store.exchanges()]
    assert len(kept) == len(set(kept)) == recorder.written > len(durable) + 10


def test_refusing_without_a_disk(small_disk: Path) -> None:
    _, said, recorder = until_full(small_disk, "refuse", lambda r: check(not r.room()))
    assert recorder.lost == 0
    assert "refused" in said[0]


def check(holds: bool) -> None:
    assert holds


def test_a_new_store_on_a_full_disk_is_refused_at_the_start(small_disk: Path) -> None:
    (small_disk / "ballast").write_bytes(bytes(480 << 10))
    with pytest.raises((LimitReached, StoreError), match="full"):
        open_traffic(str(small_disk / "t.db"))
