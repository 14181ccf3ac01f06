"""While an answer is awaited: did the client leave, is the time up?"""

from __future__ import annotations

import asyncio

from sizewise.core.exchange import Failure
from sizewise.gateway.call import Call

#: seconds; most answers are there sooner, and listening costs a task
AT_EASE = 0.05


class Watch:
    """Cancels the task that made it where the client leaves or ``seconds`` have passed; ``reason`` then says which.

    To be stopped before the answer is recorded, so that the record is not cancelled. While the client still uploads
    nobody listens: the upload itself notices when it leaves.
    """

    __slots__ = ("_call", "_ends", "_handle", "_listener", "_loop", "_task", "reason")

    def __init__(self, call: Call, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._loop, self._call, self._task = task.get_loop(), call, task
        self._ends = self._loop.time() + seconds
        self._listener: asyncio.Task[None] | None = None
        self.reason: Failure | None = None
        self._handle: asyncio.TimerHandle = self._loop.call_later(min(AT_EASE, seconds), self._look)

    def stop(self) -> None:
        self._handle.cancel()
        if self._listener is not None:
            self._listener.cancel()

    def _look(self) -> None:
        now = self._loop.time()
        if now >= self._ends:
            self._end("upstream timed out")
            return
        uploading = self._call.upload is not None and not self._call.upload.done
        if not uploading:
            self._listener = self._loop.create_task(self._listen())
        again = min(now + AT_EASE, self._ends) if uploading else self._ends
        self._handle = self._loop.call_at(again, self._look if uploading else self._expire)

    def _expire(self) -> None:
        self._end("upstream timed out")

    async def _listen(self) -> None:
        while (await self._call.receive())["type"] != "http.disconnect":
            pass
        self._end("client left")

    def _end(self, reason: Failure) -> None:
        if self.reason is None:
            self.reason = reason
            self._task.cancel()
