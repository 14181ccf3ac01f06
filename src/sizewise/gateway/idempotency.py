"""A retry of a request that was answered is answered the same, and neither asked nor recorded again."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from sizewise.core.errors import SizewiseError
from sizewise.core.exchange import Exchange
from sizewise.gateway.call import Call
from sizewise.gateway.parts import Recording
from sizewise.gateway.wire.replay import events

HEADER = b"idempotency-key"
_OF_ITS_OWN = frozenset({b"authorization", b"x-api-key", b"api-key", b"x-sizewise-key", b"openai-organization"})


def digest(call: Call) -> bytes | None:
    """What makes two requests one: their key, path, credentials and body. ``None`` where the client sent no key.

    One way, so that a store holds nothing of the credentials.
    """
    key = call.header(HEADER)
    if key is None or call.method != "POST" or call.upload is not None:
        return None
    hashed = hashlib.blake2b(digest_size=32, person=b"sizewise-idem")
    parts = [key, call.raw_path.encode(), call.query, call.body]
    parts += [value for name, value in call.headers if name in _OF_ITS_OWN]
    for part in parts:
        hashed.update(len(part).to_bytes(8, "big") + part)
    return hashed.digest()


class Once:
    """Lets one request of a kind through at a time, and answers those that waited from its record."""

    def __init__(self, recording: Recording, locks: str | None = None) -> None:
        self._recording, self._locks = recording, locks
        self._running: dict[bytes, asyncio.Future[None]] = {}

    async def answer(self, call: Call, key: bytes, handle: Callable[[Call], Awaitable[None]]) -> None:
        """Answer ``call`` by ``handle``, or by what was said before to a request with this ``key``."""
        while (first := self._running.get(key)) is not None:
            await asyncio.wait([first])
        mine = self._running[key] = asyncio.get_running_loop().create_future()
        try:
            async with _alone(self._locks, key):
                before = await self._before(key)
                if before is not None:
                    await replay(call, before)
                    return
                call.idempotency = key
                await handle(call)
        finally:
            del self._running[key]
            mine.set_result(None)

    async def _before(self, key: bytes) -> Exchange | None:
        try:
            return await self._recording.answered(key)
        except SizewiseError:  # the store cannot be asked: better asked twice than not answered
            return None


@asynccontextmanager
async def _alone(folder: str | None, key: bytes) -> AsyncIterator[None]:
    """No other worker answers the same meanwhile: they share a lock on a file, which a killed worker lets go of."""
    if folder is None:
        yield
        return
    path = Path(folder) / key.hex()
    held = await _locked(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        os.close(held)


async def _locked(path: Path) -> int:
    pause = 0.01
    while True:
        held = os.open(path, os.O_CREAT | os.O_RDWR, 0o600)
        try:
            fcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(held).st_ino == path.stat().st_ino:
                return held
        except (BlockingIOError, FileNotFoundError):
            pass  # another worker has it, or had it and took the file away
        os.close(held)
        await asyncio.sleep(pause)
        pause = min(2 * pause, 0.2)


async def replay(call: Call, before: Exchange) -> None:
    """Say again what ``before`` says, under its own id."""
    call.id = before.id
    headers = [*call.own_headers(before.route or "large", before.confidence, before.run_id)]
    headers.append((b"x-sizewise-replayed", b"true"))
    body, kind = before.response, before.response_type or "application/json"
    if before.streamed and not kind.startswith("text/event-stream"):
        body, kind = events(body, before.path), "text/event-stream; charset=utf-8"
    await call.answer(before.status or 200, body, kind.encode("latin-1"), headers)
