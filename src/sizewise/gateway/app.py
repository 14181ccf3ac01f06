"""The gateway as an ASGI application: what comes under ``/v1/`` passes on the shortest way, the rest is routed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sizewise.gateway.body import ClientLeft, read_body
from sizewise.gateway.call import Call, Receive, Scope, Send
from sizewise.gateway.parts import Recording
from sizewise.gateway.passage import Passage
from sizewise.gateway.settings import Settings
from sizewise.gateway.upstream import Upstreams
from sizewise.gateway.wire.chat import model_named
from sizewise.gateway.wire.errors import Refusal

METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Gateway:
    """One worker's server: an ASGI application with what it needs, opened and closed by its lifespan."""

    def __init__(
        self,
        settings: Settings,
        *,
        recorder: Recording,
        upstreams: Upstreams,
        routes: Sequence[BaseRoute] = (),
        refused: Callable[[int, str, float], None] = lambda status, code, seconds: None,  # noqa: ARG005
        faulty: Callable[[str, BaseException], None] = lambda event, error: None,  # noqa: ARG005
    ) -> None:
        self._refused, self._faulty = refused, faulty
        self.settings, self.recorder, self.upstreams = settings, recorder, upstreams
        self.ready = False
        self.running = 0
        self._passage = Passage(upstreams, recorder, settings.limits)
        own = [Route("/healthz", self._healthz), Route("/readyz", self._readyz)]
        self._outer = Starlette(routes=[*own, *routes], lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or not scope["path"].startswith("/v1/"):
            await self._outer(scope, receive, send)
            return
        self.running += 1
        call = Call(scope, receive, send)
        try:
            await self._answer(call)
        except ClientLeft:
            pass  # before its request was whole: there is nothing to answer, and nothing to record
        except Exception as error:
            self._faulty("answering failed", error)
            if not call.started:
                await self._refuse(
                    call, Refusal(500, "internal_error", "This server made a mistake; its log says where.")
                )
        finally:
            self.running -= 1

    async def _answer(self, call: Call) -> None:
        refusal = await read_body(call, self.settings.limits) or self._impossible(call)
        if refusal is not None:
            await self._refuse(call, refusal)
            return
        model = model_named(call.body) if self.upstreams.by_model else None
        await self._passage.pass_on(call, model)

    async def _refuse(self, call: Call, refusal: Refusal) -> None:
        self._refused(refusal.status, refusal.code, call.since() / 1000)
        await call.refuse(refusal)

    def _impossible(self, call: Call) -> Refusal | None:
        if call.method not in METHODS:
            return Refusal(405, "method_not_allowed", f"{call.method} is not passed on.")
        if not self.upstreams:
            return Refusal(404, "no_upstream", "This server has no upstream: it answers for its own models alone.")
        return None

    async def _healthz(self, request: Request) -> Response:  # noqa: ARG002
        return Response(b'{"status":"ok"}', media_type="application/json")

    async def _readyz(self, request: Request) -> Response:  # noqa: ARG002
        ready = self.ready and self.recorder.room()
        return Response(
            msgspec.json.encode({"status": "ready" if ready else "not ready"}),
            200 if ready else 503, media_type="application/json",
        )  # fmt: skip

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        self.recorder.start()
        self.upstreams.start()
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            await self.upstreams.close()
            await self.recorder.close(self.settings.limits.drain_seconds)


def build_app(
    settings: Settings,
    *,
    recorder: Recording,
    upstreams: Upstreams,
    routes: Sequence[BaseRoute] = (),
    refused: Callable[[int, str, float], None] = lambda status, code, seconds: None,  # noqa: ARG005
    faulty: Callable[[str, BaseException], None] = lambda event, error: None,  # noqa: ARG005
) -> Gateway:
    """The application of one worker; ``routes`` are further pages beside the API (metrics, admin).

    ``refused`` is told the status, code and seconds of each request that is turned away without a record, ``faulty`` each
    exception that no part of the gateway has caught.
    """
    return Gateway(settings, recorder=recorder, upstreams=upstreams, routes=routes, refused=refused, faulty=faulty)
