"""``GET /v1/models``: upstream's models and our own, and our own alone where upstream is down."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import aiohttp
import msgspec

from sizewise.gateway.call import Call
from sizewise.gateway.upstream import Sent, Upstream, UpstreamFailed, Upstreams
from sizewise.gateway.wire.errors import Refusal

PATH = "/v1/models"
PREFIX = "sizewise/"
#: seconds that a list is waited for, and bytes that are read of it
PATIENCE, MOST = 5.0, 4_000_000
Entry = dict[str, Any]


def entry(name: str) -> Entry:
    """One of our own, in OpenAI's form."""
    return {"id": name, "object": "model", "created": 0, "owned_by": "sizewise"}


async def list_models(call: Call, own: Sequence[str], upstreams: Upstreams, *, closed: bool) -> None:
    """Answer with all models; a refusal of the client's key by every upstream is passed on as it came."""
    asked = [] if closed else await asyncio.gather(*(_asked(call, one, upstreams) for one in upstreams.every()))
    refused = next(((status, body) for status, body in asked if 400 <= status < 500 and status != 429), None)
    lists = [found for status, body in asked if status == 200 and (found := _entries(body)) is not None]
    if refused is not None and not lists and not own:
        await call.answer(refused[0], refused[1], b"application/json", call.own_headers())
        return
    entries: dict[str, Entry] = {}
    for listed in [*lists, [entry(name) for name in own]]:
        for one in listed:
            entries.setdefault(str(one.get("id")), one)
    body = msgspec.json.encode({"object": "list", "data": list(entries.values())})
    await call.answer(200, body, b"application/json", call.own_headers("small" if own and not lists else "large"))


async def show_model(call: Call, own: Sequence[str]) -> None:
    """Answer for one of our own models."""
    name = call.path.removeprefix(PATH + "/")
    if name in own:
        await call.answer(200, msgspec.json.encode(entry(name)), b"application/json", call.own_headers("small"))
    else:
        await call.refuse(Refusal(404, "model_not_found", f"The model {name!r} is not served here.", "model"))


async def _asked(call: Call, upstream: Upstream, upstreams: Upstreams) -> tuple[int, bytes]:
    """Status and body of one upstream's list; status 0 where there is none."""
    try:
        async with asyncio.timeout(PATIENCE):
            sent = Sent("GET", PATH, call.query, call.headers, b"")
            async with await upstreams.open(upstream, sent, encoded=False) as response:
                body = await response.content.read(MOST)
                while not response.content.at_eof() and len(body) < MOST:
                    body += await response.content.read(MOST - len(body))
                return response.status, body
    except (UpstreamFailed, aiohttp.ClientError, TimeoutError, OSError):
        return 0, b""


def _entries(body: bytes) -> list[Entry] | None:
    try:
        listed = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    data = listed.get("data") if isinstance(listed, dict) else None
    return [one for one in data if isinstance(one, dict)] if isinstance(data, list) else None
