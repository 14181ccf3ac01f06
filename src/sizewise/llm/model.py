"""An LLM behind an API as a ``Model``: the prompt of its task and somebody to ask."""

from __future__ import annotations

from collections.abc import Sequence

from sizewise.core.answer import Answer
from sizewise.llm.asker import Asker
from sizewise.llm.prompt import Prompt
from sizewise.llm.request import Request


class RemoteModel:
    """Answers inputs by asking an LLM. A failed input is an ``Answer`` with ``error``; equal inputs are asked once.

    Raises ``InputError`` or ``LimitReached`` for what concerns all of them: a wrong key, no network, a full disk.
    """

    def __init__(self, asker: Asker, prompt: Prompt) -> None:
        self._asker = asker
        self.prompt = prompt

    @property
    def name(self) -> str:
        return self._asker.name

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """One answer an input, in the same order."""
        return self.takes(inputs, 0)

    def takes(self, inputs: Sequence[str], take: int) -> list[Answer]:
        """The answers of one take: the same inputs asked in another take are asked anew."""
        texts = [(i, text) for i, text in enumerate(inputs) if isinstance(text, str)]
        requests: list[Request] = [self.prompt.request(text, take) for _, text in texts]
        answers: list[Answer | None] = [None] * len(inputs)
        for (i, _), reply in zip(texts, self._asker.ask(requests), strict=True):
            answers[i] = self.prompt.read(reply)
        return [
            a if a is not None else Answer(None, error=f"the input is not text but {type(text).__name__}")
            for a, text in zip(answers, inputs, strict=True)
        ]

    def close(self) -> None:
        """Free the connections."""
        self._asker.close()

    def __enter__(self) -> RemoteModel:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
