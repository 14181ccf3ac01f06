"""Many clients at once, and what each of them saw."""

from __future__ import annotations

import asyncio
import itertools
import json
from collections.abc import Callable
from dataclasses import dataclass, field

import aiohttp

from .whole_server import KEY, chat


@dataclass
class Sight:
    """What the clients saw: the ids and texts of answers that were whole, and those that were not."""

    whole: dict[str, str] = field(default_factory=dict)
    refused: list[int] = field(default_factory=list)
    broken: list[str] = field(default_factory=list)  # what the client's library said
    unsent: int = 0  # the server took no connection


async def _client(
    session: aiohttp.ClientSession, url: str, texts: Callable[[], str], until: asyncio.Event, saw: Sight, streamed: bool
) -> None:
    while not until.is_set():
        text = texts()
        head = {"authorization": f"Bearer {KEY}"}
        try:
            async with session.post(
                f"{url}/v1/chat/completions", json=chat(text, stream=streamed), headers=head
            ) as answer:
                body = await answer.read()
        except aiohttp.ClientConnectorError:
            saw.unsent += 1
            await asyncio.sleep(0.01)
            continue
        except (aiohttp.ClientError, ConnectionError) as error:
            saw.broken.append(f"{text}: {error!r}")
            continue
        if answer.status != 200:
            saw.refused.append(answer.status)
        elif streamed and not body.endswith(b"data: [DONE]\n\n"):
            saw.broken.append(f"{text}: no end of the stream")
        else:
            saw.whole[answer.headers["x-sizewise-id"]] = text
            said = said_in(body) if streamed else json.loads(body)["choices"][0]["message"]["content"]
            assert said == f"Эхо 🦜: {text}", (said, text)


def said_in(stream: bytes) -> str:
    """The text that a streamed answer adds up to."""
    events = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith(b"data: {")]
    return "".join(event["choices"][0]["delta"].get("content") or "" for event in events if event["choices"])


async def load(
    url: str,
    seconds: float,
    clients: int = 8,
    name: str = "text",
    stop: asyncio.Event | None = None,
    fresh: bool = False,
) -> Sight:
    """``clients`` asking again and again, every second of them for a stream, for ``seconds`` or until ``stop``; ``fresh``: each on a
    connection of its own."""
    until, saw, numbers = stop or asyncio.Event(), Sight(), itertools.count()
    timeout = aiohttp.ClientTimeout(total=60)
    async with aiohttp.ClientSession(
        timeout=timeout, connector=aiohttp.TCPConnector(limit=0, force_close=fresh)
    ) as session:
        asking = [
            asyncio.create_task(_client(session, url, lambda: f"{name} {next(numbers)}", until, saw, bool(client % 2)))
            for client in range(clients)
        ]
        if stop is None:
            await asyncio.sleep(seconds)
            until.set()
        await asyncio.gather(*asking)
    return saw
