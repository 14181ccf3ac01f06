"""How many processors a training uses: said each time, so that what trained before in the process changes nothing."""

from __future__ import annotations

import os


def cores() -> int:
    """As many as ``OMP_NUM_THREADS`` says, else all that this process may use. Sums depend on it in their last digits."""
    told = os.environ.get("OMP_NUM_THREADS", "")
    if told.isdecimal() and int(told):
        return int(told)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
