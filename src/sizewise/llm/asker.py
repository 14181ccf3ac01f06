"""Ask one LLM many things: at once, at a pace, within a budget, each answer written down before it is handed on."""

from __future__ import annotations

import asyncio
import concurrent.futures
import math
import threading
from collections.abc import Callable, Coroutine, Iterator, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from sizewise.core.errors import LimitReached, ModelReferenceError, SizewiseError
from sizewise.llm.budget import Budget
from sizewise.llm.client import Client, RemoteClient
from sizewise.llm.failures import Failure, ending
from sizewise.llm.journal import Journal
from sizewise.llm.pace import Limits, Pace, backoff
from sizewise.llm.price import FREE, Price
from sizewise.llm.providers import Endpoint
from sizewise.llm.request import Reply, Request

#: calls that are reserved and wait for a slot, so that no slot waits for the disk: at least so many, or a share of the slots
AHEAD, AHEAD_SHARE = 8, 0.25
#: that many failures in a row, and none that came through, are one failure of all
MOST_FAILURES_IN_A_ROW = 25
#: prompts whose tokens are remembered
MOST_PROMPTS = 1_000
PATIENCE = 0.5  # seconds that an interrupt gives the calls to end
NOT_ASKED = "not asked: the budget is spent"
Result = TypeVar("Result")

Told = Callable[[int, Reply], None]


class Asker:
    """One LLM, ready to be asked. Safe from several threads: they share the slots, the budget and the journal.

    ``ask`` gives one reply a request, in order. What the journal knows is not asked again; equal requests are asked
    once. Where the budget does not reach, the reply's error is ``NOT_ASKED``. What concerns every request (a wrong key,
    no network, a full disk) is raised: ``InputError`` or ``LimitReached``.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        price: Price = FREE,
        *,
        budget: Budget | None = None,
        journal: Journal | None = None,
        limits: Limits | None = None,
        client: Client | None = None,
        same_model: bool = True,
    ) -> None:
        self.endpoint = endpoint
        self.price = price
        self.journal = journal
        self.budget = budget or Budget(math.inf, journal.spent if journal else 0.0)
        self.limits = limits or Limits()
        self._client: Client = client or RemoteClient(endpoint)
        self._same_model = same_model and endpoint.provider.echoes
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._ahead: asyncio.Semaphore | None = None
        self._queue: asyncio.Lock | None = None
        self._lock = threading.Lock()
        self._pace: Pace | None = None
        self._failures_in_a_row = 0
        self._came_through = 0
        self._in_flight: dict[str, asyncio.Future[Reply]] = {}
        self._counted: dict[object, int] = {}

    @property
    def name(self) -> str:
        return self.endpoint.name

    @property
    def client(self) -> Client:
        return self._client

    def __enter__(self) -> Asker:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def most(self, request: Request, *, batch: bool = False) -> float:
        """What ``request`` can cost at most, by what its prompt was counted as so far."""
        return self.price.most(request, counted=self._counted.get(request.shared), batch=batch)

    def key(self, request: Request) -> str:
        """By what an answer to ``request`` is found again."""
        elsewhere = self.endpoint.base_url != self.endpoint.provider.base_url
        return request.key(self.name, self.endpoint.base_url if elsewhere else "")

    def ask(self, requests: Sequence[Request], told: Told | None = None, *, until_refused: bool = False) -> list[Reply]:
        """One reply a request, in the same order; ``told`` hears of each as it comes, with its position.

        With ``until_refused`` nothing that comes after the first request for which the budget does not reach has a
        reply: else a sample would hold more of what is cheap.
        """
        return self.run(self._ask_all(requests, told, until_refused)) if requests else []

    def stream(self, request: Request) -> Iterator[str | Reply]:
        """Pieces of one answer as they come, then the reply. Its cost is settled when it ends, however it ends."""
        most = self.most(request)
        if not self.budget.reserve(most):
            yield Reply(error=NOT_ASKED, final=False)
            return
        pieces = self._client.stream(request, self.limits.timeout)
        spent = most
        try:
            while True:
                item = self.run(_next(pieces))
                if item is None:
                    return
                if isinstance(item, Reply):
                    item, spent = self._priced(item, most)
                yield item
        except Failure as failure:
            spent = most if failure.doubtful else 0.0
            raise self.ended_by(failure) from None
        finally:
            self.budget.settle(most, spent)

    def close(self) -> None:
        """End the connections and the thread that held them. The journal is closed by who opened it."""
        with self._lock:
            loop, self._loop = self._loop, None
        if loop is None:
            return
        closing = asyncio.run_coroutine_threadsafe(self._client.close(), loop)
        try:
            closing.result(timeout=PATIENCE)
        except (TimeoutError, concurrent.futures.CancelledError):
            pass  # a connection is cut instead: answers are handed on by now, and what is spent was reserved before
        finally:
            loop.call_soon_threadsafe(loop.stop)
            if self._thread is not None:
                self._thread.join(2 * PATIENCE)

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Do ``work`` in the asker's own loop, and wait for it; an interrupt cancels it and goes on at once."""
        future = asyncio.run_coroutine_threadsafe(work, self._running())
        try:
            return future.result()
        except BaseException:
            if not future.done():
                future.cancel()
                concurrent.futures.wait([future], timeout=PATIENCE)
            raise

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._client.prepare()  # here, where an interrupt is heard: the imports take seconds
                self._loop = _new_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="sizewise-llm", daemon=True)
                self._thread.start()
            return self._loop

    async def _ask_all(self, requests: Sequence[Request], told: Told | None, until_refused: bool) -> list[Reply]:
        replies: list[Reply | None] = [None] * len(requests)
        refused = len(requests)
        waiting = iter(range(len(requests)))

        async def worker() -> None:
            nonlocal refused
            for position in waiting:
                if until_refused and position > refused:
                    return
                reply = await self._ask_once(requests[position])
                replies[position] = reply
                if reply.error == NOT_ASKED:
                    refused = min(refused, position)
                if told is not None:
                    told(position, reply)

        count = min(len(requests), self.limits.concurrency + self._reserved_at_once)  # some of them wait out a failure
        workers = [asyncio.ensure_future(worker()) for _ in range(count)]
        try:
            await asyncio.gather(*workers)
        except BaseException:
            for one in workers:
                one.cancel()
            await asyncio.gather(*workers, return_exceptions=True)
            raise
        reached = refused if until_refused else len(requests)
        lost = Reply(error=NOT_ASKED, final=False)
        return [reply if reply is not None and i < reached else lost for i, reply in enumerate(replies)]

    async def _ask_once(self, request: Request) -> Reply:
        """The known answer, that of an equal request on its way, or a new one."""
        key = self.key(request)
        if self.journal is not None and (known := self.journal.replies.get(key)) is not None:
            return known
        if (there := self._in_flight.get(key)) is not None:
            return await asyncio.shield(there)
        mine: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._in_flight[key] = mine
        try:
            reply = await self._ask_anew(key, request)
            mine.set_result(reply)
            return reply
        except BaseException as error:
            mine.set_exception(error if isinstance(error, Exception) else LimitReached("interrupted"))
            mine.exception()  # somebody has looked at it
            raise
        finally:
            self._in_flight.pop(key, None)

    async def _ask_anew(self, key: str, request: Request) -> Reply:
        failed = waited = 0
        while True:
            try:
                async with self._places():
                    most = await self._reserved(request)
                    if most is None:
                        return Reply(error=NOT_ASKED, final=False)
                    return await self._attempt(key, request, most)
            except Failure as failure:
                again = failure.kind == "rate"
                waited, failed = waited + again, failed + (not again)
                wait = self._wait(failure, waited if again else failed)
                if wait is None or waited > self.limits.waits or failed >= self.limits.attempts:
                    return self._given_up(failure)
            await asyncio.sleep(wait)

    async def _reserved(self, request: Request) -> float | None:
        """Put aside what the request can cost at most; where calls on their way hold the rest, wait for them in turn."""
        if self._queue is None:
            self._queue = asyncio.Lock()
        async with self._queue:
            while not self.budget.reserve(dollars := self.most(request)):
                if self.budget.reserved <= 0 or dollars > self.budget.limit - self.budget.spent:
                    return None
                await asyncio.sleep(0.01)
        return dollars

    async def _attempt(self, key: str, request: Request, most: float) -> Reply:
        """Send once. The money is reserved on disk before, and settled after, also where the call fails."""
        attempt, spent, kept = None, 0.0, None
        try:
            attempt = await self.journal.reserve(most) if self.journal is not None else 0
            async with self._turns().turn():
                spent = most  # until the provider says otherwise: who is killed or cut off here has sent it
                async with asyncio.timeout(self.limits.timeout + 5):
                    reply = await self._client.ask(request, self.limits.timeout)
            kept, spent = self._priced(reply, most)
            self._count(request, reply)
            if self._is_another(kept):
                kept = replace(kept, final=False)
                raise self._another(kept)
            self._heard()
            return kept
        except TimeoutError:
            raise Failure("timeout", "", doubtful=True) from None
        except Failure as failure:
            spent = most if failure.doubtful else 0.0
            raise
        finally:
            self.budget.settle(most, spent)
            if self.journal is not None and attempt is not None:
                final = kept if kept is not None and kept.final else None
                self.journal.settle(attempt, spent, key if final else None, final)

    def _places(self) -> asyncio.Semaphore:
        """Calls on their way, and the few that are reserved ahead of their turn."""
        if self._ahead is None:
            self._ahead = asyncio.Semaphore(self._reserved_at_once)
        return self._ahead

    @property
    def _reserved_at_once(self) -> int:
        return self.limits.concurrency + max(AHEAD, int(AHEAD_SHARE * self.limits.concurrency))

    def _turns(self) -> Pace:
        if self._pace is None:
            self._pace = Pace(self.limits)
        return self._pace

    def _priced(self, reply: Reply, most: float) -> tuple[Reply, float]:
        """The reply with its cost; where no usage was told, the most that it can have cost."""
        used = reply.usage
        if (used.prompt_tokens or 0) <= 0 or used.completion_tokens is None or used.completion_tokens < 0:
            cost = most
        else:
            cost = self.price.of(used.prompt_tokens or 0, used.cached_tokens or 0, used.completion_tokens)
        return replace(reply, usage=replace(used, cost_usd=cost)), cost

    def _count(self, request: Request, reply: Reply) -> None:
        if (counted := reply.usage.prompt_tokens) and len(self._counted) < MOST_PROMPTS:
            self._counted[request.shared] = min(counted, self._counted.get(request.shared, counted))

    def _heard(self) -> None:
        self._failures_in_a_row = 0
        self._came_through += 1
        self._turns().answered()

    def _is_another(self, reply: Reply) -> bool:
        return bool(self._same_model and reply.model and not is_same_model(self.endpoint.model, reply.model))

    def _another(self, reply: Reply) -> SizewiseError:
        return ModelReferenceError(
            f"{self.endpoint.host} was asked for {self.endpoint.model!r}, and {reply.model!r} answered. One log is about "
            f"one model: name that one ({self.endpoint.provider.name}:{reply.model}), or ask another provider."
        )

    def _wait(self, failure: Failure, times: int) -> float | None:
        """Seconds until the next attempt; ``None`` where there is none. Raises what ends the work."""
        if failure.kind in ("key", "model", "quota"):
            raise self.ended_by(failure) from None
        if failure.kind not in ("rate", "network", "server", "timeout"):
            return None
        wait = backoff(times)
        if failure.retry_after is not None:
            if failure.retry_after > self.limits.longest_wait:
                raise LimitReached(
                    f"{self.endpoint.host} asks to wait {failure.retry_after / 60:,.0f} minutes. What was answered is "
                    "kept: run the same command again then."
                ) from None
            wait = failure.retry_after + wait * 0.1
        if failure.kind == "rate":
            self._turns().refused(wait)
        return wait

    def _given_up(self, failure: Failure) -> Reply:
        """A marked row, or the end where nothing comes through any more."""
        if failure.kind in ("rate", "network"):
            raise self.ended_by(failure) from None
        self._failures_in_a_row += failure.kind in ("server", "timeout", "request")
        if self._failures_in_a_row >= (MOST_FAILURES_IN_A_ROW if self._came_through else 3 + self.limits.concurrency):
            raise self.ended_by(failure) from None
        return Reply(error=str(failure), final=failure.kind in ("refused", "too_long"))

    def ended_by(self, failure: Failure) -> SizewiseError:
        """The error to raise where ``failure`` ends the work."""
        provider = self.endpoint.provider
        return ending(failure, self.name, self.endpoint.host, " or ".join(provider.keys))


def is_same_model(asked: str, answered: str) -> bool:
    """Whether a name that an answer carries is the one asked for, or a dated version of it.

    >>> is_same_model("gpt-4o", "gpt-4o-2024-08-06"), is_same_model("gpt-4o", "gpt-4o-mini")
    (True, False)
    """
    one, other = (name.rsplit("/", 1)[-1].casefold().removesuffix("-latest") for name in (asked, answered))
    if one == other:
        return True
    shorter, longer = sorted((one, other), key=len)
    rest = longer.removeprefix(shorter)
    return rest != longer and rest[:1] in "-@:." and all(c.isdigit() or c in "-@:.v" for c in rest)


async def _next(pieces: Any) -> str | Reply | None:
    return await anext(pieces, None)


def _new_loop() -> asyncio.AbstractEventLoop:
    """A lighter loop where there is one."""
    try:
        import uvloop
    except ImportError:
        return asyncio.new_event_loop()
    return uvloop.new_event_loop()


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    try:
        loop.run_forever()
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left, timeout=PATIENCE))
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()
