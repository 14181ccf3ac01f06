"""Requests that wait at the same time are answered in one batch, in a worker thread.

A batch is whatever has come in while the worker was busy, so an idle server answers a single request at once, and a
loaded one in batches as large as the load makes them. Under load a slow model waits a fiftieth of what its last batch
took before it begins the next: those who have just been answered ask again meanwhile, and instead of two halves in turn
there is one batch, which is quicker for all.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import NamedTuple

from sizewise.core.answer import Answer
from sizewise.core.errors import SizewiseError
from sizewise.core.model import Model

MOST_IN_A_BATCH, MOST_WAITING = 128, 1_024
#: the share of a batch's time that the next one waits under load; below the least (seconds) it does not pay
LINGERS, LEAST_LINGER, MOST_LINGER = 0.02, 0.0005, 0.02


class Overloaded(SizewiseError):
    """More requests wait for this task's model than may."""


class _Waiting(NamedTuple):
    text: str
    future: asyncio.Future[Answer]


class Batcher:
    """One model, its waiting inputs, and the thread that answers them. Made and used on one event loop.

    A row's failure is that row's ``Answer.error``; where the model itself raises, each row of the batch is tried by
    itself, so that one bad input costs nobody else an answer. A waiting request whose task is cancelled is passed over.
    """

    def __init__(
        self, model: Model, *, most: int = MOST_IN_A_BATCH, capacity: int = MOST_WAITING, threads: int = 1
    ) -> None:
        self._model, self._most, self._capacity, self._threads = model, most, capacity, threads
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._workers: list[threading.Thread] = []
        self._pending = 0
        self._closed = False

    @property
    def depth(self) -> int:
        """How many inputs wait or are being answered."""
        return self._pending

    async def answer(self, text: str) -> Answer:
        """The model's answer. Raises ``Overloaded`` where ``capacity`` inputs are waiting already."""
        if self._pending >= self._capacity:
            raise Overloaded(f"{self._capacity:,} requests wait for the model {self._model.name} already.")
        if self._closed:  # a request that was on its way here when another run took this one's place
            return (await asyncio.to_thread(self._answers, [text]))[0]
        if self._loop is None:
            self._start(asyncio.get_running_loop())
        assert self._loop is not None
        future: asyncio.Future[Answer] = self._loop.create_future()
        self._pending += 1
        self._queue.put(_Waiting(text, future))
        try:
            return await future
        finally:
            self._pending -= 1

    def close(self) -> None:
        """Let the threads end once all that waits has been answered; returns at once.

        A request that comes later is answered all the same, by itself.
        """
        self._closed = True
        for _ in self._workers:
            self._queue.put(None)

    def _start(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        for number in range(self._threads):
            worker = threading.Thread(target=self._work, name=f"{self._model.name}-{number}", daemon=True)
            worker.start()
            self._workers.append(worker)

    def _work(self) -> None:
        took = 0.0
        while True:
            if self._queue.empty():
                took = 0.0  # nobody waits: whoever comes first is answered at once
            elif took * LINGERS >= LEAST_LINGER and self._queue.qsize() < self._most:
                time.sleep(min(took * LINGERS, MOST_LINGER))
            if (first := self._queue.get()) is None:
                return
            batch, more = self._gathered(first)
            began = time.perf_counter()
            if batch:
                self._deliver(batch, self._answers([waiting.text for waiting in batch]))
            took = time.perf_counter() - began
            if not more:
                return

    def _gathered(self, first: _Waiting) -> tuple[list[_Waiting], bool]:
        """All that waits, up to a batch; and whether to go on afterwards."""
        batch = [] if first.future.cancelled() else [first]
        while len(batch) < self._most:
            try:
                waiting = self._queue.get_nowait()
            except Empty:
                break
            if waiting is None:
                return batch, False
            if not waiting.future.cancelled():
                batch.append(waiting)
        return batch, True

    def _answers(self, texts: Sequence[str]) -> list[Answer]:
        try:
            answers = self._model.answer(texts)
            if len(answers) == len(texts):
                return answers
            failed = f"the model gave {len(answers)} answers to {len(texts)} inputs"
        except Exception as error:  # whatever a model raises is its rows' error, and the thread lives on
            if len(texts) > 1:
                return [answer for text in texts for answer in self._answers([text])]
            failed = f"{type(error).__name__}: {error}"
        return [Answer(value=None, error=failed) for _ in texts]

    def _deliver(self, batch: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
        assert self._loop is not None
        try:
            self._loop.call_soon_threadsafe(_settle, batch, answers)
        except RuntimeError:  # the loop is closed: nobody waits any more
            self._closed = True


def _settle(batch: Sequence[_Waiting], answers: Sequence[Answer]) -> None:
    for waiting, answer in zip(batch, answers, strict=True):
        if not waiting.future.done():
            waiting.future.set_result(answer)
