"""What calls cost, in US dollars: from what was used, and at most, before they are sent."""

from __future__ import annotations

from dataclasses import dataclass

from sizewise.llm.request import Request

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars per million tokens; ``cached`` is ``None`` where no lower price is known, ``batch_discount`` a share.

    ``source`` and ``date`` say where and when the price was found.
    """

    prompt: float
    completion: float
    cached: float | None = None
    batch_discount: float | None = None
    source: str = "given"
    date: str = ""

    def of(self, prompt: int, cached: int, completion: int, *, batch: bool = False) -> float:
        """The price of so many tokens; ``cached`` of the prompt's tokens were read from the provider's cache."""
        cached = min(cached, prompt) if self.cached is not None else 0
        dollars = (
            (prompt - cached) * self.prompt + cached * (self.cached or 0) + completion * self.completion
        ) / MILLION
        return dollars * (1 - (self.batch_discount or 0)) if batch else dollars

    def most(self, request: Request, *, counted: int | None = None, batch: bool = False) -> float:
        """What ``request`` can cost at most; ``counted`` are the tokens of a request that shares all but the last message."""
        tokens = request.most_prompt_tokens
        if counted is not None:
            tokens = min(tokens, request.most_tokens_beside(counted))
        return self.of(tokens, 0, request.max_tokens, batch=batch)

    @property
    def free(self) -> bool:
        return not self.prompt and not self.completion


FREE = Price(0.0, 0.0, source="no price: a server of your own")
