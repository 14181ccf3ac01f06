"""Trainings in threads beside one another, told of in the caller's thread, and stopped together.

One training on many processors wastes most of them: its tables are small, and threads that share a product wait for one
another. Several trainings, one thread each, do not.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, TypeVar

Found = TypeVar("Found")
#: what a task calls again and again while it works; what it is given reaches the caller of ``side_by_side``
Tell = Callable[..., None]


class _Stopped(Exception):
    """Another task failed, or the person wants to stop: this one ends where it is."""


def side_by_side(
    tasks: Sequence[Callable[[Tell], Found]], workers: int, told: Callable[..., None] | None = None
) -> list[Found]:
    """What each task gives, in their order, at most ``workers`` of them at a time.

    ``told`` gets, in the thread of the caller, what the tasks tell. Where a task raises, or ``told`` does, or an interrupt
    comes, the other tasks end the next time that they tell something, and the error is raised.
    """
    events: queue.SimpleQueue[tuple[Any, ...] | None] = queue.SimpleQueue()
    stopped = threading.Event()

    def tell(*what: Any) -> None:
        if stopped.is_set():
            raise _Stopped
        events.put(what)

    pool = ThreadPoolExecutor(workers)
    try:
        futures = [pool.submit(task, tell) for task in tasks]
        for future in futures:
            future.add_done_callback(lambda _: events.put(None))
        open_ones = set(futures)
        while open_ones:
            event = events.get()
            if event is None:
                open_ones -= _ended(open_ones)
            elif told:
                told(*event)
        return [future.result() for future in futures]
    except BaseException:
        stopped.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)


def _ended(futures: set[Future[Found]]) -> set[Future[Found]]:
    """Those that are done; raises what one of them raised."""
    ended = {future for future in futures if future.done()}
    for future in ended:
        future.result()
    return ended
