"""The providers' batch APIs: cheaper, done within a day, and resumable, because the batch's name is written down first.

OpenAI: a file of requests is uploaded and a batch made of it (openai.types.Batch). Anthropic: a batch holds its
requests itself (anthropic.types.messages.MessageBatch). Both by the provider's own SDK: any-llm's batch call for
Anthropic leaves out the schema, and neither hands on what failed.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import json
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from typing import Any, Protocol

from sizewise.core.answer import Usage
from sizewise.core.errors import LimitReached, TaskError
from sizewise.llm.asker import NOT_ASKED, Asker
from sizewise.llm.client import RemoteClient, made_of
from sizewise.llm.failures import TRIED_AGAIN, Failure
from sizewise.llm.journal import Journal
from sizewise.llm.request import Reply, Request

MOST_REQUESTS, MOST_BYTES = 50_000, 90_000_000
FIRST_POLL, LONGEST_POLL = 0.5, 60.0  # seconds
ROUNDS, MOST_FAILURES = 3, 10
#: what a message of Anthropic's ended with → OpenAI's word
ENDED = {"max_tokens": "length", "model_context_window_exceeded": "length", "refusal": "content_filter"}


class BatchApi(Protocol):
    """One provider's way to take many requests at once."""

    async def submit(self, requests: Mapping[str, Request]) -> str:
        """Hand in the requests by key, and give the batch's name."""
        ...

    async def done(self, name: str) -> bool:
        """Whether the provider has finished with the batch, well or not."""
        ...

    def replies(self, name: str) -> AsyncIterator[tuple[str, Reply]]:
        """What came back, in any order, by key; a request may be missing."""
        ...


def batched(asker: Asker, requests: Sequence[Request], told: Callable[[int], None]) -> list[Reply]:
    """One reply a request, by batches: those under way are waited for, the rest is handed in as the budget allows.

    Raises ``TaskError`` where the provider has no batch API that is spoken here, ``LimitReached`` where it fails.
    """
    if not asker.endpoint.provider.batches or asker.journal is None:
        raise TaskError(f"--batch works with openai: and anthropic: models; {asker.name} is asked without it.")
    client = asker.client
    assert isinstance(client, RemoteClient)
    api: BatchApi = (
        OpenAIBatches(asker, client) if asker.endpoint.provider.client == "openai" else AnthropicBatches(asker, client)
    )
    try:
        return asker.run(_all(asker, api, requests, told))
    except Failure as failure:
        raise asker.ended_by(failure) from None


async def _all(asker: Asker, api: BatchApi, requests: Sequence[Request], told: Callable[[int], None]) -> list[Reply]:
    journal = asker.journal
    assert journal is not None
    keys = [asker.key(request) for request in requests]
    by_key = dict(zip(keys, requests, strict=True))
    told(sum(key in journal.replies for key in keys))
    failed: dict[str, Reply] = {}
    for name, entry in list(journal.batches.items()):
        if not entry.get("done"):
            asker.budget.settle(0.0, -entry["usd"])  # counted as spent when the journal was read
            asker.budget.reserve(entry["usd"])
            failed |= await _collect(asker, api, journal, name, entry, told)
    for _ in range(ROUNDS):
        left = {key: request for key, request in by_key.items() if key not in journal.replies}
        while left:
            chunk = _chunk(asker, left)
            if not chunk:
                break
            left = {key: request for key, request in left.items() if key not in chunk}
            name, entry = await _submit(asker, api, journal, chunk)
            failed |= await _collect(asker, api, journal, name, entry, told)
        if all(key in journal.replies for key in by_key) or left:
            break
    lost = Reply(error=NOT_ASKED, final=False)
    return [journal.replies.get(key) or failed.get(key) or lost for key in keys]


def _chunk(asker: Asker, left: Mapping[str, Request]) -> dict[str, Request]:
    """As many of the requests as one batch takes and the budget holds at the most that they can cost."""
    chunk: dict[str, Request] = {}
    dollars, size = 0.0, 0
    for key, request in left.items():
        dollars += asker.most(request, batch=True)
        size += request.most_prompt_tokens + 500
        if len(chunk) >= MOST_REQUESTS or size > MOST_BYTES or dollars > asker.budget.left:
            break
        chunk[key] = request
    return chunk


async def _submit(
    asker: Asker, api: BatchApi, journal: Journal, chunk: dict[str, Request]
) -> tuple[str, dict[str, Any]]:
    """Reserve, hand in, write down the name, in that order: a crash in between leaves the money reserved."""
    most = sum(asker.most(request, batch=True) for request in chunk.values())
    if not asker.budget.reserve(most):
        raise LimitReached(NOT_ASKED)
    attempt = await journal.reserve(most)
    try:
        name = await api.submit(chunk)
    except Failure as failure:
        spent = most if failure.doubtful else 0.0
        asker.budget.settle(most, spent)
        journal.settle(attempt, spent)
        raise
    entry = {"b": name, "attempt": attempt, "usd": most, "keys": list(chunk), "done": False}
    journal.batch(entry)
    return name, entry


async def _collect(
    asker: Asker, api: BatchApi, journal: Journal, name: str, entry: dict[str, Any], told: Callable[[int], None]
) -> dict[str, Reply]:
    """Wait for the batch, keep its answers, and settle it as a whole; gives the replies that are not final."""
    try:
        await _finished(api, name)
    except LimitReached:
        _close(asker, journal, entry, 0.0)  # it was never worked on
        raise
    except Failure as failure:
        if failure.kind != "model":
            raise
        _close(asker, journal, entry, entry["usd"])  # the provider has forgotten it; it may have been paid for
        return {key: Reply(error="the provider no longer knows the batch", final=False) for key in entry["keys"]}
    cost, failed, wanted = 0.0, {}, set(entry["keys"])
    async for key, reply in api.replies(name):
        if key not in wanted:
            continue
        wanted.discard(key)
        spent = _cost(asker, reply, entry["usd"] / len(entry["keys"]))
        kept = Reply(reply.text, reply.error, reply.finish, reply.model, Usage(
            reply.usage.prompt_tokens, reply.usage.cached_tokens, reply.usage.completion_tokens, spent,
        ), None, reply.at, reply.final)  # fmt: skip
        cost += spent
        told(1)
        if kept.final:
            journal.settle(
                0, 0.0, key, kept
            )  # the batch is settled as a whole, below: a second reading changes nothing
        else:
            failed[key] = kept
    for key in wanted:
        failed[key] = Reply(error="the batch ended without it", final=False)
    _close(asker, journal, entry, cost)
    return failed


async def _finished(api: BatchApi, name: str) -> None:
    """Wait until the batch is done; a look that fails is repeated a while."""
    poll, failures = FIRST_POLL, 0
    while True:
        try:
            if await api.done(name):
                return
            failures = 0
        except Failure as failure:
            failures += 1
            if failure.kind not in TRIED_AGAIN or failures > MOST_FAILURES:
                raise
        await asyncio.sleep(poll)
        poll = min(LONGEST_POLL, poll * 1.5)


def _close(asker: Asker, journal: Journal, entry: Mapping[str, Any], dollars: float) -> None:
    """The batch is over, and cost so much."""
    journal.settle(entry["attempt"], dollars)
    journal.batch({**entry, "keys": [], "done": True})
    asker.budget.settle(entry["usd"], dollars)


def _cost(asker: Asker, reply: Reply, most: float) -> float:
    """What the reply cost; ``most`` where it was given and not counted, nothing where it failed."""
    used = reply.usage
    if (used.prompt_tokens or 0) <= 0 or used.completion_tokens is None or used.completion_tokens < 0:
        return most if reply.text is not None else 0.0
    return asker.price.of(used.prompt_tokens or 0, used.cached_tokens or 0, used.completion_tokens, batch=True)


class OpenAIBatches:
    """https://developers.openai.com/api/docs/guides/batch."""

    def __init__(self, asker: Asker, client: RemoteClient) -> None:
        self._model, self._client = asker.endpoint.model, client

    async def submit(self, requests: Mapping[str, Request]) -> str:
        lines = [
            json.dumps({"custom_id": key, "method": "POST", "url": "/v1/chat/completions", "body": self._body(request)})
            for key, request in requests.items()
        ]
        content = "\n".join(lines).encode()
        async with self._client.boundary():
            file = await self._client.sdk.files.create(file=("sizewise.jsonl", content), purpose="batch")
            made = await self._client.sdk.batches.create(
                input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h"
            )
        return str(made.id)

    def _body(self, request: Request) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self._model,
            "messages": request.chat,
            "max_completion_tokens": request.max_tokens,
        }
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.response_format is not None:
            body["response_format"] = request.response_format
        return body

    async def done(self, name: str) -> bool:
        async with self._client.boundary():
            batch = await self._client.sdk.batches.retrieve(name)
        if batch.status == "failed":
            said = (
                "; ".join(str(e.message) for e in (batch.errors.data or [])[:3]) if batch.errors else "no reason given"
            )
            raise LimitReached(f"the provider could not take the batch {name}: {said}")
        return batch.status in ("completed", "expired", "cancelled")

    async def replies(self, name: str) -> AsyncIterator[tuple[str, Reply]]:
        async with self._client.boundary():
            batch = await self._client.sdk.batches.retrieve(name)
            texts = [
                (await self._client.sdk.files.content(file)).text
                for file in (batch.output_file_id, batch.error_file_id)
                if file
            ]
        for line in "\n".join(texts).splitlines():
            if line.strip():
                entry = json.loads(line)
                yield entry["custom_id"], self._reply(entry)

    @staticmethod
    def _reply(entry: Mapping[str, Any]) -> Reply:
        response = entry.get("response") or {}
        body = response.get("body") or {}
        if response.get("status_code") != 200:
            error = entry.get("error") or body.get("error") or {}
            final = response.get("status_code") in (400, 413, 422)
            return Reply(error=f"the provider failed: {error.get('message', 'no reason given')}"[:300], final=final)
        choice = body["choices"][0]
        message, used = choice["message"], body.get("usage") or {}
        cached = (used.get("prompt_tokens_details") or {}).get("cached_tokens")
        usage = Usage(used.get("prompt_tokens"), cached, used.get("completion_tokens"))
        return _now(
            made_of(
                message.get("content"),
                choice.get("finish_reason"),
                body.get("model"),
                usage,
                0.0,
                message.get("refusal"),
            )
        )


class AnthropicBatches:
    """https://platform.claude.com/docs/en/build-with-claude/batch-processing."""

    def __init__(self, asker: Asker, client: RemoteClient) -> None:
        self._model, self._client = asker.endpoint.model, client

    async def submit(self, requests: Mapping[str, Request]) -> str:
        told = [{"custom_id": key, "params": self._body(request)} for key, request in requests.items()]
        async with self._client.boundary():
            return str((await self._client.sdk.messages.batches.create(requests=told)).id)

    def _body(self, request: Request) -> dict[str, Any]:
        system = "\n\n".join(m["content"] for m in request.chat if m["role"] == "system")
        body: dict[str, Any] = {
            "model": self._model, "max_tokens": request.max_tokens,
            "messages": [m for m in request.chat if m["role"] != "system"],
        }  # fmt: skip
        if system:
            body["system"] = system
        if request.temperature is not None:
            body["temperature"] = request.temperature
        if request.schema is not None:
            body["output_config"] = {"format": {"type": "json_schema", "schema": json.loads(request.schema)}}
        return body

    async def done(self, name: str) -> bool:
        async with self._client.boundary():
            return bool((await self._client.sdk.messages.batches.retrieve(name)).processing_status == "ended")

    async def replies(self, name: str) -> AsyncIterator[tuple[str, Reply]]:
        async with self._client.boundary():
            async for entry in await self._client.sdk.messages.batches.results(name):
                yield entry.custom_id, self._reply(entry.result)

    @staticmethod
    def _reply(result: Any) -> Reply:
        if result.type != "succeeded":
            error = getattr(getattr(result, "error", None), "error", None)
            said = getattr(error, "message", result.type)
            return Reply(
                error=f"the provider failed: {said}"[:300], final=getattr(error, "type", "") == "invalid_request_error"
            )
        message = result.message
        text = "".join(block.text for block in message.content if block.type == "text")
        used = message.usage
        read, made = used.cache_read_input_tokens or 0, used.cache_creation_input_tokens or 0
        usage = Usage(used.input_tokens + read + made, read, used.output_tokens)
        finish = ENDED.get(message.stop_reason or "", "stop")
        return _now(made_of(text, finish, message.model, usage, 0.0, None))


def _now(reply: Reply) -> Reply:
    """A batch does not tell how long an answer took."""
    return Reply(
        reply.text,
        reply.error,
        reply.finish,
        reply.model,
        reply.usage,
        None,
        dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
    )
