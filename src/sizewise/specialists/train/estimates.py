"""What a training will take, before it starts: memory by counting, time by a few measured steps."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

from sizewise.core.errors import LimitReached
from sizewise.models.machine_memory import machine_memory

MIB = 2**20
#: torch and its buffers, and what is left free for others
PROCESS_MIB, MARGIN = 450.0, 0.1


@dataclass(frozen=True, slots=True)
class Memory:
    """MiB by what they hold: frozen weights, what is learned (with gradients and two moments), what a step keeps."""

    frozen: float
    learned: float
    step: float

    @property
    def total(self) -> float:
        return PROCESS_MIB + self.frozen + self.learned + self.step

    @classmethod
    def of(cls, frozen: int, learned: int, kept: int, size: int) -> Memory:
        """From counts of numbers; ``size`` is bytes of a frozen or kept number, what is learned is float32."""
        return cls(frozen * size / MIB, learned * 4 * 4 / MIB, kept * size / MIB)


def require_memory(name: str, need: Memory, smaller: str, available_mib: float | None = None) -> None:
    """Raise ``LimitReached`` where ``need`` is more than this machine has free; ``smaller`` says what would need less."""
    if available_mib is None:
        try:
            available_mib = machine_memory().available_mib
        except LimitReached:
            return  # nothing is known of this system's memory
    if need.total <= available_mib * (1 - MARGIN):
        return
    raise LimitReached(
        f"{name} needs about {need.total:,.0f} MiB to train (weights {need.frozen:,.0f}, what is learned {need.learned:,.0f}, "
        f"a step {need.step:,.0f}), and {available_mib * (1 - MARGIN):,.0f} MiB may be taken here. {smaller}"
    )


class Clock:
    """Time left, from the pace of the work that was done: units of any kind, tokens for instance.

    The first units are slower than what follows, and do not count towards the pace.
    """

    def __init__(self, total: float, done: float = 0.0, now: Callable[[], float] = time.perf_counter) -> None:
        self.total, self.done = total, done
        self._now = now
        self._start: float | None = None
        self._first = done

    def add(self, units: float) -> None:
        """So much more was done."""
        self.done += units
        if self._start is None:
            self._start, self._first = self._now(), self.done

    @property
    def pace(self) -> float | None:
        """Units a second; ``None`` until there is something to go by."""
        if self._start is None or self.done <= self._first:
            return None
        return (self.done - self._first) / max(1e-9, self._now() - self._start)

    @property
    def left(self) -> float | None:
        """Seconds until all is done; ``None`` until they can be told."""
        pace = self.pace
        return None if pace is None else (self.total - self.done) / pace
