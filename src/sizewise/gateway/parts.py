"""What the gateway's core asks of its other parts."""

from __future__ import annotations

from typing import Protocol

from sizewise.core.exchange import Exchange
from sizewise.gateway.wire.errors import Refusal


class Recording(Protocol):
    """Keeps exchanges: ``gateway.recorder.Recorder`` is one."""

    def start(self) -> None: ...

    def room(self) -> bool:
        """Whether another request may be accepted."""
        ...

    async def record(self, exchange: Exchange) -> bool:
        """Return once ``exchange`` is stored; False where it is not (yet)."""
        ...

    async def answered(self, idempotency: bytes) -> Exchange | None:
        """What a request with this key was answered before. Raises ``LimitReached`` where that cannot be asked."""
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

    async def answered(self, idempotency: bytes) -> Exchange | None:  # noqa: ARG002
        return None

    async def close(self, timeout: float) -> None:
        """Nothing to close."""


class NotRecorded(Exception):
    """An exchange could not be stored, and nothing may be answered unrecorded."""


UNRECORDED = Refusal(
    503, "recording_unavailable", "The traffic cannot be recorded just now, and nothing is answered unrecorded.",
    retry_after=2,
)  # fmt: skip


class Ledger:
    """Records, and holds an answer back that could not be recorded where that was asked for (``--on-full refuse``)."""

    def __init__(self, recording: Recording, *, required: bool) -> None:
        self._recording, self._required = recording, required

    async def enter(self, exchange: Exchange) -> None:
        """Return once the answer may leave. Raises ``NotRecorded`` where it may not."""
        if not await self._recording.record(exchange) and self._required:
            raise NotRecorded
