"""A scripted upstream on loopback that speaks the providers' wire formats.

In a test: ``with Upstream() as upstream: …``. As a process of its own, for what is killed and measured::

    python -m sizewise.llm.scripted.upstream --delay 0.2 --errors 0.02 --log requests.jsonl

Every request is kept. By default each is answered by ``answer(the last user message)``; ``script`` holds what the next
requests get instead, in order. Its address also serves as a proxy that refuses: what would go elsewhere is noticed.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import random
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from aiohttp import web

from sizewise.llm.scripted import wire
from sizewise.llm.writing import LABEL

Dialect = Literal["openai", "anthropic", "cohere", "gemini"]
STREAMS: dict[Dialect, Callable[..., Iterator[bytes]]] = {
    "openai": wire.openai_stream, "anthropic": wire.anthropic_stream,
    "cohere": wire.cohere_stream, "gemini": wire.gemini_stream,
}  # fmt: skip
PLAIN: dict[Dialect, Callable[..., wire.JSON]] = {
    "openai": wire.openai, "anthropic": wire.anthropic, "cohere": wire.cohere, "gemini": wire.gemini,
}  # fmt: skip
WORDS = {"refund": "refund", "верните": "refund", "parcel": "delivery", "посылка": "delivery"}


@dataclass(frozen=True)
class Step:
    """What one request gets: an answer in other words, a status with its body, a wait, or a connection that breaks.

    ``cut_after`` breaks a stream behind so many of its pieces, any other answer behind so many bytes.
    """

    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    delay: float = 0.0
    text: str | None = None
    ended: str = "stop"
    model: str | None = None
    tokens: tuple[int, int] | None = (120, 6)
    breaks: bool = False
    cut_after: int | None = None


@dataclass(frozen=True)
class Seen:
    """One request as it came."""

    dialect: str
    path: str
    body: Any
    headers: dict[str, str]
    at: float

    @property
    def text(self) -> str:
        return last_text(self.body)


def labelled(text: str) -> str:
    """What the upstream says by default, the same for the same text: a label, or new inputs where it is asked for them."""
    if text.startswith(LABEL):
        label, _, shown = text.removeprefix(LABEL).partition("\n")
        digest = hashlib.blake2b(shown.encode(), digest_size=6).digest()
        word = "".join(chr(ord("a") + byte % 26) for byte in digest)
        words = [f"{label.replace('_', ' ')}, in other words: {word}{last}" for last in "abcde"]
        return json.dumps({"inputs": words})
    return json.dumps({"label": next((label for word, label in WORDS.items() if word in text.casefold()), "account")})


class Upstream:
    """The server, in a thread of its own."""

    def __init__(
        self, answer: Callable[[str], str] = labelled, delay: float = 0.0, errors: float = 0.0, seed: int = 0
    ) -> None:
        self.answer, self.delay, self.errors = answer, delay, errors
        self.script: deque[Step] = deque()
        self.seen: list[Seen] = []
        self.elsewhere: list[str] = []
        self.batches: dict[str, wire.JSON] = {}
        self.files: dict[str, bytes] = {}
        self.polls_until_done = 1
        self.batch_status = "completed"
        self.most_at_once = self._at_once = 0
        self.port = 0
        self._draw = random.Random(seed)
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def app(self) -> web.Application:
        app = web.Application(client_max_size=1 << 28)
        app.router.add_post("/v1/chat/completions", self._chat("openai"))
        app.router.add_post("/v1/messages", self._chat("anthropic"))
        app.router.add_post("/v2/chat", self._chat("cohere"))
        for version in ("v1", "v1beta"):  # the SDK has changed its default
            app.router.add_post(f"/{version}/models/{{rest:.*}}", self._chat("gemini"))
        from sizewise.llm.scripted.batch_api import add_batches

        add_batches(app, self)
        app.router.add_route("*", "/{rest:.*}", self._unknown)
        return app

    def __enter__(self) -> Upstream:
        started = threading.Event()

        def serve() -> None:
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            self._loop = loop
            loop.run_until_complete(self._start())
            started.set()
            loop.run_forever()
            loop.run_until_complete(self._runner.cleanup())
            waiting = asyncio.all_tasks(loop)
            for task in waiting:
                task.cancel()
            loop.run_until_complete(asyncio.gather(*waiting, return_exceptions=True))
            loop.close()

        self._thread = threading.Thread(target=serve, daemon=True)
        self._thread.start()
        assert started.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        assert self._loop is not None
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _start(self, port: int = 0) -> None:
        self._runner = web.AppRunner(self.app(), access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", port)
        await site.start()
        self.port = site._server.sockets[0].getsockname()[1]  # type: ignore[union-attr]

    def _chat(self, dialect: Dialect) -> Callable[[web.Request], Any]:
        async def handle(request: web.Request) -> web.StreamResponse:
            body = await request.json()
            self.seen.append(Seen(dialect, request.path_qs, body, dict(request.headers), time.time()))
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            try:
                return await self._answer(dialect, request, body)
            finally:
                self._at_once -= 1

        return handle

    async def _answer(self, dialect: Dialect, request: web.Request, body: Any) -> web.StreamResponse:
        step = self._next()
        await asyncio.sleep(self.delay + step.delay)
        if step.breaks:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        if step.status != 200 or step.body is not None:
            return web.json_response(step.body, status=step.status, headers=step.headers)
        model = step.model or model_of(dialect, request.path, body)
        text = step.text if step.text is not None else self.answer(last_text(body))
        if not is_stream(dialect, request, body):
            made = PLAIN[dialect](text, model, step.tokens or (0, 0), step.ended)
            if step.tokens is None:
                made.pop("usage", None)
            return web.json_response(made) if step.cut_after is None else await _cut(request, made, step.cut_after)
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        for number, chunk in enumerate(STREAMS[dialect](text, model, step.tokens or (0, 0), step.ended)):
            if number == step.cut_after:
                return await _broken(request, response)
            await response.write(chunk)
        await response.write_eof()
        return response

    def _next(self) -> Step:
        if self.script:
            return self.script.popleft()
        drawn = self._draw.random()
        if drawn < self.errors / 2:
            return Step(429, wire.openai_error(429, "slow down", "rate_limit_exceeded"), {"retry-after": "0.5"})
        return Step(500, wire.openai_error(500, "oh no", kind="server_error")) if drawn < self.errors else Step()

    async def _unknown(self, request: web.Request) -> web.Response:
        self.elsewhere.append(f"{request.method} {request.raw_path}")
        return web.json_response({"error": {"message": "no such path", "type": "x", "code": None}}, status=404)


async def _cut(request: web.Request, made: wire.JSON, size: int) -> web.StreamResponse:
    """An answer that promises more bytes than come."""
    whole = json.dumps(made).encode()
    response = web.StreamResponse(headers={"content-type": "application/json", "content-length": str(len(whole))})
    await response.prepare(request)
    await response.write(whole[:size])
    return await _broken(request, response)


async def _broken(request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
    await asyncio.sleep(0.05)  # so that what was written arrives
    assert request.transport is not None
    request.transport.abort()
    return response


def last_text(body: Any) -> str:
    """The last message, wherever a provider has it."""
    if "contents" in body:
        return "".join(part.get("text", "") for part in body["contents"][-1]["parts"])
    content = body["messages"][-1]["content"]
    return content if isinstance(content, str) else "".join(part.get("text", "") for part in content)


def model_of(dialect: Dialect, path: str, body: Any) -> str:
    """The model that is asked for."""
    return str(path.split("models/")[1].split(":")[0] if dialect == "gemini" else body["model"])


def is_stream(dialect: Dialect, request: web.Request, body: Any) -> bool:
    """Whether the answer is to come in pieces."""
    return "streamGenerateContent" in request.path if dialect == "gemini" else bool(body.get("stream"))


async def _forever(upstream: Upstream, port: int, log: str | None) -> None:
    await upstream._start(port)
    print(upstream.port, flush=True)
    while True:
        await asyncio.sleep(0.2)
        if log:
            with open(log, "a", encoding="utf-8") as file:  # noqa: PTH123
                for seen in upstream.seen:
                    file.write(json.dumps({"text": seen.text, "at": seen.at}) + "\n")
            upstream.seen.clear()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.2)
    parser.add_argument("--errors", type=float, default=0.0)
    parser.add_argument("--log")
    given = parser.parse_args()
    asyncio.run(_forever(Upstream(delay=given.delay, errors=given.errors), given.port, given.log))
