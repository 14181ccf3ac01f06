"""Measurements by hand, small and whole: what the verdict's tests vary."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Literal

from sizewise.core.measurement import (
    Certificate,
    DataMeasurement,
    Forecast,
    ForeseenScore,
    LargeMeasurement,
    Latency,
    LearningCurve,
    Measured,
    Measurements,
    OutOfFold,
    Prices,
    RowsToBar,
    RungMeasurement,
    SystemMeasurement,
)
from sizewise.core.task import Bar
from sizewise.verdict.decision import Identity

IDENTITY = Identity("0.1.0", "run", "2026-01-01T00:00:00+00:00", {"total": 1.0})
PRICES = Prices("a machine", 0.1, 730.0, 0.5, "a price list", "2026-01-01")


def near(value: float, half: float = 0.02, n: int = 1_000) -> Measured:
    return Measured(value, value - half, value + half, n)


def rung(name: str, score: float = 0.9, difference: float = 0.0, **changed: Any) -> RungMeasurement:
    whole = RungMeasurement(
        name=name,
        agreement=near(0.9),
        accuracy=None,
        macro_f1=near(0.88),
        latency_ms=Latency(near(2.0, 0.1), near(4.0, 0.5)),
        batch_latency_ms=near(1.0, 0.1),
        throughput_per_s=Measured(1_000.0, 900.0, 1_100.0, 8),
        peak_memory_mb=Measured(150.0, None, None, 1),
        artifact_mb=Measured(3.0, None, None, 1),
        fit_seconds=Measured(36.0, None, None, 1),
        out_of_fold=OutOfFold("coverage", near(score), difference, difference - 0.01),
    )
    return replace(whole, **changed)


def large(**changed: Any) -> LargeMeasurement:
    whole = LargeMeasurement(
        model="openai:gpt-4o",
        accuracy=None,
        macro_f1=None,
        latency_ms=Latency(near(500, 5), near(900, 9)),
        cost_per_1k_usd=Measured(2.0, 1.9, 2.1, 1_000),
        cost_source="recorded in the log",
        self_agreement=None,
        unusable=near(0.0, 0.0),
    )
    return replace(whole, **changed)


def certificate(
    threshold: float | None,
    quantity: Literal["risk", "excess"] = "risk",
    limit: float | None = None,
    n: int = 3_000,
    groups: int | None = None,
) -> Certificate:
    limit = limit if limit is not None else 0.03 if quantity == "risk" else 0.01
    return Certificate(
        quantity=quantity,
        limit=limit,
        delta=0.05,
        threshold=threshold,
        bound=None if threshold is None else limit * 0.9,
        bound_answering_all=limit * 0.9 if threshold == 0 else 0.2,
        method="clopper-pearson" if quantity == "risk" else "betting",
        n_rows=n,
        n_groups=n if groups is None else groups,
        status="exact" if groups in (None, n) else "approximate",
    )


def system(threshold: float, coverage: float, **changed: Any) -> SystemMeasurement:
    whole = SystemMeasurement(
        threshold=threshold,
        coverage=Measured(coverage, coverage - 0.03, min(1.0, coverage + 0.03), 1_000),
        coverage_calibrate=near(coverage),
        answered_agreement=near(0.98),
        answered_agreement_calibrate=near(0.98),
        answered_accuracy=None,
        system_agreement=near(0.985),
        system_accuracy=None,
        risk=near(0.02),
        risk_lower_bound=0.01,
        excess=None,
        excess_lower_bound=None,
    )
    return replace(whole, **changed)


def measured(threshold: float | None = 0.6, coverage: float = 0.7, **changed: Any) -> Measurements:
    """A run against the LLM that certified ``threshold`` and covers ``coverage`` of test with it."""
    whole = Measurements(
        task="tickets",
        seed=0,
        reference="llm",
        bar=Bar(),
        data=DataMeasurement("0" * 64, 10_000, 9_900, 5_000, 3_000, 2_000, 0, 0, 0),
        rungs=(rung("majority", 0.1, -0.8), rung("keywords", 0.89, -0.01), rung("encoder")),
        chosen="encoder",
        large=large(),
        certificates=(certificate(threshold),),
        system=None if threshold is None else system(threshold, coverage),
        prices=PRICES,
        cpus=2,
    )
    return replace(whole, **changed)


def of_gold(lost: float | None, coverage: float = 0.7, target: float | None = None) -> Measurements:
    """The same under gold, where the excess over the LLM is certified."""
    return measured(
        lost,
        coverage,
        reference="gold",
        bar=Bar(target=target),
        certificates=(certificate(lost, "excess"),),
        system=None if lost is None else system(lost, coverage, excess=near(0.0), excess_lower_bound=-0.01),
        large=large(accuracy=near(0.8)),
        rungs=(rung("majority", 0.1, -0.8), rung("encoder", accuracy=near(0.9))),
    )


Kind = Literal["train", "calibrate", "both"]


def coverage(by: Kind, needed: RowsToBar | None, rows: int = 1_000, reached: bool = False) -> LearningCurve:
    foreseen = tuple(
        ForeseenScore(round(rows * t), t, value, value - 0.05, value + 0.05)
        for t, value in ((1.0, 0.1), (2.0, 0.14), (4.0, 0.19))
    )
    return LearningCurve("coverage", by, rows, (), foreseen, 0.9, 0.215, reached, needed)


def forecast(**needed: RowsToBar | None) -> Forecast:
    agreement = LearningCurve("agreement", "train", 1_000, (), (), 0.9, 0.98, False, RowsToBar(1, 1, 1))
    kinds: tuple[Kind, ...] = ("train", "calibrate", "both")
    return Forecast("encoder", (agreement, *(coverage(kind, needed.get(kind)) for kind in kinds)))


SOME = RowsToBar(400, 250, 900)
