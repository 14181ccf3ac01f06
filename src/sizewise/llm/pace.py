"""How fast one may ask: calls at once, calls a minute, and waits that a provider asks for."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

#: seconds of the first wait after a failure, and of the longest one
FIRST_WAIT, LONGEST_WAIT = 0.5, 60.0


@dataclass(frozen=True, slots=True)
class Limits:
    """``concurrency`` calls at once, at most ``per_minute``; ``timeout`` seconds a call; ``attempts`` where calls fail.

    A provider that asks to wait is obeyed ``waits`` times a call, up to ``longest_wait`` seconds each time.
    """

    concurrency: int = 8
    per_minute: float | None = None
    timeout: float = 60.0
    attempts: int = 5
    waits: int = 20
    longest_wait: float = 600.0


class Pace:
    """Lets calls through one by one; belongs to one event loop.

    Where a provider refuses many calls in a row, all of them wait as long as it asked; a single one waits alone.
    """

    def __init__(self, limits: Limits) -> None:
        self._slots = asyncio.Semaphore(limits.concurrency)
        self._gap = 60.0 / limits.per_minute if limits.per_minute else 0.0
        self._patience = max(2, limits.concurrency // 4)
        self._next = 0.0
        self._closed_until = 0.0
        self._refused_in_a_row = 0

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it. A cancelled wait gives its place back."""
        async with self._slots:
            now = time.monotonic()
            start = max(now, self._next, self._closed_until)
            if self._gap:
                self._next = start + self._gap
            if start > now:
                await asyncio.sleep(start - now)
            yield

    def answered(self) -> None:
        """A call came through."""
        self._refused_in_a_row = 0

    def refused(self, wait: float) -> None:
        """A call came back with "too many requests"; after several in a row everybody waits."""
        self._refused_in_a_row += 1
        if self._refused_in_a_row >= self._patience:
            self._closed_until = max(self._closed_until, time.monotonic() + wait)


def backoff(failures: int) -> float:
    """Seconds to wait after so many failures: doubling, with jitter so that callers do not come back together."""
    return random.uniform(0.5, 1.0) * min(LONGEST_WAIT, FIRST_WAIT * 2.0 ** (failures - 1))
