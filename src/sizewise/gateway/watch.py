"""While an answer is awaited: did the client leave, is the time up?"""

from __future__ import annotations

import asyncio
import time

from sizewise.core.exchange import Failure
from sizewise.gateway.call import Call

#: seconds; most answers are there sooner, and listening costs a task
AT_EASE = 0.05


class Watch:
    """Cancels the task that made it where the client leaves or ``seconds`` have passed; ``reason`` then says which.

    To be stopped before the answer is recorded, so that the record is not cancelled. While the client still uploads
    nobody listens: the upload itself notices when it leaves.
    """

    __slots__ = ("_call", "_ends", "_listener", "_task", "reason")

    def __init__(self, call: Call, seconds: float) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._call, self._task = call, task
        self._ends = time.monotonic() + seconds
        self._listener: asyncio.Task[None] | None = None
        self.reason: Failure | None = None
        call.alarms.set(self, min(AT_EASE, seconds), self._look)

    def stop(self) -> None:
        self._call.alarms.unset(self)
        if self._listener is not None:
            self._listener.cancel()

    def _look(self) -> None:
        left = self._ends - time.monotonic()
        if left <= 0:
            self._expire()
            return
        uploading = self._call.upload is not None and not self._call.upload.done
        if not uploading:
            self._listener = self._task.get_loop().create_task(self._listen())
        self._call.alarms.set(
            self, min(AT_EASE, left) if uploading else left, self._look if uploading else self._expire
        )

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
