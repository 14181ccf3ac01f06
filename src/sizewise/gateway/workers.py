"""Several workers behind one socket: each a process of its own; one that dies is started again."""

from __future__ import annotations

import multiprocessing
import os
import shutil
import signal
import socket
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from multiprocessing.process import parent_process
from pathlib import Path
from typing import NamedTuple

from sizewise.core.errors import InputError, SizewiseError
from sizewise.gateway.metrics import count_across_workers, forget_worker
from sizewise.gateway.served_task import OpenRun
from sizewise.gateway.settings import Settings
from sizewise.gateway.worker import introduction, work

STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: a worker that lived for less than this is started again only after as long
SHORT_LIFE = 2.0
#: seconds beyond the drain after which a worker is killed
MERCY = 15.0


class _Worker(NamedTuple):
    process: SpawnProcess
    started: float


def supervise(
    settings: Settings, listener: socket.socket, open_run: OpenRun, ready: Callable[[list[str]], None]
) -> signal.Signals | None:
    """Keep ``settings.workers`` workers serving on ``listener`` until a signal says stop; which one it was.

    ``ready`` gets what the first worker says of its tasks, once all are ready. Raises ``InputError`` where one of them
    cannot begin.
    """
    _prepare_store(settings)
    folder = Path(tempfile.mkdtemp(prefix="sizewise-"))
    try:
        count_across_workers(folder / "metrics")
        (folder / "locks").mkdir()
        shared = replace(settings, locks=str(folder / "locks"))
        with _signals() as (heard, wakes):
            return _Supervisor(shared, listener, open_run).run(ready, heard, wakes)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


class _Supervisor:
    def __init__(self, settings: Settings, listener: socket.socket, open_run: OpenRun) -> None:
        self._settings, self._listener, self._open_run = settings, listener, open_run
        self._context = multiprocessing.get_context("spawn")
        self._workers: list[_Worker] = []

    def run(
        self, ready: Callable[[list[str]], None], heard: list[signal.Signals], wakes: socket.socket
    ) -> signal.Signals | None:
        try:
            says = [self._start() for _ in range(self._settings.workers)]
            told = [said for one in says if (said := self._began(one, heard, wakes)) is not None]
            if not heard:
                ready(told[0] if told else [])
            while not heard:
                wait([wakes, *(worker.process.sentinel for worker in self._workers)])
                if not heard:
                    self._replace_dead()
            return heard[0]
        finally:
            self._end()

    def _start(self) -> Connection:
        mine, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_serve, args=(self._settings, self._listener, self._open_run, theirs), daemon=False
        )
        process.start()
        theirs.close()
        self._workers.append(_Worker(process, time.monotonic()))
        return mine

    def _began(self, says: Connection, heard: list[signal.Signals], wakes: socket.socket) -> list[str] | None:
        """What a worker says once it is ready; ``None`` where a signal came first."""
        while not heard:
            if says in wait([says, wakes]):
                try:
                    began, said = says.recv()
                except EOFError:
                    raise InputError("a worker ended before it was ready; its message stands above.") from None
                if not began:
                    raise InputError(said)
                return list(said)
        return None

    def _replace_dead(self) -> None:
        for dead in [worker for worker in self._workers if worker.process.exitcode is not None]:
            self._workers.remove(dead)
            lived = time.monotonic() - dead.started
            forget_worker(dead.process.pid or 0)
            print(
                f"sizewise: worker {dead.process.pid} ended with status {dead.process.exitcode}; another one starts",
                file=sys.stderr, flush=True,
            )  # fmt: skip
            if lived < SHORT_LIFE:
                time.sleep(SHORT_LIFE - lived)
            self._start()

    def _end(self) -> None:
        self._listener.close()  # else clients would still be let in, and wait for nobody
        for worker in self._workers:
            if worker.process.is_alive():
                worker.process.terminate()
        patience = time.monotonic() + self._settings.limits.drain_seconds + MERCY
        for worker in self._workers:
            worker.process.join(max(0.0, patience - time.monotonic()))
            if worker.process.is_alive():
                worker.process.kill()
                worker.process.join()


def _serve(settings: Settings, listener: socket.socket, open_run: OpenRun, says: Connection) -> None:
    """One worker's life."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    try:
        work(settings, listener, open_run, lambda app: says.send((True, introduction(app))))
    except SizewiseError as error:
        says.send((False, str(error)))
        sys.exit(error.exit_status)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGTERM)


def _prepare_store(settings: Settings) -> None:
    """Make the store, or bring it to the newest version, before several try to."""
    if settings.store != "none":
        from sizewise.store.traffic import open_traffic

        open_traffic(settings.store, durable=settings.durable).close()


@contextmanager
def _signals() -> Iterator[tuple[list[signal.Signals], socket.socket]]:
    """Signals that came, and a socket that becomes readable with each."""
    heard: list[signal.Signals] = []
    reads, writes = socket.socketpair()
    writes.setblocking(False)

    def take(number: int, _: object) -> None:
        heard.append(signal.Signals(number))
        writes.send(b"!")

    before = {n: h for n in STOPPING if (h := signal.getsignal(n)) != signal.SIG_IGN}
    outer = signal.set_wakeup_fd(-1)
    for number in before:
        signal.signal(number, take)
    try:
        yield heard, reads
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(outer)
        reads.close()
        writes.close()
