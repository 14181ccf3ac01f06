"""A local SLM as a ``Model``: each input is a message, each answer what the model says to it."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from sizewise.core.answer import Answer
from sizewise.core.errors import ContextOverflow, EngineError
from sizewise.slm.engine import Engine
from sizewise.slm.prompt_format import Message


@dataclass(frozen=True)
class LocalModel:
    """Answers freely, or by a JSON ``schema``; ``instructions`` open each conversation. The engine stays the caller's."""

    engine: Engine
    instructions: str | None = None
    schema: Mapping[str, Any] | None = None
    most_tokens: int = 256

    @property
    def name(self) -> str:
        return self.engine.name

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """One answer an input, as many at once as the engine has slots; what fails is an answer with ``error``."""
        with ThreadPoolExecutor(self.engine.slots) as workers:
            waiting = [workers.submit(self._one, text) for text in inputs]
            try:
                return [one.result() for one in waiting]
            except BaseException:
                workers.shutdown(wait=False, cancel_futures=True)
                self.engine.interrupt()
                raise

    def _one(self, text: str) -> Answer:
        if not isinstance(text, str):
            return Answer(None, error=f"input is not text but {type(text).__name__}")
        messages = [Message("system", self.instructions)] if self.instructions else []
        started = time.perf_counter()
        try:
            said = self.engine.chat([*messages, Message("user", text)], self.most_tokens, schema=self.schema)
        except (EngineError, ContextOverflow) as error:
            return Answer(None, error=str(error))
        return Answer(
            said.text.strip(),
            latency_ms=(time.perf_counter() - started) * 1_000,
            usage=said.usage,
            error="cut at the limit of tokens" if self.schema is not None and said.finish == "length" else None,
        )
