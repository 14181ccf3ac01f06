"""What is appended comes back as it was, in order, as a stream; what is deleted is gone."""

from __future__ import annotations

import os
import sqlite3
import tracemalloc
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from sizewise.core.errors import StoreError
from sizewise.core.exchange import Exchange
from sizewise.store.traffic import TrafficStore, open_traffic

from .exchanges import NOON, exchange

FULL = exchange(
    method="PUT", request_type="application/json", response_type="text/event-stream", streamed=True,
    answered_by="gpt-4o-2024-08-06", finish_reason="stop", prompt_tokens=12, cached_tokens=3, completion_tokens=2**40,
    cost_usd=0.00125, latency_ms=312.5, first_byte_ms=1.25, failure="client left", task="тикеты", mode="shadow",
    run_id="r1", input="где мой заказ 📦\0\ud800", small_answer="\udfffдоставка", confidence=0.93, agreed=False,
    subject="пользователь 7", masked={"email": 2, "card": 1},
)  # fmt: skip


def test_every_field_comes_back(store: TrafficStore) -> None:
    plain = Exchange(id="x", at=NOON - timedelta(microseconds=1), path="/")
    assert store.append([FULL, plain]) == 2
    assert list(store.exchanges()) == [plain, FULL]
    unlike = {name for name in Exchange._fields if getattr(FULL, name) == getattr(plain, name)}
    assert unlike <= {"idempotency"}


def test_one_id_is_kept_once(store: TrafficStore) -> None:
    assert store.append([exchange(1), exchange(1)]) == 1
    assert store.append([exchange(1), exchange(2)]) == 1
    assert [e.id for e in store.exchanges()] == ["sw-000001", "sw-000002"]


def test_one_key_is_kept_once_and_found_again(store: TrafficStore) -> None:
    first = exchange(1, idempotency=b"\0key")
    assert store.append([first]) == 1
    assert store.append([exchange(2, idempotency=b"\0key"), exchange(3)]) == 1
    assert store.answered(b"\0key") == first
    assert store.answered(b"other") is None


@pytest.mark.parametrize("how", [{"status": 429}, {"status": None}, {"failure": "upstream cut"}])
def test_what_was_not_answered_whole_may_be_tried_again(store: TrafficStore, how: dict[str, object]) -> None:
    store.append([exchange(1, idempotency=b"k", **how)])
    assert store.answered(b"k") is None
    assert store.append([exchange(2, idempotency=b"k")]) == 1
    assert (found := store.answered(b"k")) is not None
    assert found.id == "sw-000002"


def test_a_masked_answer_is_not_given_again(store: TrafficStore) -> None:
    store.append([exchange(1, idempotency=b"k", masked={"email": 1})])
    assert store.answered(b"k") is None


def test_filters_and_order(store: TrafficStore) -> None:
    store.append([exchange(n, task="ab"[n % 2], subject="anna" if n < 3 else None) for n in reversed(range(10))])
    assert [e.id[-1] for e in store.exchanges()] == list("0123456789")
    assert [e.id[-1] for e in store.exchanges(task="b", since=NOON + timedelta(minutes=3))] == list("3579")
    assert [e.id[-1] for e in store.exchanges(until=NOON + timedelta(minutes=2))] == list("01")
    assert [e.id[-1] for e in store.exchanges(newest_first=True, most=2)] == list("98")
    assert store.count(subject="anna") == 3
    assert store.count() == 10


def test_times_are_compared_as_moments(store: TrafficStore) -> None:
    moscow = timezone(timedelta(hours=3))
    store.append([exchange(1, at=datetime(2026, 3, 1, 15, 0, tzinfo=moscow))])
    (back,) = store.exchanges(since=NOON, until=NOON + timedelta(microseconds=1))
    assert back.at == NOON
    assert back.at.tzinfo == UTC


def test_counts_that_no_column_holds_are_dropped(store: TrafficStore) -> None:
    store.append([exchange(1, prompt_tokens=10**40, completion_tokens=-1)])
    (back,) = store.exchanges()
    assert (back.prompt_tokens, back.completion_tokens) == (None, None)


def test_reading_needs_little_memory(store: TrafficStore) -> None:
    body = os.urandom(1 << 20)
    for n in range(40):
        store.append([exchange(n, request=body)])
    tracemalloc.start()
    assert sum(len(e.request) for e in store.exchanges()) == 40 << 20
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 16 << 20


def test_a_reader_sees_one_moment(store: TrafficStore, url: str) -> None:
    store.append([exchange(1)])
    with open_traffic(url, read_only=True) as reader:
        assert reader.count() == 1
        store.append([exchange(2)])
        assert reader.count() == 1
        with pytest.raises(StoreError, match="reading only"):
            reader.append([exchange(3)])
    assert store.count() == 2


def everything(folder: Path) -> bytes:
    return b"".join(file.read_bytes() for file in sorted(folder.iterdir()))


def test_what_is_deleted_is_gone_from_the_files(sqlite_store: TrafficStore, tmp_path: Path) -> None:
    secret, kept = "тайна-Анны ".encode() * 2_000, "слова-Бориса ".encode() * 2_000
    for n in range(30):
        of = "anna" if n % 2 else "boris"
        text = "тайна-Анны" if n % 2 else "слова-Бориса"
        sqlite_store.append([exchange(n, request=secret if n % 2 else kept, subject=of, input=text)])
    assert "тайна-Анны".encode() in everything(tmp_path)
    before = (tmp_path / "traffic.db").stat().st_size
    emptied = sqlite_store.emptied(subject="anna")
    assert (emptied.rows, emptied.gone) == (15, True)
    assert "тайна-Анны".encode() not in everything(tmp_path)
    assert b"anna" not in everything(tmp_path)
    assert "слова-Бориса".encode() in everything(tmp_path)
    assert (tmp_path / "traffic.db").stat().st_size < 0.7 * max(before, 30 * len(secret))
    assert sqlite_store.count() == 15


def test_deletion_by_age_and_task(store: TrafficStore) -> None:
    store.append([exchange(n, task="ab"[n % 2]) for n in range(1_200)])
    assert store.delete(before=NOON + timedelta(minutes=1_100), task="a") == 550
    assert store.delete(task="a") == 50
    assert store.count() == 600
    with pytest.raises(StoreError, match="say what to delete"):
        store.delete()


def test_the_sweep_takes_small_steps(store: TrafficStore) -> None:
    now = datetime.now(UTC)
    store.append([exchange(n)._replace(at=now - timedelta(days=n)) for n in range(100)])
    assert store.sweep(days=49.5, most=20) == 20
    assert store.sweep(days=49.5, most=100) == 30
    assert store.sweep(days=49.5) == 0
    assert store.count() == 50


def test_the_file_is_its_owners_alone(sqlite_store: TrafficStore, tmp_path: Path) -> None:
    sqlite_store.append([exchange(1)])
    assert {file.stat().st_mode & 0o077 for file in tmp_path.iterdir()} == {0}
    assert len(list(tmp_path.iterdir())) > 1  # with its log


def test_two_stores_write_to_one_database(store: TrafficStore, url: str) -> None:
    with open_traffic(url) as other:
        for n in range(0, 20, 2):
            store.append([exchange(n)])
            other.append([exchange(n + 1)])
    assert store.count() == 20


def test_a_column_for_every_field() -> None:
    from sizewise.store.traffic.rows import NAMES

    assert set(NAMES) == set(Exchange._fields)


def test_sqlite_checks_out(sqlite_store: TrafficStore, tmp_path: Path) -> None:
    sqlite_store.append([exchange(n, request=os.urandom(9_000)) for n in range(50)])
    sqlite_store.delete(before=NOON + timedelta(minutes=20))
    with sqlite3.connect(tmp_path / "traffic.db") as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert raw.execute("PRAGMA auto_vacuum").fetchone() == (2,)
    raw.close()
