"""One clock for all that may take too long: a timer of its own for each would cost a request more than its parsing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable

#: seconds between two looks, and so how late an alarm may ring
EVERY = 0.025


class Alarms:
    """What is to be called at its time unless it is taken back before, as most is. Belongs to one event loop."""

    def __init__(self) -> None:
        self._set: dict[Hashable, tuple[float, Callable[[], None]]] = {}
        self._looking = False

    def set(self, who: Hashable, seconds: float, ring: Callable[[], None]) -> None:
        """Call ``ring`` in ``seconds``; ``who`` has one alarm at a time."""
        self._set[who] = time.monotonic() + seconds, ring
        if not self._looking:
            self._looking = True
            asyncio.get_running_loop().call_later(EVERY, self._look)

    def unset(self, who: Hashable) -> None:
        """Take the alarm of ``who`` back, where it has one."""
        self._set.pop(who, None)

    def _look(self) -> None:
        now = time.monotonic()
        for who, (until, ring) in [*self._set.items()]:
            if until <= now and self._set.pop(who, None) is not None:
                ring()
        self._looking = bool(self._set)
        if self._looking:
            asyncio.get_running_loop().call_later(EVERY, self._look)
