"""Keeps account of what is recorded: every exchange is counted and told in the log, whatever becomes of its record."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from sizewise.core.exchange import Exchange
from sizewise.gateway.logs import Log
from sizewise.gateway.metrics import Metrics
from sizewise.gateway.parts import Recording
from sizewise.gateway.served_task import ServedTask

#: seconds within which what has happened is in the metrics; whoever asks this worker for them sees it at once
COUNTED_EVERY = 0.05


class Accounts:
    """A ``Recording`` around another one. ``running`` says how many requests this worker is answering.

    ``kept`` is for the recorder to call, in its own thread, with the exchanges that it has just written: only then are
    their tokens and costs known. ``refused`` is for requests that this server turned away before anything was recorded.
    """

    def __init__(
        self,
        metrics: Metrics,
        log: Log,
        *,
        tasks: Iterable[ServedTask] = (),
        running: Callable[[], int] = lambda: 0,
        capacity: int = 0,
    ) -> None:
        self.metrics, self._log, self._tasks = metrics, log, tasks
        self.running, self._capacity = running, capacity
        self._inner: Recording | None = None
        self._told: Counter[str] = Counter()
        self._ended: list[Exchange] = []
        self._counting: asyncio.TimerHandle | None = None
        self._modes: set[tuple[str, str, str]] = set()

    def around(self, recording: Recording) -> Accounts:
        """Record by ``recording`` from now on."""
        self._inner = recording
        return self

    @property
    def inner(self) -> Recording:
        """What records."""
        assert self._inner is not None, "around() says what records"
        return self._inner

    def start(self) -> None:
        self.inner.start()

    def room(self) -> bool:
        """Whether another request may be accepted."""
        return self.inner.room()

    def record(self, exchange: Exchange) -> Coroutine[Any, Any, bool]:
        """Tell of it, record it, and count it a moment later; what the recording says."""
        self._ended.append(exchange)
        if self._counting is None:
            self._counting = asyncio.get_running_loop().call_later(COUNTED_EVERY, self._count)
        self._log.request(exchange)
        return self.inner.record(exchange)

    async def answered(self, idempotency: bytes) -> Exchange | None:
        """What a request with this key was answered before."""
        return await self.inner.answered(idempotency)

    async def close(self, timeout: float) -> None:
        await self.inner.close(timeout)
        if self._counting is not None:
            self._counting.cancel()
        self._take_stock()

    def refused(self, status: int, code: str, seconds: float) -> None:
        """Turned away by ourselves, for one of our own few reasons."""
        self.metrics.requested(None, None, status, seconds)
        self.metrics.refused(code)

    def kept(self, exchanges: Sequence[Exchange]) -> None:
        """These are written; what they cost is known."""
        spared = {task.name: task.run.large_cost_usd for task in self._tasks}
        self.metrics.paid([exchange for exchange in exchanges if exchange.route != "small"])
        for task, count in Counter(exchange.task for exchange in exchanges if exchange.route == "small").items():
            if task is not None and (cost := spared.get(task)):
                self.metrics.saved(task, count * cost)

    def page(self) -> Route:
        """``/metrics``."""

        async def metrics(_: Request) -> Response:
            self._take_stock()
            self.metrics.answering(max(0, self.running() - 1))  # but for this one
            self._look_at_tasks()
            text, kind = self.metrics.exposition()
            return Response(text, media_type=kind)

        return Route("/metrics", metrics)

    def _count(self) -> None:
        """Every few milliseconds while there is something to count: at once for many costs little for each."""
        self._counting = None
        self._take_stock()
        if self.running():
            self._counting = asyncio.get_running_loop().call_later(COUNTED_EVERY, self._count)

    def _take_stock(self) -> None:
        """What has ended, and what the recorder has counted, since the last time goes into the metrics."""
        ended, self._ended = self._ended, []
        self.metrics.ended(ended)
        inner = self.inner
        for name, count in (("written", self.metrics.written), ("lost", self.metrics.lost)):
            new = getattr(inner, name, 0) - self._told[name]
            if new > 0:
                self._told[name] += new
                count(new)
        self.metrics.queued(getattr(inner, "depth", 0), self._capacity)
        self.metrics.answering(self.running())

    def _look_at_tasks(self) -> None:
        now = {(task.name, task.run_id, str(task.mode)) for task in self._tasks}
        for gone in self._modes - now:
            self.metrics.serving(*gone, now=False)
        for here in now:
            self.metrics.serving(*here)
        self._modes = now
        for task in self._tasks:
            share = task.agreement.overall
            if share.value is not None:
                self.metrics.agreement(task.name, share.low, share.value, share.high)
