"""What a model says to one input."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Route = Literal["small", "large", "abstain"]


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens and money of one call; ``cost_usd`` in US dollars."""

    prompt_tokens: int | None = None
    cached_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """One answer.

    ``confidence`` is the estimated probability that ``value`` equals the reference, or ``None`` where
    none was calibrated. ``route`` says who should answer: the small model, the large one, or nobody.
    A failed input is an answer whose ``error`` is set, never an exception. ``latency_ms`` is in
    milliseconds.
    """

    value: str | None
    confidence: float | None = None
    route: Route | None = None
    probabilities: dict[str, float] | None = None
    latency_ms: float | None = None
    usage: Usage | None = None
    error: str | None = None
