"""Money that may be spent: reserved before a call is sent, settled by what it cost. Never more than the limit."""

from __future__ import annotations

import math
import threading

from sizewise.core.errors import TaskError

#: dollars by which sums of floats may differ
ROUNDING = 1e-9


class Budget:
    """``limit`` US dollars, of which ``spent`` are gone already. Safe from several threads.

    Raises ``TaskError`` where the limit is no number that a sum can be held against.
    """

    def __init__(self, limit: float = math.inf, spent: float = 0.0) -> None:
        if not limit >= 0:
            raise TaskError(f"a budget is a number of US dollars, 0 or more: {limit} is none.")
        self.limit = limit
        self._spent = spent
        self._reserved = 0.0
        self._lock = threading.Lock()

    def reserve(self, dollars: float) -> bool:
        """Put ``dollars`` aside, or say that they are not there."""
        with self._lock:
            if self._spent + self._reserved + dollars > self.limit + ROUNDING:
                return False
            self._reserved += dollars
            return True

    def settle(self, reserved: float, spent: float) -> None:
        """End a reservation: ``spent`` of it, or even more, was used."""
        with self._lock:
            self._reserved = max(0.0, self._reserved - reserved)
            self._spent += spent

    @property
    def spent(self) -> float:
        return self._spent

    @property
    def reserved(self) -> float:
        return self._reserved

    @property
    def left(self) -> float:
        """What may still be reserved."""
        return max(0.0, self.limit - self._spent - self._reserved)
