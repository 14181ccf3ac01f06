"""The LLM measured, not assumed: asked on the test rows, some of them twice, within a budget."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from sizewise.core.errors import TaskError
from sizewise.core.example import Example, Test
from sizewise.core.task import Task
from sizewise.llm.asker import Asker
from sizewise.llm.budget import Budget
from sizewise.llm.journal import Journal
from sizewise.llm.pace import Limits
from sizewise.llm.price import Price
from sizewise.llm.prompt import Prompt
from sizewise.llm.providers import Endpoint, endpoint, key_of
from sizewise.llm.request import Reply
from sizewise.stages.listener import Listener
from sizewise.stages.llm_terms import price_of

#: test rows that are asked twice: their share that agrees has an interval of at most 11 points
ASKED_TWICE = 300
JOURNAL = "large.journal"


@dataclass(frozen=True, slots=True)
class LargeCalls:
    """What may be asked of which LLM: ``budget`` in US dollars for the whole run, retries included."""

    place: Endpoint
    price: Price
    budget: float
    limits: Limits = field(default_factory=Limits)

    @classmethod
    def of(
        cls, task: Task, budget: float | None, base_url: str | None = None, price: str | None = None,
        limits: Limits | None = None,
    ) -> LargeCalls | None:  # fmt: skip
        """What the options ask for; ``None`` where no budget is given, so that nothing is ever called unasked.

        Raises ``TaskError`` where no model is named or the perimeter is closed, ``ModelReferenceError`` without a key.
        """
        if budget is None:
            return None
        if task.large is None:
            raise TaskError("--budget asks an LLM on the test rows: name it with --large provider:model.")
        place = endpoint(task.large, base_url)
        if task.bar.perimeter == "closed" and not place.is_local:
            raise TaskError(f"the perimeter is closed, so no row may go to {place.host}: leave out --budget.")
        key_of(place.provider)
        return cls(place, price_of(place, price), budget, limits or Limits())


@dataclass(frozen=True, slots=True)
class LargeAnswers:
    """What the LLM said to test rows: each with its answer, time and cost; ``again`` is the second answer, by row.

    ``rows`` are a random sample where the budget did not reach for ``of`` rows.
    """

    model: str
    rows: tuple[Example, ...]
    again: tuple[str | None, ...]
    of: int
    usd: float


@contextmanager
def asking(calls: LargeCalls, work: Path, share: float = 1.0) -> Generator[Asker]:
    """Somebody to ask, with what is left of ``share`` of the budget: what was spent before is in the journal in ``work``.

    A probe asks any prompts of its own: ``asker.ask([prompt.request(text) …], until_refused=True)``.
    """
    journal = Journal(work / JOURNAL)
    try:
        budget = Budget(calls.budget * share, journal.spent)
        with Asker(calls.place, calls.price, budget=budget, journal=journal, limits=calls.limits) as asker:
            yield asker
    finally:
        journal.close()


def ask_large(
    calls: LargeCalls, task: Task, labels: Sequence[str], test: Test, work: Path, listener: Listener, share: float = 1.0
) -> LargeAnswers | None:
    """Ask on test rows in random order, the first of them twice, until the budget does not reach for the next one.

    ``share`` of the budget is for this, the rest for probes. What was answered before an interrupt is in a journal in
    ``work``, and not paid for again. ``None`` where nothing
    could be asked. Raises ``InputError`` or ``LimitReached`` for what concerns every call.
    """
    order = Random(task.seed).sample(test.examples, len(test.examples))
    prompt = Prompt(task.instructions, tuple(labels))
    twice = min(ASKED_TWICE, len(order))
    first = [(row, take) for row in range(twice) for take in (0, 1)]
    asked = [*first, *((row, 0) for row in range(twice, len(order)))]
    requests = [prompt.request(order[row].input, take) for row, take in asked]
    with asking(calls, work, share) as asker:
        replies = asker.ask(
            requests, lambda *_: listener.progress("the large model", 1, len(requests)), until_refused=True
        )
        usd = asker.budget.spent
    by_take = dict(zip(asked, replies, strict=True))
    rows, again = [], []
    for position, example in enumerate(order):
        reply = by_take[position, 0]
        if reply.at is None and not reply.final:
            continue  # not asked, or the provider failed: nothing was learned of the model
        rows.append(_answered(example, reply, prompt))
        other = by_take.get((position, 1))
        again.append(_said(other, prompt) if other is not None and other.at is not None else None)
    listener.found(
        f"{calls.place.name} was asked on {len(rows):,} of {len(order):,} test rows, "
        f"{sum(a is not None for a in again):,} of them twice, for ${usd:,.4f} of ${calls.budget:g}"
    )
    return LargeAnswers(calls.place.name, tuple(rows), tuple(again), len(order), usd) if rows else None


def _answered(example: Example, reply: Reply, prompt: Prompt) -> Example:
    used = reply.usage
    return replace(
        example, answer=_said(reply, prompt), further_answers=(), model=None, latency_ms=reply.latency_ms,
        prompt_tokens=used.prompt_tokens, cached_tokens=used.cached_tokens, completion_tokens=used.completion_tokens,
        cost_usd=used.cost_usd,
    )  # fmt: skip


def _said(reply: Reply, prompt: Prompt) -> str:
    """The label, or what was said instead of one; a refusal or an answer that was cut is an answer that is no label."""
    answer = prompt.read(reply)
    return answer.value if answer.value is not None and reply.error is None else f"({reply.error or 'no answer'})"
