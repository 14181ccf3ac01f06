"""A local SLM as a ``Model``: each input is a message, each answer what the model says to it."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sizewise.core.answer import Answer
from sizewise.core.errors import ContextOverflow, EngineError
from sizewise.slm.calls import answered
from sizewise.slm.engine import Engine
from sizewise.slm.prompt_format import Message

CUT = "the answer was cut at the limit of tokens"


@dataclass(frozen=True)
class LocalModel:
    """Answers freely, with one of ``labels``, or by a JSON ``schema``; ``instructions`` open each conversation.

    Closing it closes its engine.
    """

    engine: Engine
    instructions: str | None = None
    schema: Mapping[str, Any] | None = None
    labels: tuple[str, ...] = ()
    most_tokens: int = 256

    @property
    def name(self) -> str:
        return self.engine.name

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """One answer an input, as many at once as the engine has slots; what fails is an answer with ``error``."""
        answers = dict(answered(self._one, inputs, self.engine.slots, self.engine.interrupt))
        return [answers[place] for place in range(len(inputs))]

    def _one(self, text: str) -> Answer:
        if not isinstance(text, str):
            return Answer(None, error=f"input is not text but {type(text).__name__}")
        messages = [Message("system", self.instructions)] if self.instructions else []
        started = time.perf_counter()
        try:
            said = self.engine.chat(
                [*messages, Message("user", text)], self.most_tokens, schema=self.schema, grammar=self._grammar()
            )
        except (EngineError, ContextOverflow) as error:
            return Answer(None, error=str(error))
        return Answer(
            said.text.strip(),
            latency_ms=(time.perf_counter() - started) * 1_000,
            usage=said.usage,
            error=CUT if said.finish == "length" and (self.schema or self.labels) else None,
        )

    def _grammar(self) -> str | None:
        """A grammar (GBNF) that allows the labels and nothing else."""
        return (
            "root ::= " + " | ".join(json.dumps(label, ensure_ascii=False) for label in self.labels)
            if self.labels
            else None
        )

    def close(self) -> None:
        """End the engine and free its memory."""
        self.engine.close()

    def __enter__(self) -> LocalModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def open_model(reference: str) -> LocalModel:
    """The model that ``reference`` names, which answers freely; its engine ends with it."""
    return LocalModel(Engine.open(reference))
