"""What was measured, each value with its 95 % interval and its n.

The verdict is arithmetic on a ``Measurements`` alone, so a verdict can be replayed from the lines
that a run stored.
"""

from __future__ import annotations

from collections.abc import Mapping
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
    """The LLM on the test rows: from its recorded answers, or asked for this run. US dollars per 1,000 requests.

    ``self_agreement`` is how often it says the same when it is asked again: no student can agree with it more often.
    ``wording_sensitivity`` is how often its answer changes under harmless rewordings of the prompt.
    """

    model: str | None
    accuracy: Measured | None
    macro_f1: Measured | None
    latency_ms: Latency | None
    cost_per_1k_usd: Measured | None
    cost_source: str | None
    self_agreement: Measured | None
    unusable: Measured | None
    how: Literal["recorded", "asked"] = "recorded"
    wording_sensitivity: Measured | None = None


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
    whose reference is no label. ``augmented`` of the rows were written by an LLM, and are in no split.
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
    augmented: int = 0


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
class CurveScore:
    """A score that was measured with ``rows`` rows, on train rows that its specialist had not learned from."""

    rows: int
    score: Measured


@dataclass(frozen=True, slots=True)
class ForeseenScore:
    """A score that nobody has measured: what ``rows`` rows, ``times`` as many as today, would give.

    The score lies between ``low`` and ``high`` with the probability that the curve's ``level`` names.
    """

    rows: int
    times: float
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class RowsToBar:
    """How many rows beyond today's lead to the bar: ``rows`` as the curve runs, ``low`` to ``high`` as it may.

    ``high`` is ``None`` where the curve's lower edge does not reach the bar within four times the rows.
    """

    rows: int
    low: int
    high: int | None


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """A score as a function of the rows learned from, calibrated on, or both together.

    ``rows`` are today's, of the kind that ``by`` names; under ``both`` train and calibrate rows grow in the same
    proportion, and the rows are their sum. ``observed`` runs from few rows to many, ``foreseen`` holds today, twice
    and four times the rows. ``bar`` is the score at which the verdict would
    change, ``None`` where none applies; ``needed`` is ``None`` where the bar is reached today, or where the curve
    does not reach it within four times the rows: ``reached_today`` tells which.
    """

    metric: Literal["accuracy", "agreement", "coverage"]
    by: Literal["train", "calibrate", "both"]
    rows: int
    observed: tuple[CurveScore, ...]
    foreseen: tuple[ForeseenScore, ...]
    level: float
    bar: float | None
    reached_today: bool
    needed: RowsToBar | None


@dataclass(frozen=True, slots=True)
class Forecast:
    """What more rows would give the chosen rung. ``rung`` names it; each curve says its metric and its rows."""

    rung: str
    curves: tuple[LearningCurve, ...]


@dataclass(frozen=True, slots=True)
class Circumstance:
    """What a rung was made under, where the verdict must say so: a reason's code with its parameters."""

    code: str
    parameters: Mapping[str, str | float | int | None]


@dataclass(frozen=True, slots=True)
class Probe:
    """One rule that ought not to change an answer.

    ``changed`` is the share of rows whose answer changed; ``accuracy`` the share that was right afterwards (held
    against the reference), ``accuracy_before`` of the same rows as they were.
    """

    name: str
    changed: Measured
    accuracy: Measured | None
    accuracy_before: Measured | None


@dataclass(frozen=True, slots=True)
class ModelProbes:
    """How far one model's answers hang on what ought not to matter.

    ``kind`` says what was probed: a model without a prompt has no wordings. ``inputs`` perturb the input, ``wordings``
    the prompt; ``changed_by_any_wording`` is the share of rows that changed under at least one rewording,
    ``changed_by_wording`` how often an answer changed on average over rewordings. ``accuracy_spread`` lies between the
    wording with most and the one with fewest right answers, the plain prompt among them; ``rows`` is a sample of test.
    """

    model: str
    kind: Literal["trained", "prompted", "large"]
    rows: int
    accuracy: Measured | None
    inputs: tuple[Probe, ...]
    wordings: tuple[Probe, ...]
    changed_by_wording: Measured | None
    changed_by_any_wording: Measured | None
    accuracy_spread: Measured | None = None


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
    forecast: Forecast | None = None
    circumstances: tuple[Circumstance, ...] = ()
    probes: tuple[ModelProbes, ...] = ()
