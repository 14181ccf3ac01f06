"""What was measured, each value with its 95 % interval and its n.

The verdict is arithmetic on a ``Measurements`` alone, so a verdict can be replayed from the lines
that a run stored.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from sizewise.core.task import Bar, ReferenceKind


@dataclass(frozen=True, slots=True)
class Measured:
    """A value with its 95 % interval; ``low`` and ``high`` are ``None`` where n is 1."""

    value: float
    low: float | None
    high: float | None
    n: int


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds an answer."""

    p50: Measured
    p95: Measured


@dataclass(frozen=True, slots=True)
class OutOfFold:
    """The metric that decides between rungs, out-of-fold on train.

    ``difference`` is this rung's metric minus the best rung's on the same rows, with its one-sided
    95 % lower bound in ``difference_low``.
    """

    metric: Literal["coverage", "accuracy"]
    score: Measured
    difference: float
    difference_low: float


@dataclass(frozen=True, slots=True)
class RungMeasurement:
    """One rung, measured. Shares are of the test rows; ``out_of_fold`` is what it was chosen by.

    ``throughput_per_s`` is answers a second in batches; ``latency_ms`` is one by one;
    ``batch_latency_ms`` is per answer, in batches. Memory and artefact sizes in MiB.
    """

    name: str
    agreement: Measured | None
    accuracy: Measured | None
    macro_f1: Measured | None
    latency_ms: Latency | None
    batch_latency_ms: Measured | None
    throughput_per_s: Measured | None
    peak_memory_mb: Measured | None
    artifact_mb: Measured | None
    fit_seconds: Measured | None
    out_of_fold: OutOfFold | None = None


@dataclass(frozen=True, slots=True)
class LargeMeasurement:
    """The LLM, from its recorded answers on the test rows. Cost in US dollars per 1,000 requests."""

    model: str | None
    accuracy: Measured | None
    macro_f1: Measured | None
    latency_ms: Latency | None
    cost_per_1k_usd: Measured | None
    cost_source: str | None
    self_agreement: Measured | None
    unusable: Measured | None


@dataclass(frozen=True, slots=True)
class Certificate:
    """What the calibration rows certify, for one quantity.

    ``threshold`` is ``None`` where no threshold holds. ``bound`` is the one-sided upper bound at the
    threshold with probability ``1 - delta`` over the draw of the calibration data.
    """

    quantity: Literal["risk", "excess"]
    limit: float
    delta: float
    threshold: float | None
    bound: float | None
    bound_answering_all: float
    method: Literal["clopper-pearson", "betting"]
    n_rows: int
    n_groups: int
    status: Literal["exact", "approximate"]


@dataclass(frozen=True, slots=True)
class SystemMeasurement:
    """The cascade at its threshold. ``*_low_bound`` is a one-sided 95 % lower bound.

    ``excess`` is the share of test rows that the system gets wrong where the LLM was right, less the
    share the other way round; ``None`` where gold or the LLM is missing.
    """

    threshold: float
    coverage: Measured
    coverage_calibrate: Measured
    answered_agreement: Measured | None
    answered_agreement_calibrate: Measured | None
    answered_accuracy: Measured | None
    system_agreement: Measured | None
    system_accuracy: Measured | None
    risk: Measured
    risk_lower_bound: float
    excess: Measured | None
    excess_lower_bound: float | None


@dataclass(frozen=True, slots=True)
class DataMeasurement:
    """What was read: rows, near-duplicate groups, rows a split (after rows without a reference are set aside).

    ``leaked_*`` are rows whose near-duplicate stands in train; ``unusable_calibrate`` the calibration rows
    whose reference is no label.
    """

    sha256: str
    rows: int
    groups: int
    train: int
    calibrate: int
    test: int
    leaked_calibrate: int
    leaked_test: int
    unusable_calibrate: int


@dataclass(frozen=True, slots=True)
class Prices:
    """The assumptions in money: a machine's price, where and when it was found, and how full it may run."""

    machine: str
    machine_usd_per_hour: float
    hours_per_month: float
    utilisation: float
    source: str
    date: str


@dataclass(frozen=True, slots=True)
class Shift:
    """Something in which calibrate and test differ so much that the guarantee may not carry over."""

    what: Literal["labels"]
    distance: float
    p_value: float


@dataclass(frozen=True, slots=True)
class Measurements:
    """All that the verdict rests on."""

    task: str
    seed: int
    reference: ReferenceKind
    bar: Bar
    data: DataMeasurement
    rungs: tuple[RungMeasurement, ...]
    chosen: str
    large: LargeMeasurement | None
    certificates: tuple[Certificate, ...]
    system: SystemMeasurement | None
    prices: Prices
    cpus: int
    shifts: tuple[Shift, ...] = ()
