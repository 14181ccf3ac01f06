"""What the gateway's core asks of its other parts."""

from __future__ import annotations

from typing import Protocol

from sizewise.core.exchange import Exchange


class Recording(Protocol):
    """Keeps exchanges: ``gateway.recorder.Recorder`` is one."""

    def start(self) -> None: ...

    def room(self) -> bool:
        """Whether another request may be accepted."""
        ...

    async def record(self, exchange: Exchange) -> bool:
        """Return once ``exchange`` is stored; False where it was counted as lost."""
        ...

    async def close(self, timeout: float) -> None: ...


class NoRecording:
    """Keeps nothing (``--store none``): for measuring, and for those who may not record."""

    def start(self) -> None:
        """Nothing to open."""

    def room(self) -> bool:
        return True

    async def record(self, exchange: Exchange) -> bool:  # noqa: ARG002
        return False

    async def close(self, timeout: float) -> None:
        """Nothing to close."""
