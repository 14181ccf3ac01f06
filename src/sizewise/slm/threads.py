"""How many threads the engine gets: as many cores as are really free, measured, not as many as the machine has.

Two OpenMP threads on two contended cores are up to ten times slower than one: each waits for the other, and the
system gives the core to somebody else meanwhile.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time

MEASURED_SECONDS = 0.15
_CHUNK = bytes(1 << 20)
#: a core counts if so much of it was free
WHOLE = 0.85
MOST = 16


def free_cores() -> float:
    """How many cores' worth of work this process gets just now: one thread a core, hashing for 0.15 s."""
    count = min(len(os.sched_getaffinity(0)), MOST) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    used = [0.0] * count
    until = time.perf_counter() + MEASURED_SECONDS

    def work(place: int) -> None:
        started = time.thread_time()
        while time.perf_counter() < until:
            hashlib.sha256(_CHUNK)  # lets go of the interpreter's lock
        used[place] = time.thread_time() - started

    started = time.perf_counter()
    workers = [threading.Thread(target=work, args=(place,)) for place in range(count)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    return sum(used) / (time.perf_counter() - started)


def threads(free: float | None = None) -> int:
    """At least one; a further one for each core that was free by at least 85 %.

    >>> [threads(free) for free in (0.4, 1.2, 1.9, 3.86)]
    [1, 1, 2, 4]
    """
    cores = free_cores() if free is None else free
    return max(1, min(MOST, int(cores + 1 - WHOLE)))
