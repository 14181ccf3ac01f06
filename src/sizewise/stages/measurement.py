"""Read test, once: what each rung, the cascade and the LLM do on it."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.special import chdtrc

from sizewise.cascade.guarantee import excess_bounds, risk_curve
from sizewise.core.example import Calibrate, Example, Test
from sizewise.core.measurement import (
    Circumstance,
    DataMeasurement,
    LargeMeasurement,
    Latency,
    Measured,
    Measurements,
    RungMeasurement,
    Shift,
    SystemMeasurement,
)
from sizewise.core.record import CurvePoint
from sizewise.core.task import ReferenceKind, Task
from sizewise.data.split import Splits
from sizewise.evaluate.intervals import lower_share, mean, quantile, share, single
from sizewise.evaluate.macro_f1 import macro_f1
from sizewise.models.catalogue import machine_prices, token_price
from sizewise.stages.calibration import Calibrated, Judged, judge
from sizewise.stages.choice import Choice
from sizewise.stages.contest import Contestant
from sizewise.stages.large_model import LargeAnswers
from sizewise.stages.samples import sampled_test

SHIFT_LEVEL = 0.001
CURVE_POINTS = 120
#: said of a rung that was not chosen as well: why it may be better than it looks, or how little was measured
SAID_ANYWAY = ("language_not_read", "sampled")


def measure(
    task: Task, splits: Splits, data: DataMeasurement, contestants: Sequence[Contestant], choice: Choice,
    calibrated: Calibrated, asked: LargeAnswers | None = None, told: Sequence[Circumstance] = (),
) -> tuple[Measurements, Judged]:  # fmt: skip
    """All that the verdict rests on, and the chosen rung's test rows; ``asked`` is what the LLM said to them now.

    ``told`` is what the verdict must say of rungs that are not in the contest.
    """
    reference = splits.reference
    tests = {c.name: sampled_test(splits.test, c.most_rows, task.seed) for c in contestants}
    judged = {c.name: judge(c, tests[c.name].examples, reference) for c in contestants}
    chosen = judged[calibrated.contestant.name]
    measurements = Measurements(
        task=task.name,
        seed=task.seed,
        reference=reference,
        bar=task.bar,
        data=data,
        rungs=tuple(_rung(c, judged[c.name], tests[c.name], choice) for c in contestants),
        chosen=calibrated.contestant.name,
        large=_large(task, splits) if asked is None else _asked(asked, splits),
        certificates=calibrated.certificates,
        system=_system(calibrated, chosen, splits.test, reference),
        prices=machine_prices(),
        cpus=os.cpu_count() or 1,
        shifts=tuple(_label_shift(splits.calibrate, splits.test, reference)),
        circumstances=(*_circumstances(contestants, calibrated.contestant), *told),
    )
    return measurements, chosen


def _circumstances(contestants: Sequence[Contestant], chosen: Contestant) -> tuple[Circumstance, ...]:
    """What the chosen rung was made under, and what keeps the others from being better; each once."""
    told = [c for contestant in contestants for c in contestant.circumstances]
    return tuple(
        c for i, c in enumerate(told)
        if c not in told[:i] and (c in chosen.circumstances or c.code in SAID_ANYWAY)
    )  # fmt: skip


def _rung(contestant: Contestant, judged: Judged, test: Test, choice: Choice) -> RungMeasurement:
    profile = contestant.profile
    return RungMeasurement(
        name=contestant.name,
        agreement=_matching(judged.answers, [e.answer for e in test.examples]),
        accuracy=_matching(judged.answers, [e.gold for e in test.examples]),
        macro_f1=_macro(test, judged.answers),
        latency_ms=profile.latency,
        batch_latency_ms=profile.batched_ms,
        throughput_per_s=profile.throughput,
        peak_memory_mb=profile.peak_memory_mb,
        artifact_mb=single(contestant.artifact_mb),
        fit_seconds=single(contestant.fit_seconds),
        out_of_fold=choice.scores[contestant.name],
    )


def _matching(answers: Sequence[str | None], references: Sequence[str | None]) -> Measured | None:
    """The share of rows with a reference whose answer equals it."""
    pairs = [(a, r) for a, r in zip(answers, references, strict=True) if r is not None]
    return share(sum(a == r for a, r in pairs), len(pairs))


def _macro(test: Test, answers: Sequence[str | None]) -> Measured | None:
    """Against gold where every row has it, else against the LLM's answers."""
    golds = [e.gold for e in test.examples]
    references = golds if all(g is not None for g in golds) else [e.answer for e in test.examples]
    pairs = [(r, a) for r, a in zip(references, answers, strict=True) if r is not None]
    return macro_f1([r for r, _ in pairs], [a for _, a in pairs])


def _large(task: Task, splits: Splits) -> LargeMeasurement | None:
    rows = [e for e in splits.test.examples if e.answer is not None]
    if not rows:
        return None
    model = task.large or next((e.model for e in rows if e.model), None)
    gold = [e for e in rows if e.gold is not None]
    cost, source = _cost(rows, model)
    asked_again = [e for e in rows if e.further_answers]
    return LargeMeasurement(
        model=model,
        accuracy=share(sum(e.answer == e.gold for e in gold), len(gold)),
        macro_f1=macro_f1([e.gold for e in gold if e.gold], [e.answer for e in gold]),
        latency_ms=_latency([e.latency_ms for e in rows if e.latency_ms is not None]),
        cost_per_1k_usd=cost,
        cost_source=source,
        self_agreement=share(sum(e.answer == e.further_answers[0] for e in asked_again), len(asked_again)),
        unusable=share(sum(e.answer not in splits.labels for e in rows), len(rows)),
    )


def _asked(asked: LargeAnswers, splits: Splits) -> LargeMeasurement:
    """The LLM by what it said to the rows it was asked on."""
    rows, labels = asked.rows, frozenset(splits.labels)
    gold = [e for e in rows if e.gold is not None]
    twice = [(e.answer, again) for e, again in zip(rows, asked.again, strict=True) if again is not None]
    costs = [e.cost_usd * 1_000 for e in rows if e.cost_usd is not None]
    return LargeMeasurement(
        model=asked.model,
        accuracy=share(sum(e.answer == e.gold for e in gold), len(gold)),
        macro_f1=macro_f1([e.gold for e in gold if e.gold], [e.answer for e in gold]),
        latency_ms=_latency([e.latency_ms for e in rows if e.latency_ms is not None]),
        cost_per_1k_usd=mean(np.array(costs)) if costs else None,
        cost_source=f"measured on {len(rows)} calls of this run",
        self_agreement=share(sum(one == other for one, other in twice), len(twice)),
        unusable=share(sum(e.answer not in labels for e in rows), len(rows)),
        how="asked",
    )


def _latency(values: Sequence[float]) -> Latency | None:
    p50, p95 = quantile(np.array(values), 0.5), quantile(np.array(values), 0.95)
    return Latency(p50, p95) if p50 and p95 else None


def _cost(rows: Sequence[Example], model: str | None) -> tuple[Measured | None, str | None]:
    """Dollars per 1,000 requests: as recorded, else tokens times the catalogue's price."""
    recorded = [e.cost_usd * 1_000 for e in rows if e.cost_usd is not None]
    if recorded:
        return mean(np.array(recorded)), "recorded in the log"
    price = token_price(model) if model else None
    counted = [e for e in rows if e.prompt_tokens is not None and e.completion_tokens is not None]
    if price is None or not counted:
        return None, None
    costs = []
    for e in counted:
        cached = (e.cached_tokens or 0) if price.cached is not None else 0
        fresh = (e.prompt_tokens or 0) - cached
        costs.append(
            (fresh * price.prompt + cached * (price.cached or 0) + (e.completion_tokens or 0) * price.completion)
            / 1_000
        )
    return mean(np.array(costs)), f"tokens × price of {model} ({price.date}, {price.source})"


def _system(calibrated: Calibrated, judged: Judged, test: Test, reference: ReferenceKind) -> SystemMeasurement | None:
    threshold = calibrated.threshold
    if threshold is None or not len(test):
        return None
    answered = judged.confidence >= threshold
    here = calibrated.judged
    answered_here = here.confidence >= threshold
    final = [a if ok else e.answer for a, ok, e in zip(judged.answers, answered, test.examples, strict=True)]
    has_llm = any(e.answer is not None for e in test.examples)
    n, n_answered = len(answered), int(answered.sum())
    wrong = int((answered & judged.wrong).sum())
    coverage, coverage_here, risk = (
        share(n_answered, n),
        share(int(answered_here.sum()), len(answered_here)),
        share(wrong, n),
    )
    assert coverage is not None
    assert coverage_here is not None
    assert risk is not None
    excess = None if judged.excess is None else np.where(answered, judged.excess, 0.0)
    rows = [e for e, ok in zip(test.examples, answered, strict=True) if ok]
    said = [a for a, ok in zip(judged.answers, answered, strict=True) if ok]
    in_llm = reference == "llm"
    return SystemMeasurement(
        threshold=threshold,
        coverage=coverage,
        coverage_calibrate=coverage_here,
        answered_agreement=share(n_answered - wrong, n_answered)
        if in_llm
        else _matching(said, [e.answer for e in rows]),
        answered_agreement_calibrate=(
            share(int((answered_here & ~here.wrong).sum()), int(answered_here.sum())) if in_llm else None
        ),
        answered_accuracy=_matching(said, [e.gold for e in rows]),
        system_agreement=_matching(final, [e.answer for e in test.examples]) if has_llm else None,
        system_accuracy=_matching(final, [e.gold for e in test.examples]) if has_llm or n_answered == n else None,
        risk=risk,
        risk_lower_bound=lower_share(wrong, n, 0.05),
        excess=None if excess is None else mean(excess),
        excess_lower_bound=None if excess is None else _lower_mean(excess),
    )


def _lower_mean(values: NDArray[np.float64]) -> float:
    """A one-sided 95 % lower bound of a mean, by the bootstrap."""
    random = np.random.default_rng(0)
    n = len(values)
    return float(np.quantile([values[random.integers(0, n, n)].mean() for _ in range(1_000)], 0.05))


def _label_shift(calibrate: Calibrate, test: Test, reference: ReferenceKind) -> list[Shift]:
    """Whether calibrate and test differ in their mix of references (Pearson's chi-squared)."""
    one = Counter(e.gold if reference == "gold" else e.answer for e in calibrate.examples)
    two = Counter(e.gold if reference == "gold" else e.answer for e in test.examples)
    labels = [label for label in one.keys() | two.keys() if one[label] + two[label] >= 10]
    if len(labels) < 2:
        return []
    table = np.array([[part[label] for label in labels] for part in (one, two)], dtype=float)
    sums = table.sum(axis=1, keepdims=True)
    if not sums.all():
        return []
    expected = sums @ table.sum(axis=0, keepdims=True) / table.sum()
    p = float(chdtrc(len(labels) - 1, ((table - expected) ** 2 / expected).sum()))
    distance = float(np.abs(np.diff(table / sums, axis=0)).sum() / 2)
    return [Shift("labels", distance, p)] if p < SHIFT_LEVEL else []


def curve(calibrated: Calibrated, judged: Judged, delta: float, seed: int) -> tuple[CurvePoint, ...]:
    """The risk–coverage curve of the certified quantity, on calibrate and on test."""
    here = calibrated.judged
    if not len(here.confidence):
        return ()
    thresholds, risks, bounds = risk_curve(here.confidence, here.wrong, delta, here.groups)
    kept = np.unique(np.linspace(0, len(thresholds) - 1, CURVE_POINTS).astype(int))
    if here.excess is not None:
        risks = np.array([(here.excess * (here.confidence >= t)).mean() for t in thresholds[kept]])
        bounds = excess_bounds(here.confidence, here.excess, thresholds[kept], delta, here.groups, seed)
    else:
        risks, bounds = risks[kept], bounds[kept]
    loss = judged.excess if here.excess is not None and judged.excess is not None else judged.wrong.astype(float)
    points = []
    for threshold, risk, bound in zip(thresholds[kept], risks, bounds, strict=True):
        answered = judged.confidence >= threshold
        points.append(
            CurvePoint(
                threshold=float(threshold),
                coverage=float((here.confidence >= threshold).mean()),
                risk=float(risk),
                bound=float(bound),
                test_coverage=float(answered.mean()) if len(answered) else 0.0,
                test_risk=float((loss * answered).mean()) if len(loss) else 0.0,
            )
        )
    return tuple(points)
