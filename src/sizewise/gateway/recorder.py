"""From answers to the store: a bounded queue, one writer thread, one transaction for all that waits.

A request that finishes hands its exchange to ``record`` and is resumed when the transaction that holds it has been
committed. While one transaction is being written, the exchanges of the others gather for the next (group commit), so
the cost of a commit is shared by all who wait for it.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Literal

from sizewise.core.errors import LimitReached, SizewiseError, StoreError
from sizewise.core.exchange import Exchange
from sizewise.gateway.masks import masked, without_texts
from sizewise.gateway.prices import priced
from sizewise.gateway.subject import with_subject
from sizewise.store.traffic.store import TrafficStore

OnFull = Literal["serve", "refuse"]
#: exchanges and bytes that may wait to be written
CAPACITY, CAPACITY_BYTES = 10_000, 256 << 20
#: exchanges and bytes of one transaction
BATCH, BATCH_BYTES = 512, 32 << 20
#: seconds that an answer waits for a store that fails
PATIENCE = 2.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0
#: rows that one step of the retention deletes; seconds to the next step, and to the next look when nothing is left
SWEPT, NEXT_STEP, NEXT_LOOK = 200, 0.25, 3_600.0


@dataclass(slots=True)
class _Waiting:
    """An exchange on its way to the store, and who waits for it."""

    exchange: Exchange
    size: int
    done: asyncio.Future[bool] | None
    until: float


class Recorder:
    """Writes exchanges to a store, off the event loop. One a worker process; ``record`` belongs to one event loop::

        recorder = Recorder(lambda: open_traffic(url), on_full="serve", mask=False, retention_days=90, notice=log)
        recorder.start()                        # opens the store: StoreError and LimitReached are raised here
        if not recorder.room(): ...             # 503, under on_full="refuse" alone
        durable = await recorder.record(exchange)
        await recorder.close(timeout=10)        # writes what waits

    ``on_full="serve"``: an answer waits for a store that fails at most ``patience`` seconds, and not at all once it is
    known to fail; the exchange is kept in the queue while there is room, else it is lost and counted. ``"refuse"``:
    ``room`` is False while the store fails or the queue is full, and ``record`` says False for an answer whose last
    piece must be held back. ``notice`` is told once when the store begins to fail and once when it has recovered, from
    the writer's thread. ``complete`` turns an exchange as it was received into one as it is kept (streams put
    together, usage read), and ``kept`` is told what has been written; both run in the writer's thread too.
    """

    def __init__(
        self,
        store_opener: Callable[[], TrafficStore],
        *,
        capacity: int = CAPACITY,
        capacity_bytes: int = CAPACITY_BYTES,
        on_full: OnFull = "serve",
        mask: bool = False,
        retention_days: float | None = 90,
        notice: Callable[[str], None] = lambda said: None,  # noqa: ARG005
        complete: Callable[[Exchange], Exchange] = lambda exchange: exchange,
        kept: Callable[[Sequence[Exchange]], None] = lambda exchanges: None,  # noqa: ARG005
        patience: float = PATIENCE,
    ) -> None:
        self._open, self._notice, self._complete, self._kept = store_opener, notice, complete, kept
        self._capacity, self._capacity_bytes = capacity, capacity_bytes
        self._on_full, self._mask, self._retention_days = on_full, mask, retention_days
        self._patience = patience
        self._queue: queue.SimpleQueue[_Waiting | None] = queue.SimpleQueue()
        self._overdue: deque[_Waiting] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._write, name="sizewise-recorder", daemon=True)
        self._store: TrafficStore | None = None
        self._waiting_keys: dict[bytes, _Waiting] = {}
        self._waiting_bytes = 0
        self._stopping = threading.Event()
        self._give_up_at = float("inf")
        self._failing_since: float | None = None
        self._losing = False
        self._sweep_at = 0.0
        #: exchanges that wait to be written
        self.depth = 0
        #: exchanges that were written, that were there before (same id or key), and that were lost
        self.written = self.repeated = self.lost = 0
        #: what was masked, by kind
        self.masked: Counter[str] = Counter()

    @property
    def failing(self) -> bool:
        """Whether the store could not be written to when it was last tried."""
        return self._failing_since is not None

    def start(self) -> None:
        """Open the store and begin. Raises what opening it raises."""
        self._store = self._open()
        self._thread.start()

    def room(self) -> bool:
        """Whether a new request may be accepted: always under ``serve``."""
        return self._on_full == "serve" or (not self.failing and self._fits(0))

    async def record(self, exchange: Exchange) -> bool:
        """Write ``exchange``; True once it is durable, False where it is not (yet): see the class.

        To be called from one event loop. A task that is cancelled while it waits leaves its exchange in the queue.
        """
        if self._loop is None:
            self._loop = asyncio.get_running_loop()
        size = len(exchange.request) + len(exchange.response)
        if self._stopping.is_set() or (self._on_full == "serve" and not self._fits(size)):
            self._lose("the queue of the recorder is full")
            return False
        waits = not (self._on_full == "serve" and self.failing)
        done = self._loop.create_future() if waits else None
        waiting = _Waiting(exchange, size, done, self._loop.time() + self._patience)
        self.depth += 1
        self._waiting_bytes += size
        if exchange.idempotency is not None:
            self._waiting_keys[exchange.idempotency] = waiting
        self._queue.put(waiting)
        if done is None:
            return False
        self._overdue.append(waiting)
        if self._timer is None:
            self._timer = self._loop.call_at(waiting.until, self._let_go)
        durable: bool = await done
        return durable

    async def answered(self, idempotency: bytes) -> Exchange | None:
        """What a request with this key was answered before, waiting for it where it is just being written.

        Raises ``LimitReached`` where the store cannot be asked.
        """
        waiting = self._waiting_keys.get(idempotency)
        if waiting is not None and waiting.done is not None:
            await asyncio.wait([waiting.done])
        store = self._store
        if store is None:
            return None
        return await asyncio.get_running_loop().run_in_executor(None, store.answered, idempotency)

    async def close(self, timeout: float = 10.0) -> None:
        """Write what waits, for at most ``timeout`` seconds while the store fails, and let go of it."""
        if self._store is None:
            return
        self._give_up_at = time.monotonic() + timeout
        self._stopping.set()
        self._queue.put(None)
        await asyncio.get_running_loop().run_in_executor(None, self._thread.join, timeout + 30)
        await asyncio.sleep(0)  # what the thread handed over last is delivered
        if self._timer is not None:
            self._timer.cancel()
        if self.depth:
            self._notice(f"{self.depth:,} exchanges could not be written before the end and are lost")
            self.lost += self.depth
            self.depth = 0

    # on the event loop

    def _fits(self, size: int) -> bool:
        room = self._waiting_bytes + size <= self._capacity_bytes or not self.depth
        return room and self.depth < self._capacity

    def _lose(self, why: str) -> None:
        self.lost += 1
        if not self._losing:
            self._losing = True
            self._notice(f"{why}: exchanges are lost from here on, their number is counted")

    def _let_go(self) -> None:
        """Resume those who have waited for the store for longer than they should."""
        assert self._loop is not None
        now = self._loop.time()
        while self._overdue and (self._overdue[0].until <= now or _is_done(self._overdue[0])):
            _resume(self._overdue.popleft(), durable=False)
        self._timer = self._loop.call_at(self._overdue[0].until, self._let_go) if self._overdue else None

    def _delivered(self, batch: Sequence[_Waiting], new: int | None) -> None:
        """``new`` of the batch were written, the others were there before; ``None`` where they cannot be written."""
        for waiting in batch:
            self.depth -= 1
            self._waiting_bytes -= waiting.size
            key = waiting.exchange.idempotency
            if key is not None and self._waiting_keys.get(key) is waiting:
                del self._waiting_keys[key]
            _resume(waiting, durable=new is not None)
        if new is None:
            self.lost += len(batch)
        else:
            self.written += new
            self.repeated += len(batch) - new
            self._losing = False
        while self._overdue and _is_done(self._overdue[0]):
            self._overdue.popleft()

    # in the writer's thread

    def _write(self) -> None:
        try:
            while (batch := self._next()) is not None:
                if batch:
                    self._keep_whatever_happens(batch)
                if self._retention_days is not None and time.monotonic() >= self._sweep_at:
                    self._sweep(self._retention_days)
        finally:
            if self._store is not None:
                self._store.close()

    def _keep_whatever_happens(self, batch: list[_Waiting]) -> None:
        """A fault of ours costs one batch, which is counted and told of, and not the recording."""
        try:
            self._keep([self._prepared(waiting) for waiting in batch])
        except Exception as error:
            self._notice(f"{len(batch):,} exchanges are lost by a fault of the recorder ({type(error).__name__})")
            self._hand_over(batch, None)

    def _next(self) -> list[_Waiting] | None:
        """All that waits, up to a batch; empty where the retention is due, ``None`` at the end."""
        due = None
        if self._retention_days is not None:
            due = max(0.0, self._sweep_at - time.monotonic())
        try:
            first = self._queue.get(timeout=due) if not self._stopping.is_set() else self._queue.get_nowait()
        except queue.Empty:
            return None if self._stopping.is_set() else []
        batch, size = [], 0
        while first is not None:
            batch.append(first)
            size += first.size
            if len(batch) >= BATCH or size >= BATCH_BYTES:
                break
            try:
                first = self._queue.get_nowait()
            except queue.Empty:
                break
        return batch if batch or not self._stopping.is_set() else None

    def _prepared(self, waiting: _Waiting) -> tuple[_Waiting, Exchange]:
        """The exchange as it is kept. One that cannot be put together is kept as it came, but never unmasked."""
        exchange = waiting.exchange
        with suppress(Exception):
            exchange = self._complete(exchange)
        with suppress(Exception):
            exchange = priced(with_subject(exchange))
        if self._mask:
            try:
                exchange = masked(exchange)
            except Exception:  # whatever it was, nothing is written unmasked
                exchange = without_texts(exchange)
            self.masked.update(exchange.masked)
        return waiting, exchange

    def _keep(self, batch: Sequence[tuple[_Waiting, Exchange]]) -> None:
        """Write ``batch``, trying until it is done, or until it is given up at the end."""
        pause = _FIRST_PAUSE
        while True:
            try:
                if self._store is None:
                    self._store = self._open()
                new = self._store.append([exchange for _, exchange in batch])
            except StoreError as error:
                self._keep_singly(batch, error)
                return
            except LimitReached as error:
                self._fails(str(error))
                if time.monotonic() >= self._give_up_at:
                    return
                if pause >= _LONGEST_PAUSE:
                    self._reopen()
                self._stopping.wait(pause) if not self._stopping.is_set() else time.sleep(_FIRST_PAUSE)
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                self._recovers()
                with suppress(Exception):
                    self._kept([exchange for _, exchange in batch])
                self._hand_over([waiting for waiting, _ in batch], new)
                return

    def _keep_singly(self, batch: Sequence[tuple[_Waiting, Exchange]], error: StoreError) -> None:
        """One of ``batch`` cannot be held by the database: the others are written, that one is lost."""
        if len(batch) > 1:
            for one in batch:
                self._keep([one])
            return
        self._notice(f"an exchange is lost, {error}")
        self._hand_over([batch[0][0]], None)

    def _reopen(self) -> None:
        """The file may have been moved away, or the server restarted: begin anew."""
        with suppress(SizewiseError):
            store = self._open()
            if self._store is not None:
                self._store.close()
            self._store = store

    def _fails(self, why: str) -> None:
        if self._failing_since is None:
            self._failing_since = time.monotonic()
            then = "new requests are refused" if self._on_full == "refuse" else "answers go on, exchanges wait"
            self._notice(f"{why} Until it can be written to, {then}")

    def _recovers(self) -> None:
        if self._failing_since is not None:
            took, self._failing_since = time.monotonic() - self._failing_since, None
            self._notice(f"the traffic store can be written to again, after {took:.1f} s; {self.lost:,} exchanges lost")

    def _hand_over(self, batch: list[_Waiting], new: int | None) -> None:
        assert self._loop is not None
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            self._loop.call_soon_threadsafe(self._delivered, batch, new)

    def _sweep(self, days: float) -> None:
        """One step of the retention; what fails is tried again at the next look."""
        removed = 0
        with suppress(SizewiseError):
            if self._store is not None and not self.failing:
                removed = self._store.sweep(days, SWEPT)
        self._sweep_at = time.monotonic() + (NEXT_STEP if removed == SWEPT else NEXT_LOOK)


def _is_done(waiting: _Waiting) -> bool:
    return waiting.done is None or waiting.done.done()


def _resume(waiting: _Waiting, *, durable: bool) -> None:
    if waiting.done is not None and not waiting.done.done():
        waiting.done.set_result(durable)
