"""OpenAI's chat API, which many servers speak, by OpenAI's own SDK.

Not through any-llm: for this wire format it hands everything on as it is, and its import brings Anthropic's SDK as well,
which takes longer than the first hundred calls. Of an answer only what is used is read; the rest may be anything.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from typing import Any

import msgspec


class Message(msgspec.Struct):
    """What the model said, of openai.types.chat.ChatCompletionMessage."""

    content: str | None = None
    refusal: str | None = None


class Choice(msgspec.Struct):
    """One answer, of openai.types.chat.chat_completion.Choice."""

    message: Message | None = None
    finish_reason: str | None = None


class Details(msgspec.Struct):
    """Of openai.types.completion_usage.PromptTokensDetails."""

    cached_tokens: int | None = None


class Counted(msgspec.Struct):
    """Tokens, of openai.types.CompletionUsage."""

    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    prompt_tokens_details: Details | None = None


class Completion(msgspec.Struct):
    """What is read of openai.types.chat.ChatCompletion."""

    choices: list[Choice] | None = None
    model: str | None = None
    usage: Counted | None = None


_DECODER = msgspec.json.Decoder(Completion)


class CompatibleSdk:
    """OpenAI's asynchronous client at ``address``; it does not try again by itself, because each attempt is reserved first."""

    def __init__(self, address: str, key: str) -> None:
        from openai import AsyncOpenAI

        self.client = AsyncOpenAI(api_key=key, base_url=address, max_retries=0, http_client=_light())

    async def answer(self, told: Mapping[str, Any], timeout: float) -> Completion:
        """One answer, by the SDK's own ``post``: ``create`` copies every message and schema key by key first."""
        content = await self.client.post(
            "/chat/completions", body=dict(told), cast_to=bytes, options={"timeout": timeout}
        )
        return _DECODER.decode(content)

    async def stream(self, told: Mapping[str, Any], timeout: float) -> AsyncIterator[Any]:
        """An answer in pieces (openai.types.chat.ChatCompletionChunk), the last with the tokens."""
        options: dict[str, Any] = {"stream": True, "stream_options": {"include_usage": True}, "timeout": timeout}
        made: AsyncIterator[Any] = await self.client.chat.completions.create(**told, **options)
        return made


def _light() -> Any:
    """The client over aiohttp, which takes a third less of the processor for a call; its own where that is missing."""
    try:
        from openai import DefaultAioHttpClient

        return DefaultAioHttpClient()
    except (ImportError, RuntimeError):
        return None
