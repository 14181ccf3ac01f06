"""One engine a base in this process, for all who answer with an adapter of their own on it.

Whoever joins gets a seat. An engine is opened when a seat is first asked; one that joins later makes it open again, with
all adapters, before the next request. It ends with the last seat.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from sizewise.core.errors import EngineError, SizewiseError
from sizewise.models.local_slm import LocalSlm
from sizewise.models.reference import file_sha256
from sizewise.slm.engine import Engine, EngineSettings


@dataclass(eq=False)
class Seat:
    """One adapter's place on a base. ``context`` is how many tokens its longest request takes; ``threads`` 0: measured."""

    base: Base
    adapter: Path
    sha256: str
    context: int
    threads: int

    def engine(self) -> Engine:
        """The engine that all on this base share."""
        with self.base.lock:
            return self.base.opened(self)

    def shares(self, prompt: Sequence[int], among: Sequence[int]) -> list[float]:
        """As ``Engine.shares`` with this adapter, read anew: what others asked before changes no digit.

        Where the engine has ended, it is opened again, once.
        """
        with self.base.lock:
            engine = self.base.opened(self)
            try:
                return engine.shares(prompt, among, self.base.place(self), anew=True)
            except EngineError:
                if engine.alive:
                    raise
            return self.base.opened(self).shares(prompt, among, self.base.place(self), anew=True)

    def leave(self) -> None:
        """Give the seat back; the engine ends with the last one."""
        self.base.left(self)


@dataclass(eq=False)
class Base:
    """A model and the seats on it; ``lock`` is held while one request is answered or the engine opens."""

    model: LocalSlm
    lock: threading.RLock = field(default_factory=threading.RLock)
    seats: list[Seat] = field(default_factory=list)
    _engine: Engine | None = None
    _on: tuple[str, ...] = ()
    _context: int = 0

    def joined(self, adapter: Path, context: int, threads: int) -> Seat:
        """A seat for ``adapter``."""
        seat = Seat(self, adapter, file_sha256(adapter), context, threads)
        with self.lock:
            self.seats.append(seat)
        return seat

    def place(self, seat: Seat) -> int:
        """The number by which a request names the adapter of ``seat``."""
        return self._on.index(seat.sha256)

    def opened(self, seat: Seat) -> Engine:
        """The engine, with the adapter of ``seat`` on it; opened anew, with those of all, where it is not."""
        engine = self._engine
        if engine is not None and engine.alive and seat.sha256 in self._on and seat.context <= self._context:
            return engine
        self._end()
        adapters = {one.sha256: one.adapter for one in [*self.seats, seat]}
        context, threads = (
            max(numbers) for numbers in zip(*((s.context, s.threads) for s in [*self.seats, seat]), strict=True)
        )
        settings = EngineSettings(context, threads=threads, exact=True, adapters=tuple(adapters.values()))
        self._engine = Engine(self.model, settings)
        self._on, self._context = tuple(adapters), context
        return self._engine

    def interrupt(self) -> None:
        """End the request that runs, whosever it is; without the lock, which that request holds."""
        if (engine := self._engine) is not None:
            engine.interrupt()

    def left(self, seat: Seat) -> None:
        """One fewer; an adapter that nobody uses is let go of when the engine is opened next."""
        with self.lock:
            with suppress(ValueError):
                self.seats.remove(seat)
            if not self.seats:
                self._end()

    def _end(self) -> None:
        if self._engine is not None:
            self._engine.close()
        self._engine, self._on = None, ()


@dataclass(eq=False)
class Pool:
    """The bases of this process, by their SHA-256."""

    _bases: dict[str, Base] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def join(self, model: LocalSlm, adapter: Path, context: int, threads: int = 0) -> Seat:
        """A seat for ``adapter`` on ``model``. The file must stay where it is as long as the seat is taken."""
        if not adapter.is_file():
            raise SizewiseError(f"{adapter} is missing: the adapter cannot be put on {model.name}.")
        with self._lock:
            return self._bases.setdefault(model.sha256, Base(model)).joined(adapter, context, threads)


@cache
def pool() -> Pool:
    """This process's pool: two runs that are loaded one after the other meet in it."""
    return Pool()
