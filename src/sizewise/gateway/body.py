"""A request's body: read whole where it is text, handed on as it comes where it is a file."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

from sizewise.gateway.call import Call, Receive
from sizewise.gateway.settings import MB, Limits
from sizewise.gateway.wire.errors import Refusal
from sizewise.gateway.wire.kinds import is_text

#: how much of a body that is too long is still read, and how long: a connection that is closed on unread bytes is reset,
#: and its client sees that in place of the answer (the "lingering close" of web servers)
LINGER_BYTES, LINGER_SECONDS = 32 * MB, 3.0
_BUSY = Refusal(503, "overloaded", "The requests that are being answered already take all the memory.", retry_after=1)


class ClientLeft(Exception):
    """The client left before its request was whole."""


class Upload:
    """A body that passes piece by piece; ``refusal`` says why it was not passed on to its end."""

    def __init__(self, receive: Receive, limits: Limits) -> None:
        self._receive, self._limits = receive, limits
        self.size = 0
        self.done = False
        self.left = False
        self.refusal: Refusal | None = None

    async def __aiter__(self) -> AsyncIterator[bytes]:
        more = True
        while more:
            try:
                async with asyncio.timeout(self._limits.body_seconds):
                    message = await self._receive()
            except TimeoutError:
                self.refusal = _too_slow(self._limits)
                raise ClientLeft from None
            if message["type"] == "http.disconnect":
                self.left = True
                raise ClientLeft
            piece, more = message.get("body", b""), message.get("more_body", False)
            self.size += len(piece)
            if self.size > self._limits.body_bytes:
                self.refusal = _too_large(self._limits)
                raise ClientLeft
            self.done = not more
            if piece:
                yield piece


async def read_body(call: Call, limits: Limits) -> Refusal | None:
    """Give ``call`` its body, or say why not. Raises ``ClientLeft``."""
    declared = call.header(b"content-length")
    if declared is not None and int(declared) > limits.body_bytes:
        await _linger(call)
        return _too_large(limits)
    if declared is None and call.header(b"transfer-encoding") is None:
        return None
    if not is_text(call.type):
        call.upload = Upload(call.receive, limits)
        return None
    message = await _next(call, limits.body_seconds)
    if message is None:
        return _too_slow(limits)
    body, more = message
    if not call.share.take(len(body)):
        return _BUSY
    pieces, size, ends = [body], len(body), time.monotonic() + limits.body_seconds
    while more and size <= limits.body_bytes:
        message = await _next(call, max(0.0, ends - time.monotonic()))
        if message is None:
            return _too_slow(limits)
        body, more = message
        if not call.share.take(len(body)):
            return _BUSY
        pieces.append(body)
        size += len(body)
    if size > limits.body_bytes:
        if more:
            await _linger(call)
        return _too_large(limits)
    if len(pieces) > 1:
        body = b"".join(pieces)
    call.body = body
    call.began = time.perf_counter()
    return None


async def _linger(call: Call) -> None:
    """Read on a little, and throw away, so that a client which writes before it reads gets to its answer."""
    if call.header(b"expect") is not None:  # it waits to be told to send
        return
    size, ends, more = 0, time.monotonic() + LINGER_SECONDS, True
    while more and size < LINGER_BYTES:
        message = await _next(call, max(0.0, ends - time.monotonic()))
        if message is None:
            return
        size, more = size + len(message[0]), message[1]


async def _next(call: Call, seconds: float) -> tuple[bytes, bool] | None:
    """The next piece, and whether more follows; ``None`` where it takes too long."""
    task = asyncio.current_task()
    assert task is not None
    late = False

    def give_up() -> None:
        nonlocal late
        late = True
        task.cancel()

    call.alarms.set(task, seconds, give_up)
    try:
        message = await call.receive()
    except asyncio.CancelledError:
        if not late or task.uncancel() > 0:  # somebody else, too, wants it to end
            raise
        return None
    finally:
        call.alarms.unset(task)
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, "body_too_large", f"The request is longer than {limits.body_bytes:,} bytes.")


def _too_slow(limits: Limits) -> Refusal:
    return Refusal(408, "body_too_slow", f"The request was not whole after {limits.body_seconds:g} seconds.")
