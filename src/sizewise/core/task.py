"""What is asked for: the task, the bar it is held against, and the rungs to try."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal["classify", "extract", "generate"]
Perimeter = Literal["open", "closed"]
ReferenceKind = Literal["gold", "llm"]
ReferenceChoice = Literal["auto", "gold", "llm"]

DEFAULT_TARGET = 0.97
#: not a rung: the contest climbs as far as climbing may pay
AUTO = "auto"
DEFAULT_MINUTES = 30.0


@dataclass(frozen=True, slots=True)
class Bar:
    """What must hold before a small model may answer.

    ``target`` is the least share of all traffic that must not be answered wrongly (``None``: 0.97
    where a target applies by itself). ``margin`` is how much less often right than the LLM the system
    may be, as a share of traffic. ``delta`` is the probability with which the guarantee may fail over
    the draw of the calibration data. ``latency_p95_ms`` in milliseconds, ``memory_mb`` in MiB,
    ``volume_per_month`` in requests.
    """

    target: float | None = None
    margin: float = 0.01
    delta: float = 0.05
    min_coverage: float = 0.20
    latency_p95_ms: float | None = None
    memory_mb: float | None = None
    volume_per_month: float | None = None
    perimeter: Perimeter = "open"

    @property
    def effective_target(self) -> float:
        """The target that applies where the person gave none."""
        return DEFAULT_TARGET if self.target is None else self.target


@dataclass(frozen=True, slots=True)
class Task:
    """One job with one kind of output, where its data is, and what it is held against.

    ``wordings`` are the person's own rewordings of ``instructions``, for the probe of wording.
    ``template`` says where in a recorded message the input stands; ``raw_answers`` leaves what the LLM said as it is.
    ``rungs`` may hold ``AUTO`` beside the names of rungs; ``minutes`` is what the rungs above the frozen encoder may take
    in all, ``None`` where nothing was said.
    """

    name: str
    kind: Kind = "classify"
    instructions: str | None = None
    wordings: tuple[str, ...] = ()
    labels: tuple[str, ...] | None = None
    path: str | None = None
    columns: Mapping[str, str] = field(default_factory=dict)
    only: Mapping[str, str] = field(default_factory=dict)
    template: str | None = None
    raw_answers: bool = False
    large: str | None = None
    reference: ReferenceChoice = "auto"
    bar: Bar = field(default_factory=Bar)
    rungs: tuple[str, ...] = ("majority", "keywords", "encoder")
    rung_settings: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    minutes: float | None = None
    strict_labels: bool = False
    seed: int = 0

    @property
    def climbing_seconds(self) -> float | None:
        """What the upper rungs may take in all, ``None`` where that has no limit."""
        if self.minutes is None:
            return DEFAULT_MINUTES * 60 if AUTO in self.rungs else None
        return self.minutes * 60
