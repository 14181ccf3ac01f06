"""While an answer is awaited: did the client leave, is the time up?"""

from __future__ import annotations

import asyncio

from sizewise.core.exchange import Failure
from sizewise.gateway.call import Receive

#: seconds; most answers are there sooner, and listening costs a task
AT_EASE = 0.05


class Watch:
    """Cancels the task that made it where the client leaves or ``seconds`` have passed; ``reason`` then says which.

    The request's body must have been read: a message from the client now can only mean that it left. To be stopped
    before the answer is recorded, so that the record is not cancelled.
    """

    __slots__ = ("_handle", "_listener", "_loop", "_receive", "_seconds", "_task", "reason")

    def __init__(self, receive: Receive, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._loop, self._receive, self._seconds, self._task = task.get_loop(), receive, seconds, task
        self._listener: asyncio.Task[None] | None = None
        self.reason: Failure | None = None
        self._handle: asyncio.TimerHandle = self._loop.call_later(min(AT_EASE, seconds), self._begin)

    def stop(self) -> None:
        self._handle.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _begin(self) -> None:
        self._handle = self._loop.call_later(max(0.0, self._seconds - AT_EASE), self._expire)
        self._listener = self._loop.create_task(self._listen())

    def _expire(self) -> None:
        self._end("upstream timed out")

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._end("client left")

    def _end(self, reason: Failure) -> None:
        if self.reason is None:
            self.reason = reason
            self._task.cancel()
