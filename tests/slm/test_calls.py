"""Calls at once: order, failures, and interrupts that may come at any moment."""

from __future__ import annotations

import random
import signal
import threading
import time
from contextlib import suppress

import pytest

from sizewise.slm.calls import answered


def test_every_item_is_answered_in_any_order() -> None:
    made = dict(answered(lambda n: n * n, range(50), 4, lambda: None))
    assert [made[n] for n in range(50)] == [n * n for n in range(50)]
    assert list(answered(len, [], 4, lambda: None)) == []


def test_what_a_call_raises_is_raised_and_ends_the_others() -> None:
    asked, ended = [], []

    def call(n: int) -> int:
        asked.append(n)
        if n == 3:
            raise ValueError("three")
        return n

    with pytest.raises(ValueError, match="three"):
        list(answered(call, range(1_000), 1, lambda: ended.append(1)))
    assert ended == [1]
    assert len(asked) == 4


@pytest.mark.usefixtures("interrupts_heard")
def test_interrupts_at_any_moment_end_it_at_once() -> None:
    """Hundreds of them, while calls are handed out, run and come back."""
    main, draw = threading.main_thread().ident, random.Random(0)
    assert main is not None
    ended: list[int] = []
    for _ in range(200):
        timer = threading.Timer(draw.uniform(0.0, 0.01), signal.pthread_kill, (main, signal.SIGINT))
        started = time.perf_counter()
        with suppress(KeyboardInterrupt):
            timer.start()
            list(answered(lambda _: time.sleep(0.0001), range(1_000), 3, lambda: ended.append(1)))
            timer.join()
            time.sleep(0.001)
        assert time.perf_counter() - started < 2.0
    time.sleep(0.1)
    assert len(ended) > 100
