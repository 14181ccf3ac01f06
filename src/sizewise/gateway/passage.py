"""A request goes to its upstream as it came, and the answer back as it comes; its last piece waits for the record."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NamedTuple, Protocol

import aiohttp

from sizewise.core.exchange import Exchange, Failure
from sizewise.gateway.body import ClientLeft
from sizewise.gateway.call import Call, Pairs
from sizewise.gateway.parts import UNRECORDED, Ledger, NotRecorded
from sizewise.gateway.reply import Reply, refuses
from sizewise.gateway.settings import Limits
from sizewise.gateway.upstream import HOP_BY_HOP, Sent, UpstreamFailed, Upstreams, failed
from sizewise.gateway.watch import Watch
from sizewise.gateway.wire.ending import Ending
from sizewise.gateway.wire.errors import Refusal, error_event
from sizewise.gateway.wire.kinds import is_text

_NOT_RETURNED = HOP_BY_HOP | {b"date"}  # the server that answers says its own
_REFUSALS: Mapping[Failure, tuple[int, str]] = {
    "upstream timed out": (504, "upstream_timed_out"), "upstream unreachable": (502, "upstream_unreachable"),
    "upstream cut": (502, "upstream_cut"), "upstream refused": (502, "upstream_refused"), "ours": (503, "stopping"),
}  # fmt: skip
_SAID: Mapping[Failure, str] = {
    "upstream timed out": "upstream did not answer in time", "client left": "the client left",
    "ours": "this server is stopping",
}  # fmt: skip
_BROKEN = (aiohttp.ClientError, TimeoutError, OSError)
Spare = Callable[[Failure], Awaitable[None]]


class Beside(Protocol):
    """What a specialist has to say beside an upstream's answer."""

    @property
    def headers(self) -> Pairs: ...

    async def known(self, reply: Reply | None) -> Mapping[str, Any]:
        """Fields of the record, once the reply is whole (``None``: there is none)."""
        ...


class Unrecognised:
    """A request that is no task's: there is nothing to say beside it."""

    headers: Pairs = ()

    async def known(self, reply: Reply | None) -> Mapping[str, Any]:  # noqa: ARG002
        return {}


_NOBODY = Unrecognised()


class Order(NamedTuple):
    """What is asked of an upstream: for which ``model``, with which body where it is not the client's own, what a
    specialist says beside it, and who answers in its place (``spare``) where it fails before anything has left."""

    model: str | None = None
    body: bytes | None = None
    beside: Beside = _NOBODY
    spare: Spare | None = None


class Passage:
    """The way to the upstreams and back."""

    def __init__(self, upstreams: Upstreams, ledger: Ledger, limits: Limits) -> None:
        self._upstreams, self._ledger, self._limits = upstreams, ledger, limits

    async def pass_on(self, call: Call, order: Order) -> None:
        """Answer ``call`` with what upstream says."""
        watch = Watch(call, self._limits.answer_seconds)
        response: aiohttp.ClientResponse | None = None
        reply: Reply | None = None
        whole = False
        try:
            body = call.upload if call.upload is not None else call.body if order.body is None else order.body
            sent = Sent(call.method, call.raw_path, call.query, call.headers, body)
            response = await self._upstreams.open(self._upstreams.chosen(order.model), sent)
            if order.spare is not None and refuses(response.status):
                raise UpstreamFailed("upstream refused", f"upstream answered with status {response.status}")
            reply = Reply(response, self._limits.recorded_bytes, call.share)
            headers = [*_returned(response.raw_headers), *call.own_headers(), *order.beside.headers]
            relay = self._stream if reply.streamed and reply.encoding is None else self._plain
            await relay(call, response.content, headers, reply, watch, order.beside)
            whole = True
        except NotRecorded:
            if not call.started:
                await call.refuse(UNRECORDED)
        except (UpstreamFailed, *_BROKEN, ClientLeft) as error:
            watch.stop()
            await self._give_up(call, reply, _failure(error, call), order)
        except asyncio.CancelledError:
            watch.stop()
            reason = watch.reason or "ours"  # nobody but this server's own end cancels it otherwise
            await self._give_up(call, reply, UpstreamFailed(reason, _SAID[reason]), order)
            if watch.reason is None:
                raise
        finally:
            watch.stop()
            if response is not None and not whole:
                response.close()

    async def _plain(
        self, call: Call, content: aiohttp.StreamReader, headers: Pairs, reply: Reply, watch: Watch, beside: Beside
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
        self, call: Call, content: aiohttp.StreamReader, headers: Pairs, reply: Reply, watch: Watch, beside: Beside
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

    async def _give_up(self, call: Call, reply: Reply | None, error: UpstreamFailed, order: Order) -> None:
        """Say faithfully what went wrong: an error where nothing has left yet, else an answer that visibly breaks off."""
        failure = error.failure
        if order.spare is not None and not call.started and failure not in ("client left", "ours"):
            await order.spare(failure)
            return
        refusal = call.upload.refusal if call.upload is not None else None
        if refusal is None and failure in _REFUSALS:
            status, code = _REFUSALS[failure]
            refusal = Refusal(status, code, f"{error.detail[0].upper()}{error.detail[1:]}.")
        status_seen = None if refusal is None or call.started else refusal.status
        try:
            await self._record(call, reply, order.beside, failure, status_seen)
        except NotRecorded:
            refusal = UNRECORDED
        if refusal is None:
            return
        if not call.started:
            await call.refuse(refusal, [*call.own_headers(), *order.beside.headers])
        elif reply is not None and reply.streamed and reply.encoding is None:
            await call.more(b"\n\n" + error_event(refusal, call.path))
        # An answer that has begun stays unfinished: the server then closes the connection, which its client sees.

    async def _record(
        self, call: Call, reply: Reply | None, beside: Beside, failure: Failure | None = None, status: int | None = None
    ) -> None:
        known = dict(await beside.known(reply)) if beside is not _NOBODY else {}
        if reply is not None:
            status = status or reply.status
            failure = failure or reply.failure
            known |= {"response": reply.body(), "response_type": reply.type, "streamed": reply.streamed}
        await self._ledger.enter(self._exchange(call, status, failure, known))

    def _exchange(self, call: Call, status: int | None, failure: Failure | None, known: dict[str, Any]) -> Exchange:
        kept = call.body if len(call.body) <= self._limits.recorded_bytes and is_text(call.type) else b""
        can_be_said_again = failure is None and bool(known.get("response"))
        return call.exchange(
            status=status, failure=failure, request=kept, request_type=call.type, latency_ms=call.since(),
            route="large", idempotency=call.idempotency if can_be_said_again else None, **known,
        )  # fmt: skip


def _failure(error: BaseException, call: Call) -> UpstreamFailed:
    if call.upload is not None and call.upload.left:
        return UpstreamFailed("client left", _SAID["client left"])
    if call.upload is not None and call.upload.refusal is not None:
        return UpstreamFailed("ours", "the upload was too long or too slow")
    return error if isinstance(error, UpstreamFailed) else failed(error)


def _returned(headers: Pairs) -> list[tuple[bytes, bytes]]:
    kept = []
    for name, value in headers:
        name = name.lower()
        if name not in _NOT_RETURNED and not name.startswith(b"x-sizewise-"):
            kept.append((name, value))
    return kept
