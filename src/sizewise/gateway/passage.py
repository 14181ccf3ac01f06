"""A request goes to its upstream as it came, and the answer back as it comes; its last piece waits for the record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Protocol

import aiohttp

from sizewise.core.exchange import Exchange, Failure
from sizewise.gateway.call import Call, Pairs
from sizewise.gateway.parts import Recording
from sizewise.gateway.settings import Limits
from sizewise.gateway.upstream import HOP_BY_HOP, Sent, UpstreamFailed, Upstreams, failed
from sizewise.gateway.watch import Watch
from sizewise.gateway.wire.encoding import decoded
from sizewise.gateway.wire.ending import Ending
from sizewise.gateway.wire.errors import Refusal, error_event

_NOT_RETURNED = HOP_BY_HOP | {b"date"}  # the server that answers says its own
_STATUS: dict[Failure, int] = {"upstream timed out": 504}
_CODE: dict[Failure, str] = {
    "upstream timed out": "upstream_timed_out", "upstream unreachable": "upstream_unreachable",
    "upstream cut": "upstream_cut", "upstream refused": "upstream_refused",
}  # fmt: skip
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)


class Reply:
    """What came back so far. ``kept`` is empty where it grew longer than may be recorded."""

    __slots__ = ("_most", "_pieces", "_size", "encoding", "failure", "status", "streamed", "type")

    def __init__(self, response: aiohttp.ClientResponse, most: int) -> None:
        headers = response.headers
        self.status = response.status
        self.type = headers.get("content-type")
        self.encoding = headers.get("content-encoding")
        self.streamed = self.type is not None and self.type.lower().startswith("text/event-stream")
        self.failure: Failure | None = "upstream refused" if refuses(response.status) else None
        self._pieces: list[bytes] = []
        self._size, self._most = 0, most

    def keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._most:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def body(self) -> bytes:
        """All that came, content encoding removed."""
        if self._size > self._most or not is_text(self.type):
            return b""
        whole = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return whole if self.encoding is None else decoded(whole, self.encoding, self._most) or b""


class Beside(Protocol):
    """What a specialist has to say beside an upstream's answer."""

    @property
    def headers(self) -> Pairs: ...

    async def known(self, reply: Reply | None) -> Mapping[str, Any]:
        """Fields of the record."""
        ...


def refuses(status: int) -> bool:
    """Whether a status says that upstream will not answer now, whatever was asked."""
    return status == 429 or status >= 500


def is_text(kind: str | None) -> bool:
    """Whether a content type is recorded: JSON, text and event streams are, files, pictures and sound are not.

    >>> is_text("application/json; charset=utf-8"), is_text("multipart/form-data; boundary=x"), is_text(None)
    (True, False, True)
    """
    if kind is None:
        return True
    plain = kind.split(";")[0].strip().lower()
    return plain.startswith("text/") or plain.endswith(("json", "jsonl", "ndjson", "xml", "x-www-form-urlencoded"))


class Passage:
    """The way to the upstreams and back."""

    def __init__(self, upstreams: Upstreams, recorder: Recording, limits: Limits) -> None:
        self._upstreams, self._recorder, self._limits = upstreams, recorder, limits

    async def pass_on(
        self,
        call: Call,
        model: str | None = None,
        *,
        beside: Beside | None = None,
        spare: Callable[[Failure], Awaitable[None]] | None = None,
    ) -> None:
        """Answer ``call`` with what upstream says. ``spare`` answers where upstream fails before anything has left."""
        watch = Watch(call.receive, self._limits.answer_seconds)
        response: aiohttp.ClientResponse | None = None
        reply: Reply | None = None
        whole = False
        try:
            sent = Sent(call.method, call.raw_path, call.query, call.headers, call.body)
            response = await self._upstreams.open(self._upstreams.chosen(model), sent)
            if spare is not None and refuses(response.status):
                raise UpstreamFailed("upstream refused", f"upstream answered with status {response.status}")
            reply = Reply(response, self._limits.recorded_bytes)
            await self._relay(call, response, reply, watch, beside)
            whole = True
        except UpstreamFailed as error:
            watch.stop()
            await self._give_up(call, reply, error, beside, spare)
        except _BROKEN as error:
            watch.stop()
            await self._give_up(call, reply, failed(error), beside, spare)
        except asyncio.CancelledError:
            watch.stop()
            if watch.reason is None:
                raise
            await self._give_up(call, reply, UpstreamFailed(watch.reason, _said(watch.reason)), beside, spare)
        finally:
            watch.stop()
            if response is not None and not whole:
                response.close()

    async def _relay(
        self, call: Call, response: aiohttp.ClientResponse, reply: Reply, watch: Watch, beside: Beside | None
    ) -> None:
        headers = _returned(response.raw_headers)
        headers += call.own_headers()
        if beside is not None:
            headers += beside.headers
        if reply.streamed and reply.encoding is None:
            await self._stream(call, response.content, headers, reply, watch, beside)
        else:
            await self._plain(call, response.content, headers, reply, watch, beside)

    async def _plain(
        self,
        call: Call,
        content: aiohttp.StreamReader,
        headers: list[tuple[bytes, bytes]],
        reply: Reply,
        watch: Watch,
        beside: Beside | None,
    ) -> None:
        """One piece is always held back; a short answer leaves in one."""
        held = await content.readany()
        call.first_byte_ms = call.since()
        reply.keep(held)
        while not content.at_eof():
            piece = await content.readany()
            if not piece:
                continue
            if not call.started:
                await call.start(reply.status, headers)
            await call.more(held)
            reply.keep(piece)
            held = piece
        watch.stop()
        await self._record(call, reply, beside)
        if not call.started:
            await call.start(reply.status, headers)
        await call.end(held)

    async def _stream(
        self,
        call: Call,
        content: aiohttp.StreamReader,
        headers: list[tuple[bytes, bytes]],
        reply: Reply,
        watch: Watch,
        beside: Beside | None,
    ) -> None:
        """Everything leaves as it comes, from the last event on once the exchange is recorded."""
        await call.start(reply.status, headers)
        ending, recorded = Ending(), False
        while piece := await content.readany():
            if call.first_byte_ms is None:
                call.first_byte_ms = call.since()
            if recorded:
                await call.more(piece)
                continue
            reply.keep(piece)
            now = ending.take(piece)
            if now:
                await call.more(now)
            if ending.whole:
                watch.stop()
                await self._record(call, reply, beside)
                recorded = True
                await call.more(ending.held)
        watch.stop()
        if not recorded:
            await self._record(call, reply, beside)
        await call.end(b"" if recorded else ending.held)

    async def _give_up(
        self,
        call: Call,
        reply: Reply | None,
        error: UpstreamFailed,
        beside: Beside | None,
        spare: Callable[[Failure], Awaitable[None]] | None,
    ) -> None:
        """Say faithfully what went wrong: an error where nothing has left yet, else a stream that visibly breaks off."""
        failure = error.failure
        if failure == "client left":
            await self._record(call, reply, beside, failure)
            return
        if spare is not None and not call.started:
            await spare(failure)
            return
        refusal = Refusal(_STATUS.get(failure, 502), _CODE[failure], f"{error.detail[0].upper()}{error.detail[1:]}.")
        await self._record(call, reply, beside, failure, None if call.started else refusal.status)
        if not call.started:
            await call.refuse(refusal, [*call.own_headers(), *(beside.headers if beside is not None else ())])
        elif reply is not None and reply.streamed:
            await call.more(b"\n\n" + error_event(refusal, call.path))
        # An answer that has begun stays unfinished: the server then closes the connection, which its client sees.

    async def _record(
        self,
        call: Call,
        reply: Reply | None,
        beside: Beside | None,
        failure: Failure | None = None,
        status: int | None = None,
    ) -> None:
        known: dict[str, Any] = dict(await beside.known(reply)) if beside is not None else {}
        if status is None and reply is not None:
            status = reply.status
        if reply is not None:
            known |= {"response": reply.body(), "response_type": reply.type, "streamed": reply.streamed}
            failure = failure or reply.failure
        await self._recorder.record(self._exchange(call, status, failure, known))

    def _exchange(self, call: Call, status: int | None, failure: Failure | None, known: dict[str, Any]) -> Exchange:
        kind = None if call.type is None else call.type.decode("latin-1")
        kept = call.body if len(call.body) <= self._limits.recorded_bytes and is_text(kind) else b""
        return call.exchange(
            status=status, failure=failure, request=kept, request_type=kind, latency_ms=call.since(), route="large",
            idempotency=call.idempotency if failure is None else None, **known,
        )  # fmt: skip


def _returned(headers: Pairs) -> list[tuple[bytes, bytes]]:
    kept = []
    for name, value in headers:
        name = name.lower()
        if name not in _NOT_RETURNED and not name.startswith(b"x-sizewise-"):
            kept.append((name, value))
    return kept


def _said(reason: Failure) -> str:
    return "upstream did not answer in time" if reason == "upstream timed out" else "the client left"
