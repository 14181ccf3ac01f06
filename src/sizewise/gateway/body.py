"""A request's body, read within limits."""

from __future__ import annotations

import asyncio
import time

from sizewise.gateway.call import Call
from sizewise.gateway.settings import Limits
from sizewise.gateway.wire.errors import Refusal


class ClientLeft(Exception):
    """The client left before its request was whole."""


async def read_body(call: Call, limits: Limits) -> Refusal | None:
    """Read the whole body into ``call``; or say why not. Raises ``ClientLeft``."""
    declared = call.header(b"content-length")
    if declared is not None and int(declared) > limits.body_bytes:
        return _too_large(limits)
    message = await _next(call, limits)
    if message is None:
        return _too_slow(limits)
    if not message[1]:
        call.body = message[0]
    else:
        pieces, size = [message[0]], len(message[0])
        ends = time.monotonic() + limits.body_seconds
        while message[1]:
            message = await _next(call, limits) if time.monotonic() < ends else None
            if message is None:
                return _too_slow(limits)
            pieces.append(message[0])
            size += len(message[0])
            if size > limits.body_bytes:
                return _too_large(limits)
        call.body = b"".join(pieces)
        call.began = time.perf_counter()
    return None


async def _next(call: Call, limits: Limits) -> tuple[bytes, bool] | None:
    """The next piece, and whether more follows; ``None`` where it takes too long."""
    try:
        async with asyncio.timeout(limits.body_seconds):
            message = await call.receive()
    except TimeoutError:
        return None
    if message["type"] == "http.disconnect":
        raise ClientLeft
    return message.get("body", b""), message.get("more_body", False)


def _too_large(limits: Limits) -> Refusal:
    return Refusal(413, "body_too_large", f"The request is longer than {limits.body_bytes:,} bytes.")


def _too_slow(limits: Limits) -> Refusal:
    return Refusal(408, "body_too_slow", f"The request was not whole after {limits.body_seconds:g} seconds.")
