"""How much all requests and answers on their way may take together."""

from __future__ import annotations


class Memory:
    """Bytes that are held, of at most so many."""

    __slots__ = ("held", "most")

    def __init__(self, most: int) -> None:
        self.most, self.held = most, 0


class Share:
    """What one request holds of it."""

    __slots__ = ("_held", "_memory")

    def __init__(self, memory: Memory) -> None:
        self._memory, self._held = memory, 0

    def take(self, size: int) -> bool:
        """Hold ``size`` bytes more; False, and nothing is held, where there is no room."""
        if self._memory.held + size > self._memory.most:
            return False
        self._memory.held += size
        self._held += size
        return True

    def give(self, size: int) -> None:
        """Let go of ``size`` bytes."""
        self._memory.held -= size
        self._held -= size

    def close(self) -> None:
        """Let go of all of them."""
        self._memory.held -= self._held
        self._held = 0
