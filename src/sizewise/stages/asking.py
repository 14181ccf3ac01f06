"""One door to any model by hand: one behind an API (``openai:gpt-4o``) or on this machine (``file:``, ``hf:``, ``pypi:``)."""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from sizewise.core.answer import Usage
from sizewise.core.errors import TaskError
from sizewise.core.model import Model
from sizewise.core.plugins import model_of
from sizewise.llm.asker import Asker
from sizewise.llm.pace import Limits
from sizewise.llm.price import FREE, Price
from sizewise.llm.providers import Endpoint, endpoint, is_remote
from sizewise.llm.request import Reply, Request
from sizewise.slm.completion import Completion
from sizewise.slm.engine import Engine
from sizewise.slm.prompt_format import Message
from sizewise.stages.llm_terms import price_of


@dataclass(frozen=True, slots=True)
class Question:
    """What is asked by hand; ``temperature`` ``None`` leaves it to the model."""

    prompt: str
    system: str | None = None
    max_tokens: int = 512
    temperature: float | None = None


class Voice(Protocol):
    """A model that can be heard while it speaks."""

    @property
    def name(self) -> str: ...

    def ask(self, question: Question) -> Iterator[str | Reply]:
        """Pieces of the answer as they come; the last item is the whole of it, with tokens, cost and time."""
        ...


@contextmanager
def opened(
    reference: str, base_url: str | None = None, price: str | None = None, timeout: float = 120.0
) -> Generator[Voice]:
    """The model that ``reference`` names, its memory and its connections freed in the end.

    Raises ``ModelReferenceError`` where it names none or its extra is missing, ``LimitReached`` where memory lacks.
    """
    if is_remote(reference):
        place = endpoint(reference, base_url)
        known = _price(place, price)
        with Asker(place, known or FREE, limits=Limits(timeout=timeout), same_model=False) as asker:
            asker.client.prepare()
            yield RemoteVoice(asker, known is not None)
        return
    if (plugged := model_of(reference)) is not None:
        try:
            yield PluggedVoice(plugged)
        finally:
            if close := getattr(plugged, "close", None):
                close()
        return
    if base_url is not None or price is not None:
        raise TaskError(f"{reference} is a model on this machine: leave out --base-url and --price.")
    with Engine.open(reference) as engine:
        yield LocalVoice(engine)


def _price(place: Endpoint, given: str | None) -> Price | None:
    """The price, where it is known: one call by hand needs no budget."""
    try:
        return price_of(place, given)
    except TaskError:
        if given is not None:
            raise
        return None


@dataclass(frozen=True)
class RemoteVoice:
    """An LLM behind an API."""

    asker: Asker
    priced: bool

    @property
    def name(self) -> str:
        return self.asker.name

    def ask(self, question: Question) -> Iterator[str | Reply]:
        """As ``Voice``; the cost is ``None`` where the price is not known."""
        system = (("system", question.system),) if question.system else ()
        request = Request((*system, ("user", question.prompt)), question.max_tokens, None, question.temperature)
        for item in self.asker.stream(request):
            yield item if isinstance(item, str) or self.priced else _unpriced(item)


def _unpriced(reply: Reply) -> Reply:
    used = reply.usage
    usage = Usage(used.prompt_tokens, used.cached_tokens, used.completion_tokens)
    return Reply(reply.text, reply.error, reply.finish, reply.model, usage, reply.latency_ms, reply.at, reply.final)


@dataclass(frozen=True)
class PluggedVoice:
    """A plug-in's model: it answers at once or not at all."""

    model: Model

    @property
    def name(self) -> str:
        return self.model.name

    def ask(self, question: Question) -> Iterator[str | Reply]:
        """As ``Voice``; instructions go before the prompt."""
        started = time.perf_counter()
        (said,) = self.model.answer([f"{question.system}\n\n{question.prompt}" if question.system else question.prompt])
        if said.value:
            yield said.value
        took = (time.perf_counter() - started) * 1_000
        yield Reply(said.value, said.error, "stop", self.model.name, said.usage or Usage(), took)


@dataclass(frozen=True)
class LocalVoice:
    """An SLM on this machine."""

    engine: Engine

    @property
    def name(self) -> str:
        return self.engine.name

    def ask(self, question: Question) -> Iterator[str | Reply]:
        """As ``Voice``; nothing is paid."""
        messages = [Message("system", question.system)] if question.system else []
        messages.append(Message("user", question.prompt))
        started = time.perf_counter()
        temperature = 0.0 if question.temperature is None else question.temperature
        for item in self.engine.stream(messages, question.max_tokens, temperature=temperature):
            yield item if isinstance(item, str) else self._reply(item, (time.perf_counter() - started) * 1_000)

    def _reply(self, said: Completion, latency_ms: float) -> Reply:
        error = "the answer was cut at the token limit" if said.finish == "length" else None
        return Reply(said.text, error, said.finish, self.engine.name, said.usage, latency_ms)
