"""The gateway as an ASGI application: what comes under ``/v1/`` goes the shortest way, the rest is routed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress

import msgspec
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sizewise.core.errors import SizewiseError
from sizewise.gateway import listing
from sizewise.gateway.admission import Admission
from sizewise.gateway.alarms import Alarms
from sizewise.gateway.answering import Answering
from sizewise.gateway.body import ClientLeft, read_body
from sizewise.gateway.call import Call, Receive, Scope, Send
from sizewise.gateway.idempotency import Once, digest
from sizewise.gateway.memory import Memory
from sizewise.gateway.parts import Ledger, Recording
from sizewise.gateway.passage import Order, Passage
from sizewise.gateway.recognition import HEADER
from sizewise.gateway.settings import Settings
from sizewise.gateway.tasks import Tasks
from sizewise.gateway.upstream import Upstreams
from sizewise.gateway.wire.chat import chat_request, model_named
from sizewise.gateway.wire.errors import Refusal

CHAT = "/v1/chat/completions"
_TASK_HEADER = HEADER.encode()
#: what anybody may ask, so that whoever watches the server needs no key
_OPEN = frozenset({"/healthz", "/readyz"})
_CLOSED = Refusal(
    403, "perimeter_closed", "Nothing may leave here: only requests that are a served task's are answered."
)
_NO_UPSTREAM = Refusal(404, "no_upstream", "This server has no upstream: it answers for its own models alone.")


class Gateway:
    """One worker's server: an ASGI application with what it needs, opened and closed by its lifespan.

    ``routes`` are further pages beside the API (metrics, administration); they too are behind the gateway's own key.
    ``refused`` is told the status, code and seconds of each request that is turned away without a record, ``faulty`` each
    exception that no part of the gateway has caught.
    """

    def __init__(
        self,
        settings: Settings,
        *,
        recorder: Recording,
        upstreams: Upstreams,
        tasks: Tasks,
        routes: Sequence[BaseRoute] = (),
        refused: Callable[[int, str, float], None] = lambda status, code, seconds: None,  # noqa: ARG005
        faulty: Callable[[str, BaseException], None] = lambda event, error: None,  # noqa: ARG005
    ) -> None:
        self._refused, self._faulty = refused, faulty
        self.settings, self.recorder, self.upstreams, self.tasks = settings, recorder, upstreams, tasks
        self.ready = False
        self.running = 0
        self._memory, self._alarms = Memory(settings.limits.held_bytes), Alarms()
        self.fault: SizewiseError | None = None  # why it could not begin
        ledger = Ledger(recorder, required=settings.on_full == "refuse")
        self._passage = Passage(upstreams, ledger, settings.limits)
        self._answering = Answering(self._passage, ledger, settings, has_upstream=bool(upstreams))
        self._once = Once(recorder, settings.locks)
        self._admission = Admission(settings, recorder, lambda: self.running)
        own = [Route("/healthz", _healthz), Route("/readyz", self._readyz)]
        self._outer = Starlette(routes=[*own, *routes], lifespan=self._lifespan)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in _OPEN:
            await self._outer(scope, receive, send)
            return
        self.running += 1
        call = Call(scope, receive, send, self._memory, self._alarms)
        try:
            if (refusal := self._admission.refusal(call)) is not None:
                await self._refuse(call, refusal)
            elif call.path.startswith("/v1/"):
                await self._take(call)
            else:
                await self._route(call, scope)
        except ClientLeft:
            pass  # before its request was whole: there is nothing to answer, and nothing to record
        except Exception as error:
            self._faulty("answering failed", error)
            if not call.started:
                said = "This server made a mistake; its log says where."
                await self._refuse(call, Refusal(500, "internal_error", said))
        finally:
            call.share.close()
            self.running -= 1

    async def _take(self, call: Call) -> None:
        if (refusal := await read_body(call, self.settings.limits)) is not None:
            await self._refuse(call, refusal)
        elif (key := digest(call)) is not None:
            await self._once.answer(call, key, self._answer)
        else:
            await self._answer(call)

    async def _answer(self, call: Call) -> None:
        if self.tasks and call.path == CHAT and call.method == "POST":
            request = chat_request(call.body)
            named = call.header(_TASK_HEADER)
            headers = {} if named is None else {HEADER: named.decode("latin-1")}
            match = self.tasks.find(headers, request) if request is not None else None
            if match is not None:
                await self._answering.answer(call, match)
                return
        if call.path.startswith(listing.PATH) and await self._listed(call):
            return
        if self._closed():
            await self._refuse(call, _CLOSED)
        elif not self.upstreams:
            await self._refuse(call, _NO_UPSTREAM)
        else:
            model = model_named(call.body) if self.upstreams.by_model and call.upload is None else None
            await self._passage.pass_on(call, Order(model))

    async def _listed(self, call: Call) -> bool:
        """Whether the request was for the list of models, or for one of our own."""
        if call.method != "GET":
            return False
        if call.path == listing.PATH and call.header(b"anthropic-version") is None:
            await listing.list_models(call, self.tasks.models, self.upstreams, closed=self._closed())
            return True
        if call.path.startswith(f"{listing.PATH}/{listing.PREFIX}"):
            await listing.show_model(call, self.tasks.models)
            return True
        return False

    def _closed(self) -> bool:
        """Whether anything at all may leave."""
        return self.settings.perimeter == "closed" or any(task.perimeter == "closed" for task in self.tasks)

    async def _refuse(self, call: Call, refusal: Refusal) -> None:
        self._refused(refusal.status, refusal.code, call.since() / 1000)
        await call.refuse(refusal)

    async def _route(self, call: Call, scope: Scope) -> None:
        """The other pages; what is not there is said in the form that a client of the API reads."""
        if any(route.matches(scope)[0].value for route in self._outer.routes):
            await self._outer(scope, call.receive, call.send)
        else:
            said = f"There is nothing at {call.path[:100]}; the API is under /v1/."
            await self._refuse(call, Refusal(404, "not_found", said))

    async def _readyz(self, _: Request) -> Response:
        ready = self.ready and self.recorder.room()
        body = msgspec.json.encode({"status": "ready" if ready else "not ready"})
        return Response(body, 200 if ready else 503, media_type="application/json")

    @asynccontextmanager
    async def _lifespan(self, _: Starlette) -> AsyncIterator[None]:
        try:
            self.recorder.start()
            self.upstreams.start()
        except SizewiseError as error:
            self.fault = error
            raise
        following = asyncio.create_task(self.tasks.follow())
        self.ready = True
        try:
            yield
        finally:
            self.ready = False
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            await self.upstreams.close()
            await self.recorder.close(self.settings.limits.drain_seconds)
            await asyncio.to_thread(self.tasks.close)


async def _healthz(_: Request) -> Response:
    return Response(b'{"status":"ok"}', media_type="application/json")
