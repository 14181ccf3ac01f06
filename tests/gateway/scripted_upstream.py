"""An LLM's API played from a script: it answers in the wire formats, fails as told, and counts what it got.

``with ScriptedUpstream() as upstream:`` serves on a free port of loopback from a thread of its own. A fault is chosen for
one request by the header ``x-script: NAME`` or the model ``script-NAME``, for the next requests by ``upstream.next(...)``,
for all of them by ``upstream.always = NAME``. ``python -m tests.gateway.scripted_upstream [PORT]`` serves until it is stopped.
"""

from __future__ import annotations

import asyncio
import contextlib
import gzip
import hashlib
import itertools
import json
import socket
import struct
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any, Literal, Self

from aiohttp import web

from . import wire_bodies as wire

Fault = Literal[
    "hang",  # takes the request and never answers
    "hang-midway",  # half an answer, then silence
    "late",  # waits `late_seconds`, then answers well
    "reset",  # closes with a TCP reset before a byte
    "cut",  # half an answer, then a TCP reset
    "429",  # with Retry-After: 7
    "401",
    "500",
    "invalid-json",  # 200, application/json, cut off
    "wrong-type",  # 200, text/html
    "huge",  # 200 and `huge_bytes` of JSON
    "slow",  # one byte every `drip_seconds`
    "gzip",  # a good answer, compressed
    "ragged",  # a good stream in pieces of 5 bytes, CR LF and comments between
    "no-done",  # a good stream without its end mark
    "error-event",  # a stream that tells of an error in an event
    "endless",  # a stream that never ends
]


@dataclass(slots=True)
class Seen:
    """One request as it came; ``outcome`` is how its answer ended."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes
    outcome: Literal["open", "answered", "failed as told", "cancelled"] = "open"
    target: str = ""  # path and query as they were written

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def repeat_input(request: Mapping[str, Any]) -> str:
    """The last message's text, so that a test sees which request an answer belongs to."""
    messages = request.get("messages") or [{"content": request.get("prompt") or request.get("input") or ""}]
    content = messages[-1].get("content")
    if isinstance(content, list):
        content = " ".join(str(part.get("text", f"<{part.get('type')}>")) for part in content)
    return f"Эхо 🦜: {content}"


@dataclass
class ScriptedUpstream:
    """The server; use as a context manager. ``says`` makes the answer's text out of the request."""

    says: Callable[[Mapping[str, Any]], str] = repeat_input
    names: list[str] = field(default_factory=lambda: ["gpt-4o", "gpt-4o-mini"])
    port: int = 0
    late_seconds: float = 0.5
    drip_seconds: float = 1.0
    huge_bytes: int = 100 * 2**20
    pause_seconds: float = 0.0  # between the events of a stream
    always: Fault | None = None
    raw: tuple[str, bytes] | None = None  # content type and body of every answer, whatever is asked
    seen: list[Seen] = field(default_factory=list)
    _next: deque[Fault | None] = field(default_factory=deque)
    _calls: Iterator[int] = field(default_factory=itertools.count)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def cancelled(self) -> int:
        """How many requests the other side gave up."""
        return sum(seen.outcome == "cancelled" for seen in self.seen)

    def next(self, *faults: Fault | None) -> None:
        """The next requests fail like this, in this order; ``None`` answers well."""
        self._next.extend(faults)

    def __enter__(self) -> Self:
        started: threading.Event = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve(started)), daemon=True)
        self._thread.start()
        if not started.wait(10):
            raise TimeoutError("the scripted upstream did not start")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    async def _serve(self, started: threading.Event) -> None:
        self._loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        app = web.Application(client_max_size=2**30)
        app.router.add_route("*", "/{path:.*}", self._take)
        runner = web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", self.port, backlog=1024)
        await site.start()
        assert site._server is not None
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        started.set()
        await self._stop.wait()
        await runner.cleanup()

    async def _take(self, request: web.Request) -> web.StreamResponse:
        body = await request.read()
        headers = {name.lower(): value for name, value in request.headers.items()}
        seen = Seen(request.method, request.path, request.query_string, headers, body, target=request.raw_path)
        self.seen.append(seen)
        try:
            said = json.loads(body) if body and "json" in request.content_type else {}
        except ValueError:
            said = {}
        said = said if isinstance(said, dict) else {}
        fault = self._fault_for(seen, said)
        try:
            answer = await _Play(self, request, said, f"{next(self._calls):06d}").play(fault)
        except (asyncio.CancelledError, ConnectionResetError):
            seen.outcome = "failed as told" if fault in ("reset", "cut") else "cancelled"
            raise
        seen.outcome = "failed as told" if fault in ("reset", "cut") else "answered"
        return answer

    def _fault_for(self, seen: Seen, said: Mapping[str, Any]) -> str | None:
        if told := seen.headers.get("x-script"):
            return told
        if isinstance(model := said.get("model"), str) and model.startswith("script-"):
            return model.removeprefix("script-")
        return self._next.popleft() if self._next else self.always


STREAMS = {
    "/v1/chat/completions": wire.chat_chunks,
    "/v1/completions": wire.completion_chunks,
    "/v1/responses": wire.response_events,
    "/v1/messages": wire.message_events,
}
PLAIN = {
    "/v1/chat/completions": wire.chat_completion,
    "/v1/completions": wire.completion,
    "/v1/responses": wire.response,
    "/v1/messages": wire.message,
}
ERRORS = {
    "429": (wire.error("Rate limit reached", "requests", "rate_limit_exceeded"), {"Retry-After": "7"}),
    "401": (wire.error("Incorrect API key provided", "invalid_request_error", "invalid_api_key"), {}),
    "500": (wire.error("The server had an error", "server_error", None), {}),
}


@dataclass
class _Play:
    """One request being answered."""

    upstream: ScriptedUpstream
    request: web.Request
    said: Mapping[str, Any]
    call: str

    async def play(self, fault: str | None) -> web.StreamResponse:
        if self.upstream.raw is not None:
            kind, said = self.upstream.raw
            return web.Response(body=said, headers={"Content-Type": kind})
        if fault is not None and fault in ERRORS:
            body, headers = ERRORS[fault]
            return self._json(body, int(fault), headers)
        if fault == "hang":
            await asyncio.sleep(3600)
        if fault == "late":
            await asyncio.sleep(self.upstream.late_seconds)
        if fault == "reset":
            return self._reset()
        if fault == "invalid-json":
            return web.Response(body=b'{"id": "chatcmpl-1", "choices": [{', content_type="application/json")
        if fault == "wrong-type":
            return web.Response(text="<html><body>Wartung \u2014 обслуживание</body></html>", content_type="text/html")
        if fault == "huge":
            return await self._send([b'{"filler":"', *_filler(self.upstream.huge_bytes), b'"}'], "application/json")
        events = STREAMS.get(self.request.path)
        if events is not None and self.said.get("stream") and self.request.method == "POST":
            says = self.upstream.says(self.said)
            return await self._stream(list(events(self.said, says, self.call)), fault)
        return await self._plain(wire.compact(self._body()), fault)

    def _body(self) -> Any:
        path, method = self.request.path, self.request.method
        if method == "POST" and path in PLAIN:
            return PLAIN[path](self.said, self.upstream.says(self.said), self.call)
        if path == "/v1/embeddings":
            return wire.embeddings(self.said)
        if path == "/v1/models":
            return wire.models(self.upstream.names)
        seen = self.upstream.seen[-1]
        if path == "/v1/files" and method == "POST":
            return wire.stored_file(len(seen.body), "rows.jsonl")
        digest = hashlib.sha256(seen.body).hexdigest()
        return {
            "object": "echo",
            "method": method,
            "path": path,
            "arguments": len(self.request.query),
            "sha256": digest,
        }

    def _json(self, body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
        known = {"x-request-id": f"req_{self.call}", **(headers or {})}
        return web.Response(body=wire.compact(body), status=status, content_type="application/json", headers=known)

    async def _plain(self, body: bytes, fault: str | None) -> web.StreamResponse:
        if fault == "gzip":
            packed = gzip.compress(body)
            return web.Response(
                body=packed,
                content_type="application/json",
                headers={"Content-Encoding": "gzip", "x-request-id": self.call},
            )
        if fault in ("cut", "hang-midway", "slow"):
            pieces = [bytes([byte]) for byte in body] if fault == "slow" else [body[: len(body) // 2]]
            return await self._send(pieces, "application/json", fault, length=len(body))
        return web.Response(body=body, content_type="application/json", headers={"x-request-id": f"req_{self.call}"})

    async def _stream(self, events: list[bytes], fault: str | None) -> web.StreamResponse:
        pieces: Iterable[bytes] = events
        if fault in ("cut", "hang-midway"):
            pieces = events[: len(events) // 2]
        elif fault == "no-done":
            pieces = [event for event in events if b"[DONE]" not in event]
        elif fault == "error-event":
            told = wire.error("The server had an error", "server_error", None)
            pieces = [*events[: len(events) // 2], b"data: " + wire.compact(told) + b"\n\n"]
        elif fault == "endless":
            pieces = itertools.chain(events[:1], itertools.repeat(events[1]))
        elif fault == "slow":
            pieces = [bytes([byte]) for byte in b"".join(events)]
        elif fault == "ragged":
            whole = b": a comment\r\n\r\n" + b"".join(events).replace(b"\n", b"\r\n")
            pieces = [whole[start : start + 5] for start in range(0, len(whole), 5)]
        return await self._send(pieces, "text/event-stream; charset=utf-8", fault)

    async def _send(
        self, pieces: Iterable[bytes], content_type: str, fault: str | None = None, length: int | None = None
    ) -> web.StreamResponse:
        headers = {"Content-Type": content_type, "x-request-id": f"req_{self.call}"}
        answer = web.StreamResponse(headers=headers)
        answer.content_length = length
        await answer.prepare(self.request)
        pause = {"slow": self.upstream.drip_seconds, "endless": 0.02}.get(fault or "", self.upstream.pause_seconds)
        for piece in pieces:
            await answer.write(piece)
            if pause:
                await asyncio.sleep(pause)
        if fault == "hang-midway":
            await asyncio.sleep(3600)
        if fault == "cut":
            await asyncio.sleep(0.05)  # what was written goes out first
            self._reset()
            return answer
        await answer.write_eof()
        return answer

    def _reset(self) -> web.StreamResponse:
        """A TCP reset: the socket is closed without lingering."""
        transport = self.request.transport
        if transport is not None:
            sock: socket.socket = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            transport.abort()
        return web.Response()


def _filler(size: int) -> Iterator[bytes]:
    piece = b"0123456789abcdef" * 4096
    for _ in range(size // len(piece)):
        yield piece


if __name__ == "__main__":
    with ScriptedUpstream(port=int(sys.argv[1]) if len(sys.argv) > 1 else 0) as served:
        print(served.url, flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            threading.Event().wait()
