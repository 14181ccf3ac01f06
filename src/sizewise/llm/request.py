"""What is asked of an LLM, and what comes back: plain frozen data, with a digest by which an answer is found again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

from sizewise.core.answer import Usage

Role = Literal["system", "user", "assistant"]
Finish = Literal["stop", "length", "content_filter", "other"]

#: tokens that a chat format may add to each message, and to a schema; no provider's is known to add more
AROUND_A_MESSAGE, AROUND_A_SCHEMA = 16, 600


@dataclass(frozen=True, slots=True)
class Request:
    """One prompt with its options. ``schema`` is a JSON schema as text; ``take`` tells repetitions of one request apart."""

    messages: tuple[tuple[Role, str], ...]
    max_tokens: int
    schema: str | None = None
    temperature: float | None = 0.0
    take: int = 0

    def key(self, model: str, address: str = "") -> str:
        """A digest of the model, where it is reached, and everything that is sent: 32 hexadecimal digits."""
        told = [model, address, self.messages, self.max_tokens, self.schema, self.temperature, self.take]
        return hashlib.blake2b(json.dumps(told, ensure_ascii=True).encode(), digest_size=16).hexdigest()

    def again(self, take: int) -> Request:
        """The same request, to be asked anew."""
        return replace(self, take=take)

    @property
    def most_prompt_tokens(self) -> int:
        """More tokens than the prompt can have: no tokenizer makes more than one of each byte."""
        texts = sum(_bytes(text) + AROUND_A_MESSAGE for _, text in self.messages)
        return texts + (len(self.schema.encode()) + AROUND_A_SCHEMA if self.schema else 0) + AROUND_A_MESSAGE

    def most_tokens_beside(self, counted: int) -> int:
        """The same, where a request that differs in the last message alone was counted by the provider.

        What both share has no more tokens than that whole request had.
        """
        return counted + _bytes(self.messages[-1][1]) + AROUND_A_MESSAGE

    @property
    def shared(self) -> tuple[object, ...]:
        """What requests of one prompt have in common: everything but the last message."""
        return (self.messages[:-1], self.schema)

    @property
    def response_format(self) -> dict[str, Any] | None:
        """The schema in the form of OpenAI's ``response_format``, which any-llm translates for the others."""
        if self.schema is None:
            return None
        return {
            "type": "json_schema",
            "json_schema": {"name": "answer", "strict": True, "schema": json.loads(self.schema)},
        }

    @property
    def chat(self) -> list[dict[str, str]]:
        """The messages as OpenAI's chat API has them; what UTF-8 cannot hold is replaced."""
        return [{"role": role, "content": text.encode("utf-8", "replace").decode()} for role, text in self.messages]


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back for one request.

    ``text`` is ``None`` where nothing did; ``error`` says why, and ``final`` whether asking again would change that.
    ``model`` is what the provider says answered, ``latency_ms`` milliseconds of the attempt that succeeded, ``at``
    its ISO time.
    """

    text: str | None = None
    error: str | None = None
    finish: str | None = None
    model: str | None = None
    usage: Usage = field(default_factory=Usage)
    latency_ms: float | None = None
    at: str | None = None
    final: bool = True


def _bytes(text: str) -> int:
    return len(text.encode("utf-8", "surrogatepass"))


def text_tokens(messages: Sequence[tuple[str, str]]) -> int:
    """Tokens of a prompt, estimated without the provider's tokenizer: four characters of Latin text, two of any other."""
    latin = other = 0
    for _, text in messages:
        wide = sum(1 for character in text if ord(character) > 0x24F)
        other += wide
        latin += len(text) - wide
    return round(latin / 4 + other / 2) + 4 * len(messages)
