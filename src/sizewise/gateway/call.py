"""One request on its way through the gateway, and what is said to its client."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, MutableMapping, Sequence
from datetime import UTC, datetime
from random import getrandbits
from typing import TYPE_CHECKING, Any

from sizewise.core.exchange import Exchange
from sizewise.gateway.alarms import Alarms
from sizewise.gateway.memory import Memory, Share
from sizewise.gateway.wire.errors import Refusal, error_body

if TYPE_CHECKING:
    from sizewise.gateway.body import Upload

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Pairs = Sequence[tuple[bytes, bytes]]


def record_id() -> str:
    """A UUID of version 7 (RFC 9562) without hyphens: in the order of time, and alike for no two workers.

    >>> one, other = record_id(), record_id()
    >>> len(one), one[12], one != other
    (32, '7', True)
    """
    random = getrandbits(74)
    begin = time.time_ns() // 1_000_000 << 16 | 0x7000 | random >> 62
    return f"{begin << 64 | 2 << 62 | random & (1 << 62) - 1:032x}"


class Call:
    """A request, its client, and what is known of it by now. ``began`` is the moment of its last byte."""

    __slots__ = (
        "_named", "alarms", "at", "began", "body", "first_byte_ms", "headers", "id", "idempotency", "method", "path",
        "query", "raw_path", "receive", "send", "share", "started", "type", "upload",
    )  # fmt: skip

    def __init__(self, scope: Scope, receive: Receive, send: Send, memory: Memory, alarms: Alarms) -> None:
        self.share, self.alarms = Share(memory), alarms
        self.id = record_id()
        self.at = datetime.now(UTC)
        self.began = time.perf_counter()
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.raw_path: str = scope["raw_path"].decode("latin-1")
        self.query: bytes = scope["query_string"]
        self.headers: list[tuple[bytes, bytes]] = scope["headers"]
        self._named = dict(reversed(self.headers))
        self.receive, self.send = receive, send
        self.body = b""
        self.upload: Upload | None = None
        kind = self.header(b"content-type")
        self.type = None if kind is None else kind.decode("latin-1")
        self.idempotency: bytes | None = None
        self.first_byte_ms: float | None = None
        self.started = False

    def header(self, name: bytes) -> bytes | None:
        """The first header of this (lowercase) name."""
        return self._named.get(name)

    def since(self) -> float:
        """Milliseconds since the request's last byte."""
        return (time.perf_counter() - self.began) * 1000

    def own_headers(
        self, route: str | None = "large", confidence: float | None = None, run: str | None = None
    ) -> Pairs:
        """The headers that every answer carries; ``route`` is ``None`` where nobody was asked."""
        headers = [(b"x-sizewise-id", self.id.encode())]
        if route is not None:
            headers.append((b"x-sizewise-route", route.encode()))
        if confidence is not None:
            headers.append((b"x-sizewise-confidence", b"%.4f" % confidence))
        if run is not None:
            headers.append((b"x-sizewise-run", run.encode()))
        return headers

    async def start(self, status: int, headers: Sequence[tuple[bytes, bytes]]) -> None:
        self.started = True
        await self.send({"type": "http.response.start", "status": status, "headers": headers})

    async def more(self, body: bytes) -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": True})

    async def end(self, body: bytes = b"") -> None:
        await self.send({"type": "http.response.body", "body": body, "more_body": False})

    async def answer(self, status: int, body: bytes, kind: bytes, headers: Pairs = ()) -> None:
        """A whole answer of our own."""
        await self.start(status, [(b"content-type", kind), (b"content-length", b"%d" % len(body)), *headers])
        await self.end(body)

    async def refuse(self, refusal: Refusal, headers: Pairs = ()) -> None:
        """An error of our own, in the form that the client's library reads."""
        extra = [*(headers or self.own_headers(None))]
        if refusal.retry_after is not None:
            extra.append((b"retry-after", b"%d" % refusal.retry_after))
        if refusal.status in (408, 413):  # the rest of the body is not read
            extra.append((b"connection", b"close"))
        await self.answer(refusal.status, error_body(refusal, self.path), b"application/json", extra)

    def exchange(self, **known: Any) -> Exchange:
        """The record of this request, with what is ``known`` of how it ended."""
        subject = self.header(b"x-sizewise-subject")
        return Exchange(
            id=self.id, at=self.at, path=self.path, method=self.method, first_byte_ms=self.first_byte_ms,
            subject=None if subject is None else subject.decode("utf-8", "replace"), **known,
        )  # fmt: skip
