"""An answer waits for the commit of its exchange; a store that fails neither delays nor loses more than it must."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from sizewise.core.exchange import Exchange
from sizewise.gateway.masks import pseudonym
from sizewise.gateway.recorder import Recorder
from sizewise.store.traffic import TrafficStore, open_traffic


def exchange(number: int, **values: Any) -> Exchange:
    given: dict[str, Any] = {
        "id": f"sw-{number:06d}", "at": datetime(2026, 3, 1, tzinfo=UTC) + timedelta(seconds=number),
        "path": "/v1/chat/completions", "status": 200, "request": b"{}", "response": b"{}", "model": "gpt-4o",
    }  # fmt: skip
    return Exchange(**(given | values))


def opener(path: Path, patience: float = 0.1) -> Callable[[], TrafficStore]:
    return lambda: open_traffic(str(path), patience=patience)


def stored(path: Path) -> list[Exchange]:
    with open_traffic(str(path), read_only=True) as store:
        return list(store.exchanges())


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 30))


def test_what_record_returns_for_is_in_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"))
        recorder.start()
        for n in range(20):
            assert await recorder.record(exchange(n))
            assert len(stored(tmp_path / "t.db")) == n + 1
        assert (recorder.written, recorder.lost, recorder.depth) == (20, 0, 0)
        await recorder.close()

    run(work())


def test_many_at_once_share_commits(tmp_path: Path) -> None:
    commits = []

    class Counting(TrafficStore):
        def append(self, exchanges: Any) -> int:
            commits.append(len(exchanges))
            return super().append(exchanges)

    async def work() -> None:
        def counting() -> TrafficStore:
            store = open_traffic(str(tmp_path / "t.db"))
            store.__class__ = Counting
            return store

        recorder = Recorder(counting)
        recorder.start()
        assert all(await asyncio.gather(*(recorder.record(exchange(n)) for n in range(300))))
        await recorder.close()

    run(work())
    assert sum(commits) == 300
    assert len(commits) < 60


def test_the_cost_is_reckoned_for_the_model_that_answered(tmp_path: Path) -> None:
    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"))
        recorder.start()
        dated = exchange(
            1, answered_by="gpt-4o-2024-08-06", prompt_tokens=1_000, cached_tokens=400, completion_tokens=9
        )
        await recorder.record(dated)
        await recorder.record(exchange(2, model="unheard-of", prompt_tokens=1_000))
        await recorder.close()

    run(work())
    first, second = stored(tmp_path / "t.db")
    assert first.cost_usd == pytest.approx((600 * 2.5 + 400 * 1.25 + 9 * 10) / 1e6)
    assert second.cost_usd is None


def test_a_locked_store_delays_no_answer_for_long_and_loses_nothing(tmp_path: Path) -> None:
    said: list[str] = []

    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), patience=0.3, notice=said.append)
        recorder.start()
        assert await recorder.record(exchange(0))
        holder = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        assert not await recorder.record(exchange(1))
        assert time.monotonic() - began < 2.0
        while not recorder.failing:
            await asyncio.sleep(0.01)
        began = time.monotonic()
        for n in range(2, 50):
            assert not await recorder.record(exchange(n))
        assert time.monotonic() - began < 48 * 0.3 / 4  # had each waited, it were four times as long
        assert recorder.room()
        assert recorder.depth == 49
        holder.execute("ROLLBACK")
        holder.close()
        while recorder.depth:
            await asyncio.sleep(0.01)
        assert await recorder.record(exchange(50))
        assert recorder.lost == 0
        await recorder.close()

    run(work())
    assert len(stored(tmp_path / "t.db")) == 51
    assert len(said) == 2
    assert "locked" in said[0]
    assert "again" in said[1]


def test_refuse_has_no_room_while_the_store_fails(tmp_path: Path) -> None:
    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), patience=0.2, on_full="refuse")
        recorder.start()
        holder = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        assert recorder.room()
        assert not await recorder.record(exchange(1))
        while recorder.room():
            await asyncio.sleep(0.01)
        holder.execute("ROLLBACK")
        holder.close()
        while not recorder.room():
            await asyncio.sleep(0.01)
        assert await recorder.record(exchange(2))
        await recorder.close()

    run(work())
    assert len(stored(tmp_path / "t.db")) == 2


def test_a_full_queue_counts_what_is_lost(tmp_path: Path) -> None:
    said: list[str] = []

    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), capacity=5, patience=0.1, notice=said.append)
        recorder.start()
        holder = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for n in range(20):
            await recorder.record(exchange(n))
        assert (recorder.depth, recorder.lost) == (5, 15)
        holder.execute("ROLLBACK")
        holder.close()
        while recorder.depth:
            await asyncio.sleep(0.01)
        await recorder.close()
        assert recorder.written == 5

    run(work())
    assert len(said) == 3  # the store fails, the queue is full, the store is there again


def test_what_the_database_cannot_hold_costs_itself_only(tmp_path: Path) -> None:
    said: list[str] = []

    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), notice=said.append)
        recorder.start()
        bad = exchange(7, status=2**80)
        done = await asyncio.gather(*(recorder.record(e) for e in (exchange(1), bad, exchange(2))))
        assert done == [True, False, True]
        assert (recorder.written, recorder.lost, recorder.depth) == (2, 1, 0)
        await recorder.close()

    run(work())
    assert len(said) == 1


def test_one_key_is_answered_from_the_queue_or_the_store(tmp_path: Path) -> None:
    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"))
        recorder.start()
        first = asyncio.create_task(recorder.record(exchange(1, idempotency=b"k")))
        await asyncio.sleep(0)
        found = await recorder.answered(b"k")
        assert found is not None
        assert found.id == exchange(1).id
        assert await first
        assert await recorder.record(exchange(2, idempotency=b"k"))
        assert (recorder.written, recorder.repeated) == (1, 1)
        assert await recorder.answered(b"other") is None
        await recorder.close()

    run(work())


def test_closing_writes_what_waits(tmp_path: Path) -> None:
    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"))
        recorder.start()
        waiting = [asyncio.create_task(recorder.record(exchange(n))) for n in range(700)]
        await asyncio.sleep(0)
        await recorder.close()
        assert all([await one for one in waiting])
        assert not await recorder.record(exchange(999))

    run(work())
    assert len(stored(tmp_path / "t.db")) == 700


def test_what_is_too_old_is_swept(tmp_path: Path) -> None:
    with open_traffic(str(tmp_path / "t.db")) as store:
        store.append([exchange(n) for n in range(450)])

    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), retention_days=90)
        recorder.start()
        while stored(tmp_path / "t.db"):
            await asyncio.sleep(0.05)
        await recorder.close()

    run(work())


def test_masking_and_subjects(tmp_path: Path) -> None:
    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), mask=True)
        recorder.start()
        await recorder.record(exchange(1, request=b'{"user": "anna", "messages": [{"content": "x@example.com"}]}'))
        await recorder.record(exchange(2, input=7))  # no text: whatever it is, it is not written unmasked
        await recorder.close()
        assert recorder.masked == {"email": 1, "subject": 1, "everything": 1}

    run(work())
    first, second = stored(tmp_path / "t.db")
    assert first.subject == pseudonym("anna")
    assert b"anna" not in first.request
    assert b"example.com" not in first.request
    assert (second.request, second.input) == (b"", None)


def test_a_fault_in_putting_together_keeps_what_came(tmp_path: Path) -> None:
    def faulty(exchange: Exchange) -> Exchange:
        raise KeyError(exchange.id)

    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), complete=faulty)
        recorder.start()
        assert await recorder.record(exchange(1, response=b"data: [DONE]"))
        await recorder.close()

    run(work())
    assert [e.response for e in stored(tmp_path / "t.db")] == [b"data: [DONE]"]


def test_a_fault_of_ours_costs_one_batch(tmp_path: Path) -> None:
    said: list[str] = []

    class Faulty(TrafficStore):
        def append(self, exchanges: Any) -> int:
            if any(one.id == "sw-000001" for one in exchanges):
                raise KeyError("surprise")
            return super().append(exchanges)

    async def work() -> None:
        def faulty() -> TrafficStore:
            store = open_traffic(str(tmp_path / "t.db"))
            store.__class__ = Faulty
            return store

        recorder = Recorder(faulty, notice=said.append)
        recorder.start()
        assert not await recorder.record(exchange(1))
        assert await recorder.record(exchange(2))
        assert (recorder.lost, recorder.written) == (1, 1)
        await recorder.close()

    run(work())
    assert said == ["1 exchanges are lost by a fault of the recorder (KeyError)"]


def test_closing_while_the_store_fails_ends_and_counts(tmp_path: Path) -> None:
    said: list[str] = []

    async def work() -> None:
        recorder = Recorder(opener(tmp_path / "t.db"), patience=0.1, notice=said.append)
        recorder.start()
        holder = sqlite3.connect(tmp_path / "t.db", isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        for n in range(3):
            await recorder.record(exchange(n))
        began = time.monotonic()
        await recorder.close(timeout=0.5)
        assert time.monotonic() - began < 10
        assert (recorder.lost, recorder.depth) == (3, 0)
        holder.close()

    run(work())
    assert said[-1] == "3 exchanges could not be written before the end and are lost"
