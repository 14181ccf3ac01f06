"""The least that passes a request through with Starlette and aiohttp: no recording, no checks, nothing counted.

``python gateway_bare.py PORT UPSTREAM``: what the gateway's pass-through is held against.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse
from starlette.routing import Route

HOP_BY_HOP = {"host", "connection", "keep-alive", "transfer-encoding", "te", "trailer", "upgrade", "content-length"}


def build(upstream: str) -> Starlette:
    @asynccontextmanager
    async def session(app: Starlette) -> AsyncIterator[None]:
        connector = aiohttp.TCPConnector(limit=0)
        async with aiohttp.ClientSession(connector=connector, auto_decompress=False) as app.state.session:
            yield

    async def pass_on(request: Request) -> Response:
        headers = {name: value for name, value in request.headers.items() if name not in HOP_BY_HOP}
        answer = await request.app.state.session.post(
            upstream + request.url.path, data=await request.body(), headers=headers
        )
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in HOP_BY_HOP}
        if answer.content_type != "text/event-stream":
            return Response(await answer.read(), answer.status, kept)
        return StreamingResponse(answer.content.iter_any(), answer.status, kept)

    return Starlette(routes=[Route("/{path:path}", pass_on, methods=["POST"])], lifespan=session)


if __name__ == "__main__":
    uvicorn.run(build(sys.argv[2]), port=int(sys.argv[1]), log_level="error", access_log=False, loop="uvloop")
