"""The decision in the form that is stored as ``verdict.json``, ``schema_version`` 1.

Readers ignore fields they do not know; removing one raises the version.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sizewise.core.measurement import LargeMeasurement, Measured, ModelProbes, RungMeasurement
from sizewise.core.task import ReferenceKind

Decision = Literal["small", "cascade", "large", "more-data"]
Constraint = Literal["quality", "coverage", "latency", "memory", "cost", "perimeter", "data", "none"]

SCHEMA_VERSION = 1


@dataclass(frozen=True, slots=True)
class DataSummary:
    """What the verdict rests on: the log's hash, its rows, near-duplicate groups and splits.

    ``augmented`` of the rows were written by an LLM, and are in no split.
    """

    sha256: str
    rows: int
    groups: int
    splits: Mapping[str, int]
    augmented: int = 0


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a code with its parameters, from which each language is rendered, and the English text."""

    code: str
    parameters: Mapping[str, str | float | int | None]
    text: str


@dataclass(frozen=True, slots=True)
class CascadeEntry:
    """The system at its threshold; shares are of the test rows unless the name says calibrate."""

    threshold: float
    coverage: Measured
    answered_agreement: Measured | None
    system_agreement: Measured | None
    system_accuracy: Measured | None
    cost_per_1k_usd: Measured | None
    answered_accuracy: Measured | None = None
    risk: Measured | None = None
    excess: Measured | None = None
    coverage_calibrate: Measured | None = None
    answered_agreement_calibrate: Measured | None = None


@dataclass(frozen=True, slots=True)
class Guarantee:
    """What is promised, for what quantity. ``holds`` is false where no threshold was certified."""

    quantity: Literal["risk", "excess"]
    limit: float
    delta: float
    bound: float | None
    method: Literal["clopper-pearson", "betting"]
    n_rows: int
    n_groups: int
    status: Literal["exact", "approximate"]
    scope: Literal["task", "field", "slice", "label"]
    holds: bool = False
    threshold: float | None = None
    bound_answering_all: float | None = None


@dataclass(frozen=True, slots=True)
class Costs:
    """US dollars per 1,000 requests and, where a volume is given, per month.

    ``small_per_1k_usd`` is the machine's price divided by its measured throughput: full use, the
    cheapest it can be. Per month a machine is paid for whole.
    """

    large_per_1k_usd: Measured | None
    small_per_1k_usd: Measured | None
    cascade_per_1k_usd: Measured | None
    large_source: str | None
    machine: str
    machine_usd_per_hour: float
    machine_source: str
    machine_date: str
    volume_per_month: float | None
    large_per_month_usd: float | None
    small_per_month_usd: float | None
    cascade_per_month_usd: float | None
    machines: int | None


@dataclass(frozen=True, slots=True)
class BreakEven:
    """From how many requests a month on the small way is cheaper, and after how many months."""

    requests: float | None
    months: float | None
    reason: str


@dataclass(frozen=True, slots=True)
class MoreData:
    """How many further ``examples`` lead to the bar, between ``low`` and ``high``, and which ``kind`` of row they are.

    ``examples`` is null where more data alone will not do, or where nothing could be foreseen; ``high`` is null
    where the curve's lower edge does not lead there within four times the rows. ``gain`` is what twice the rows of
    that kind would add to the coverage (to the accuracy where no coverage could be foreseen), with the forecast's
    own interval, which is narrower than a measurement's: 90 %. ``enough`` says whether data alone does; where it is null
    beside ``examples``, nothing was forecast: these are the fewest further calibration rows with which anything could be
    certified, if none of them were answered wrongly.
    """

    examples: int | None
    gain: Measured | None
    low: int | None = None
    high: int | None = None
    kind: Literal["train", "calibrate", "both"] | None = None
    enough: bool | None = None


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole of ``verdict.json``."""

    schema_version: int
    sizewise_version: str
    run_id: str
    created: str
    seed: int
    task: str
    data: DataSummary
    decision: Decision
    reference: ReferenceKind
    target: float | None
    margin: float
    delta: float
    reasons: tuple[Reason, ...]
    binding_constraint: Constraint
    limits: tuple[str, ...]
    limit_codes: tuple[Reason, ...]
    rungs: tuple[RungMeasurement, ...]
    small: RungMeasurement | None
    large: LargeMeasurement | None
    cascade: CascadeEntry | None
    guarantee: Guarantee | None
    guarantees: tuple[Guarantee, ...]
    costs: Costs
    break_even: BreakEven
    more_data: MoreData | None
    seconds: Mapping[str, float]
    contradicted: bool = False
    probes: tuple[ModelProbes, ...] = ()
