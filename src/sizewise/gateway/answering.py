"""Requests that are a task's: answered by its specialist where it is sure, else by the large model, as its mode says."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from sizewise.core.answer import Answer, Route
from sizewise.core.errors import SizewiseError
from sizewise.core.exchange import Failure
from sizewise.gateway.call import Call, Pairs
from sizewise.gateway.parts import UNRECORDED, Ledger, NotRecorded
from sizewise.gateway.passage import Order, Passage
from sizewise.gateway.reply import Reply
from sizewise.gateway.served_task import Match, ServedTask
from sizewise.gateway.settings import Settings
from sizewise.gateway.shape import Reply as Shaped
from sizewise.gateway.wire.chat import model_named
from sizewise.gateway.wire.errors import Refusal
from sizewise.gateway.wire.reading import answer_text
from sizewise.gateway.wire.stream import assembled

#: seconds that an LLM's answer waits in shadow mode for a specialist that is slower
SHADOW_PATIENCE = 1.0
#: bytes of an LLM's answer up to which it is compared on the loop
_SHORT = 4_096


@dataclass(slots=True)
class Spoken:
    """A specialist beside the large model: what goes into the headers and the record of the large model's answer."""

    match: Match
    headers: Pairs = ()
    answer: Answer | None = None
    pending: asyncio.Future[Answer] | None = None
    shadow: bool = False
    extra: dict[str, Any] = field(default_factory=dict)

    async def known(self, reply: Reply | None) -> Mapping[str, Any]:
        """Fields of the record; in shadow mode also whether both say the same."""
        task = self.match.task
        known = {"task": task.name, "mode": task.mode, "run_id": task.run_id, "input": self.match.input, **self.extra}
        answer = await self._said()
        if answer is None or answer.error is not None:
            return known
        known |= {"small_answer": answer.value, "confidence": answer.confidence}
        if self.shadow and reply is not None and reply.status == 200:
            known["agreed"] = await self._agreed(answer, reply)
        return known

    async def _said(self) -> Answer | None:
        if self.pending is not None:
            await asyncio.wait([self.pending], timeout=SHADOW_PATIENCE)
            if self.pending.done() and not self.pending.cancelled() and self.pending.exception() is None:
                self.answer = self.pending.result()
            self.pending.cancel()
            self.pending = None
        return self.answer

    async def _agreed(self, answer: Answer, reply: Reply) -> bool | None:
        body, streamed = reply.body(), reply.streamed
        if len(body) <= _SHORT:
            return _compared(self.match, answer, body, streamed)
        return await asyncio.to_thread(_compared, self.match, answer, body, streamed)


def _compared(match: Match, answer: Answer, body: bytes, streamed: bool) -> bool | None:
    whole = assembled(body) if streamed else body
    said = answer_text(whole) if whole else None
    return None if said is None else match.task.compare(answer, said)


class Answering:
    """Answers what ``tasks.find`` has found."""

    def __init__(self, passage: Passage, ledger: Ledger, settings: Settings, *, has_upstream: bool) -> None:
        self._passage, self._ledger = passage, ledger
        self._closed = settings.perimeter == "closed" or not has_upstream
        self._stands_in = settings.on_upstream_failure == "specialist"

    async def answer(self, call: Call, match: Match) -> None:
        """Answer ``call``, whose request is ``match``."""
        task = match.task
        if self._is_alone(task):
            await self._alone(call, match)
        elif match.passes is not None or task.mode == "capture":
            await self._large(call, match, Spoken(match, _run(match)))
        elif task.mode == "shadow":
            pending = asyncio.ensure_future(match.answer())
            try:
                await self._large(call, match, Spoken(match, _run(match), pending=pending, shadow=True))
            finally:
                pending.cancel()
        else:
            await self._cascade(call, match)

    def _is_alone(self, task: ServedTask) -> bool:
        """Whether the specialist must answer by itself: then the task is live, whatever its mode says."""
        return self._closed or task.perimeter == "closed"

    async def _cascade(self, call: Call, match: Match) -> None:
        answer = await _asked(match)
        shaped = match.reply(answer) if answer.value is not None and answer.error is None else None
        if answer.route == "small" and isinstance(shaped, Shaped):
            await self._small(call, match, answer, shaped)
            return
        spoken = Spoken(match, _run(match, answer), answer)

        async def stand_in(failure: Failure) -> None:
            assert isinstance(shaped, Shaped)
            await self._small(call, match, answer, shaped, failure)

        spare = stand_in if self._stands_in and isinstance(shaped, Shaped) else None
        await self._large(call, match, spoken, spare)

    async def _alone(self, call: Call, match: Match) -> None:
        """Nothing may leave: the specialist answers, or nobody does."""
        if match.passes is not None:
            await self._abstain(call, match, None, match.passes)
            return
        answer = await _asked(match)
        shaped = match.reply(answer)
        if answer.route == "small" and isinstance(shaped, Shaped):
            await self._small(call, match, answer, shaped)
        else:
            why = shaped if isinstance(shaped, str) else "the specialist is not sure enough of its answer"
            await self._abstain(call, match, answer, why)

    async def _large(self, call: Call, match: Match, spoken: Spoken, spare: Any = None) -> None:
        body = match.upstream_body(call.body)
        if body is None:
            if spare is not None:
                await spare("upstream refused")
            else:
                await self._abstain(call, match, spoken.answer, "the large model of this task is not known")
            return
        model = match.request.model if body is call.body else model_named(body)
        await self._passage.pass_on(call, Order(model, None if body is call.body else body, spoken, spare))

    async def _small(
        self, call: Call, match: Match, answer: Answer, shaped: Shaped, failure: Failure | None = None
    ) -> None:
        """The specialist's answer: recorded, then sent."""
        created = int(time.time())
        body = shaped.completion(call.id, created)
        call.first_byte_ms = call.since()
        streamed = bool(match.request.stream)
        kind = "application/json"
        recorded = await self._entered(
            call, match, answer, "small", 200, failure, response=body, response_type=kind, streamed=streamed,
            finish_reason="stop",
        )  # fmt: skip
        if not recorded:
            return
        headers = [*call.own_headers("small"), *_run(match, answer)]
        if not streamed:
            await call.answer(200, body, kind.encode(), headers)
            return
        *most, last = shaped.stream(call.id, created)
        await call.start(200, [(b"content-type", b"text/event-stream; charset=utf-8"), *headers])
        await call.more(b"".join(most))
        await call.end(last)

    async def _abstain(self, call: Call, match: Match, answer: Answer | None, why: str) -> None:
        refusal = Refusal(422, "abstained", f"No answer within these walls: {why}.")
        if await self._entered(call, match, answer, "abstain", refusal.status, None):
            await call.refuse(refusal, [*call.own_headers("abstain"), *_run(match, answer)])

    async def _entered(
        self, call: Call, match: Match, answer: Answer | None, route: Route, status: int, failure: Failure | None,
        **response: Any,
    ) -> bool:  # fmt: skip
        """Record it; False where it may not leave unrecorded, which has been said."""
        task = match.task
        exchange = call.exchange(
            status=status, route=route, failure=failure, request=call.body, request_type=call.type, task=task.name,
            mode="live" if self._is_alone(task) else task.mode, run_id=task.run_id, input=match.input, latency_ms=call.since(),
            small_answer=answer.value if answer else None, confidence=answer.confidence if answer else None,
            answered_by=f"sizewise/{task.name}" if route == "small" else None,
            idempotency=call.idempotency if route == "small" else None, model=match.request.model, **response,
        )  # fmt: skip
        try:
            await self._ledger.enter(exchange)
        except NotRecorded:
            await call.refuse(UNRECORDED)
            return False
        return True


async def _asked(match: Match) -> Answer:
    """The specialist's answer; where it cannot give one, an answer that says why."""
    try:
        return await match.answer()
    except SizewiseError as error:
        return Answer(value=None, error=str(error))


def _run(match: Match, answer: Answer | None = None) -> Pairs:
    headers = [(b"x-sizewise-run", match.task.run_id.encode())]
    if answer is not None and answer.confidence is not None:
        headers.append((b"x-sizewise-confidence", b"%.4f" % answer.confidence))
    return headers
