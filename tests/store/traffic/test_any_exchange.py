"""Whatever is exchanged can be written down, and bodies, inputs and answers come back to the byte."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sizewise.core.exchange import Exchange
from sizewise.store.traffic import TrafficStore, open_traffic
from sizewise.store.traffic.rows import storable

from .exchanges import exchange

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)  # with NULs and lone surrogates
SOME = st.none()
EXCHANGES = st.builds(
    Exchange,
    id=st.uuids().map(str),
    at=st.datetimes(min_value=datetime(1, 1, 2), max_value=datetime(9999, 12, 30), timezones=st.just(UTC)),
    path=ANY_TEXT, method=ANY_TEXT, status=SOME | st.integers(-(2**31), 2**31 - 1),
    request=st.binary(max_size=200), response=st.binary(max_size=200),
    request_type=SOME | ANY_TEXT, response_type=SOME | ANY_TEXT, streamed=st.booleans(), model=SOME | ANY_TEXT,
    answered_by=SOME | ANY_TEXT, finish_reason=SOME | ANY_TEXT,
    prompt_tokens=SOME | st.integers(0, 2**63 - 1), cached_tokens=SOME | st.integers(), completion_tokens=SOME,
    cost_usd=SOME | st.floats(allow_nan=False), latency_ms=SOME | st.floats(allow_nan=False),
    first_byte_ms=SOME, route=st.sampled_from([None, "small", "large", "abstain"]),
    failure=SOME, task=SOME | ANY_TEXT, mode=st.sampled_from([None, "capture", "shadow", "live"]), run_id=SOME | ANY_TEXT,
    input=SOME | ANY_TEXT, small_answer=SOME | ANY_TEXT, confidence=SOME | st.floats(0, 1), agreed=SOME | st.booleans(),
    subject=SOME | ANY_TEXT, idempotency=SOME, masked=st.dictionaries(st.text(max_size=9), st.integers(0, 2**40), max_size=3),
)  # fmt: skip
TO_THE_BYTE = (
    "at", "status", "request", "response", "streamed", "prompt_tokens", "cost_usd", "latency_ms", "route", "mode", "input",
    "small_answer", "confidence", "agreed", "masked",
)  # fmt: skip


def check(store: TrafficStore, given: Exchange) -> None:
    assert store.append([given]) == 1
    (back,) = store.exchanges()
    assert [getattr(back, name) for name in TO_THE_BYTE] == [getattr(given, name) for name in TO_THE_BYTE]
    for name in ("path", "model", "task", "subject"):
        text = getattr(given, name)
        assert getattr(back, name) == (None if text is None else storable(text))
    if given.subject is not None:
        assert store.delete(subject=given.subject) == 1
    else:
        assert store.delete(before=datetime.max.replace(tzinfo=UTC)) == 1


def test_any_exchange_in_sqlite(tmp_path_factory: Any) -> None:
    with open_traffic(str(tmp_path_factory.mktemp("any") / "t.db")) as store:
        settings(deadline=None, max_examples=60)(given(EXCHANGES)(lambda one: check(store, one)))()


def test_any_exchange_in_postgresql(database: str) -> None:
    with open_traffic(database) as store:
        settings(deadline=None, max_examples=60)(given(EXCHANGES)(lambda one: check(store, one)))()


def test_bodies_of_ten_megabytes(store: TrafficStore, tmp_path: Path) -> None:
    large = exchange(1, request=os.urandom(10 << 20), response=b"\0" * (10 << 20))
    assert store.append([exchange(0), large, exchange(2)]) == 3
    assert list(store.exchanges())[1] == large
