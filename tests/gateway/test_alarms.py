"""An alarm rings once, at its time, unless it was taken back; a body that takes too long is given up."""

from __future__ import annotations

import asyncio
from collections.abc import MutableMapping
from typing import Any

import pytest

from sizewise.gateway.alarms import EVERY, Alarms
from sizewise.gateway.body import read_body
from sizewise.gateway.call import Call
from sizewise.gateway.memory import Memory
from sizewise.gateway.settings import Limits


def test_it_rings_once_and_not_when_taken_back() -> None:
    async def run() -> list[str]:
        alarms, rung = Alarms(), list[str]()
        alarms.set("late", 4 * EVERY, lambda: rung.append("late"))
        alarms.set("soon", 0.0, lambda: rung.append("soon"))
        alarms.set("never", 0.0, lambda: rung.append("never"))
        alarms.set("replaced", 0.0, lambda: rung.append("first"))
        alarms.set("replaced", 2 * EVERY, lambda: rung.append("second"))
        alarms.unset("never")
        alarms.unset("unknown")
        await asyncio.sleep(10 * EVERY)
        assert rung == ["soon", "second", "late"]
        alarms.set("again", 0.0, lambda: rung.append("again"))  # the clock had stopped
        await asyncio.sleep(4 * EVERY)
        return rung

    assert asyncio.run(run()) == ["soon", "second", "late", "again"]


def test_what_rings_may_set_and_unset() -> None:
    async def run() -> list[int]:
        alarms, rung = Alarms(), list[int]()

        def ring() -> None:
            rung.append(len(rung))
            alarms.unset("other")
            if len(rung) < 3:
                alarms.set("one", 0.0, ring)

        alarms.set("one", 0.0, ring)
        alarms.set("other", 0.0, lambda: rung.append(-1))
        await asyncio.sleep(8 * EVERY)
        return rung

    assert asyncio.run(run()) == [0, 1, 2]


def call(receive: Any) -> Call:
    scope: MutableMapping[str, Any] = {
        "method": "POST", "path": "/v1/x", "raw_path": b"/v1/x", "query_string": b"",
        "headers": [(b"content-type", b"application/json"), (b"content-length", b"9"), (b"content-type", b"image/png")],
    }  # fmt: skip

    async def send(_: MutableMapping[str, Any]) -> None:
        raise AssertionError("nothing is said yet")

    return Call(scope, receive, send, Memory(1_000), Alarms())


async def never() -> MutableMapping[str, Any]:
    await asyncio.Event().wait()
    raise AssertionError


def test_a_body_that_never_comes_is_given_up_and_its_task_goes_on() -> None:
    async def run() -> str:
        refusal = await read_body(call(never), Limits(body_seconds=2 * EVERY))
        assert refusal is not None
        await asyncio.sleep(2 * EVERY)  # no cancellation is left over
        task = asyncio.current_task()
        assert task is not None
        assert task.cancelling() == 0
        return refusal.code

    assert asyncio.run(run()) == "body_too_slow"


def test_whoever_else_cancels_is_obeyed() -> None:
    async def run() -> None:
        reading = asyncio.create_task(read_body(call(never), Limits(body_seconds=60)))
        await asyncio.sleep(EVERY)
        reading.cancel()
        with pytest.raises(asyncio.CancelledError):
            await reading

    asyncio.run(run())


def test_the_first_of_two_headers_counts() -> None:
    one = call(never)
    assert one.type == "application/json"
    assert one.header(b"content-type") == b"application/json"
    assert one.header(b"accept") is None
