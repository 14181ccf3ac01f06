"""One task as it is served: the run that answers it, in which mode, and what one of its requests is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from sizewise.core.answer import Answer
from sizewise.core.exchange import Mode
from sizewise.core.form import TaskForm
from sizewise.core.model import Model
from sizewise.core.task import Perimeter, ReferenceKind
from sizewise.core.verdict import Decision
from sizewise.gateway.batching import Batcher
from sizewise.gateway.conversation import Asked
from sizewise.gateway.escalation import escalated
from sizewise.gateway.recognition import By, Found
from sizewise.gateway.shadow import Agreement, Counter, agreement
from sizewise.gateway.shape import Reply, reply

SERVABLE: frozenset[Decision] = frozenset({"small", "cascade"})


@dataclass(frozen=True, slots=True)
class ServedRun:
    """A finished run, opened for serving.

    ``read_answer`` gives the label in what an LLM said, by the rules by which the log's answers were read. ``target``
    is the share of traffic that the run promised not to answer otherwise than the LLM, ``None`` where it was held
    against gold; ``large`` is the LLM that the log's answers came from, ``large_cost_usd`` what one of them cost on average.
    """

    folder: Path
    run_id: str
    task: str
    model: Model = field(repr=False)
    labels: tuple[str, ...] = field(repr=False)
    form: TaskForm = field(repr=False)
    decision: Decision
    reference: ReferenceKind
    target: float | None
    delta: float
    perimeter: Perimeter
    large: str | None
    read_answer: Callable[[str], str]
    large_cost_usd: float | None = None


OpenRun = Callable[[Path], ServedRun]


@dataclass(frozen=True, slots=True)
class ServedTask:
    """One task as it is served at this moment. A promotion makes another one; requests under way keep theirs."""

    run: ServedRun
    mode: Mode
    batcher: Batcher
    counter: Counter
    forced: bool = False

    @property
    def name(self) -> str:
        return self.run.task

    @property
    def run_id(self) -> str:
        return self.run.run_id

    @property
    def perimeter(self) -> Perimeter:
        return self.run.perimeter

    async def answer(self, text: str) -> Answer:
        """The specialist's answer, from a worker thread, in one batch with what else waits.

        Raises ``Overloaded`` where too much waits already. An input that failed is an ``Answer`` with ``error``.
        """
        return await self.batcher.answer(text)

    def compare(self, answer: Answer, said: str) -> bool | None:
        """Whether the LLM, who ``said`` this, agrees with the specialist; counted. ``None`` where there is nothing
        to compare. What the LLM said is read as the log's answers were; what is no label agrees with none.
        May be called from any thread; a long answer takes milliseconds, so not on the event loop."""
        if answer.error is not None or answer.value is None:
            return None
        agreed = self.run.read_answer(said) == answer.value
        self.counter.count(agreed=agreed, answered=answer.route == "small")
        return agreed

    @property
    def agreement(self) -> Agreement:
        """What shadow mode has shown of this run so far."""
        return agreement(self.counter.tally, self.run.target, self.run.delta)


class Match(NamedTuple):
    """A request that is a task's. ``passes`` says why no specialist can answer it: it goes to the large model."""

    task: ServedTask
    found: Found
    request: Asked
    passes: str | None

    @property
    def input(self) -> str:
        return self.found.input

    @property
    def by(self) -> By:
        return self.found.by

    async def answer(self) -> Answer:
        """The specialist's answer to the request's input."""
        return await self.task.answer(self.found.input)

    def reply(self, answer: Answer) -> Reply | str:
        """The answer in the shape that the client asked for, or why it does not fit it (then: to the large model)."""
        if answer.value is None:
            return answer.error or "the specialist has no answer"
        return reply(answer.value, self.request, self.found, self.task.run.form)

    def upstream_body(self, body: bytes) -> bytes | None:
        """What to send to the large model in place of ``body``: itself, unless the client named our model.

        ``None`` where nobody knows what to ask it: then the answer is an abstention.
        """
        return escalated(body, self.found, self.task.run.form, self.task.run.large)
