"""The one door to the providers' SDKs: a request goes in, a reply or a ``Failure`` comes out."""

from __future__ import annotations

import datetime as dt
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Any, Protocol

from sizewise.core.answer import Usage
from sizewise.core.errors import InputError
from sizewise.llm.compatible import CompatibleSdk
from sizewise.llm.failures import Failure, understood
from sizewise.llm.providers import Endpoint, key_of
from sizewise.llm.request import Reply, Request

INSTALL = "pip install 'sizewise[llm]'"
#: what may be left out where a model does not take it, with how it is called in errors
DROPPABLE = {
    "temperature": ("temperature",),
    "response_format": ("response_format", "output_config", "response_schema", "schema"),
}


class Client(Protocol):
    """Asks one model, one request at a time; any number of them at once, all in one event loop."""

    def prepare(self) -> None:
        """Load what is needed, before the first call. Raises ``InputError`` where something is missing."""
        ...

    async def ask(self, request: Request, timeout: float) -> Reply: ...

    def stream(self, request: Request, timeout: float) -> AsyncIterator[str | Reply]:
        """The answer's pieces as they come; the last item is the whole of it."""
        ...

    async def close(self) -> None: ...


class RemoteClient:
    """A provider's own SDK: OpenAI's as it is, the others by any-llm. Imported and made before the first call."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._key = key_of(endpoint.provider)
        self._made: Any = None
        self._limit = endpoint.provider.limit
        self.left_out: set[str] = set()

    def __repr__(self) -> str:
        return f"RemoteClient({self._endpoint.name!r})"

    @property
    def sdk(self) -> Any:
        """The provider's own asynchronous client, for what any-llm does not carry whole (batches)."""
        return self._llm().client

    def prepare(self) -> None:
        """Import and make the provider's client."""
        self._llm()

    async def ask(self, request: Request, timeout: float) -> Reply:
        """One reply. Raises ``Failure``; a parameter that the model does not take is left out from then on."""
        llm = self._llm()
        while True:
            started = time.perf_counter()
            try:
                told = self._arguments(request)
                if isinstance(llm, CompatibleSdk):
                    completion: Any = await llm.answer(told, timeout)
                else:
                    completion = await llm.acompletion(**told, timeout=timeout)
            except Exception as error:
                failure = understood(error, self._key)
                if self._leave_out(failure, request):
                    continue
                raise failure from None
            return _reply(completion, (time.perf_counter() - started) * 1_000)

    async def stream(self, request: Request, timeout: float) -> AsyncIterator[str | Reply]:
        """Pieces of the answer, then the reply. Raises ``Failure``."""
        llm, gathered = self._llm(), _Gathered()
        started = time.perf_counter()
        told = self._arguments(request)
        try:
            if isinstance(llm, CompatibleSdk):
                chunks = await llm.stream(told, timeout)
            else:
                chunks = await llm.acompletion(**told, stream=True, timeout=timeout)
            async for chunk in chunks:
                if piece := gathered.add(chunk):
                    yield piece
        except Exception as error:
            raise understood(error, self._key) from None
        yield gathered.reply((time.perf_counter() - started) * 1_000)

    @asynccontextmanager
    async def boundary(self) -> AsyncIterator[None]:
        """Whatever the SDK raises within comes out as a ``Failure``."""
        try:
            yield
        except Exception as error:
            raise understood(error, self._key) from None

    async def close(self) -> None:
        made, self._made = self._made, None
        if made is None:
            return
        with suppress(Exception):  # nothing is lost where a connection does not close in order
            await _close(made.client)

    def _arguments(self, request: Request) -> dict[str, Any]:
        """What is sent, in the words of OpenAI's chat API; any-llm translates it for the others."""
        limit = self._limit if self._endpoint.provider.client == "openai" else "max_tokens"
        told: dict[str, Any] = {
            "model": self._endpoint.model, "messages": request.chat, limit: request.max_tokens,
        }  # fmt: skip
        if request.temperature is not None and "temperature" not in self.left_out:
            told["temperature"] = request.temperature
        if (wanted := request.response_format) and "response_format" not in self.left_out:
            told["response_format"] = wanted
        return told

    def _leave_out(self, failure: Failure, request: Request) -> bool:
        """Whether the refusal is of a parameter that can be done without, which is then left out."""
        if failure.kind != "request":
            return False
        told = f"{failure.parameter or ''} {failure.said}".casefold()
        other = {"max_tokens": "max_completion_tokens"}.get(self._limit)
        if other is not None and other in told:
            self._limit = other
            return True
        for name, spellings in DROPPABLE.items():
            sent = request.temperature is not None if name == "temperature" else request.schema is not None
            if sent and name not in self.left_out and any(spelling in told for spelling in spellings):
                self.left_out.add(name)
                return True
        return False

    def _llm(self) -> Any:
        if self._made is None:
            self._made = self._make()
        return self._made

    def _make(self) -> Any:
        provider, address = self._endpoint.provider, self._endpoint.base_url
        try:
            if provider.client == "openai":
                return CompatibleSdk(address, self._key)
            from any_llm import AnyLLM
        except ImportError:
            raise InputError(f"asking an LLM needs the extra `llm`: {INSTALL}") from None
        except Exception as error:
            raise self._not_made(error) from None
        options: dict[str, Any] = {"api_base": address}
        if provider.client == "cohere":  # any-llm does not hand Cohere's client its address
            options = {"base_url": address, "log_warning_experimental_features": False}
        try:
            # Retries are ours: each must be reserved in the budget before it is sent.
            return AnyLLM.create(provider.client, api_key=self._key, unified_exceptions=True, max_retries=0, **options)
        except Exception as error:
            raise self._not_made(error) from None

    def _not_made(self, error: Exception) -> InputError:
        told = understood(error, self._key).said
        return InputError(f"the client for {self._endpoint.provider.name} cannot be made: {told}")


class _Gathered:
    """The pieces of a stream."""

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._finish: str | None = None
        self._model: str | None = None
        self._usage = Usage()

    def add(self, chunk: Any) -> str:
        self._model = getattr(chunk, "model", None) or self._model
        if (usage := getattr(chunk, "usage", None)) is not None:
            self._usage = _later(self._usage, _usage(usage))
        piece = ""
        for choice in (chunk.choices or [])[:1]:
            piece = choice.delta.content or ""
            self._finish = choice.finish_reason or self._finish
        if piece:
            self._texts.append(piece)
        return piece

    def reply(self, latency_ms: float) -> Reply:
        return made_of("".join(self._texts), self._finish, self._model, self._usage, latency_ms, None)


def _later(before: Usage, now: Usage) -> Usage:
    """Counts as they were told last; a provider may name the prompt's first and the answer's in the end."""
    return Usage(
        now.prompt_tokens or before.prompt_tokens, now.cached_tokens or before.cached_tokens,
        now.completion_tokens or before.completion_tokens,
    )  # fmt: skip


def _reply(completion: Any, latency_ms: float) -> Reply:
    choices = completion.choices or []
    message = choices[0].message if choices else None
    finish = choices[0].finish_reason if choices else None
    refusal = getattr(message, "refusal", None)
    text = getattr(message, "content", None)
    return made_of(text, finish, completion.model, _usage(completion.usage), latency_ms, refusal)


def made_of(
    text: str | None, finish: str | None, model: str | None, usage: Usage, latency_ms: float, refusal: str | None
) -> Reply:
    """The reply, with an error where the answer was refused, cut or empty."""
    error = None
    if refusal or finish == "content_filter":
        error = "the model refused" + (f": {' '.join(refusal.split())[:200]}" if refusal else ": content filter")
    elif finish == "length":
        error = "the answer was cut at the token limit"
    elif not (text or "").strip():
        error = "the answer was empty"
    return Reply(
        text=text, error=error, finish=finish, model=model, usage=usage, latency_ms=round(latency_ms, 1),
        at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
    )  # fmt: skip


def _usage(usage: Any) -> Usage:
    if usage is None:
        return Usage()
    details = getattr(usage, "prompt_tokens_details", None)
    return Usage(usage.prompt_tokens, getattr(details, "cached_tokens", None), usage.completion_tokens)


async def _close(sdk: Any) -> None:
    """Free the connections, whatever the SDK calls it."""
    if hasattr(sdk, "aio"):  # google-genai
        await sdk.aio.aclose()
        sdk.close()
    elif hasattr(sdk, "close"):
        await sdk.close()
    elif hasattr(sdk, "__aexit__"):  # cohere
        await sdk.__aexit__(None, None, None)
