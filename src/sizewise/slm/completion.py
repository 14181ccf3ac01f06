"""What the engine said to one prompt, with counts and times."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from sizewise.core.answer import Usage


@dataclass(frozen=True, slots=True)
class Completion:
    """``finish`` is ``stop`` where the model ended by itself, ``length`` where it was cut; milliseconds of computing."""

    text: str
    finish: Literal["stop", "length"]
    usage: Usage
    tokens: tuple[int, ...]
    prompt_ms: float
    answer_ms: float


def completion(told: Mapping[str, Any]) -> Completion:
    """Read the server's answer."""
    times = told.get("timings", {})
    read, cached = int(times.get("prompt_n", 0)), int(times.get("cache_n", 0))
    return Completion(
        text=str(told.get("content", "")),
        finish="length" if told.get("stop_type") == "limit" else "stop",
        usage=Usage(read + cached, cached, int(times.get("predicted_n", 0)), 0.0),
        tokens=tuple(told.get("tokens", ())),
        prompt_ms=float(times.get("prompt_ms", 0.0)),
        answer_ms=float(times.get("predicted_ms", 0.0)),
    )
