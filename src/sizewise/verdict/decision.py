"""The verdict: arithmetic on stored measurements, without clock or files, so that it can be replayed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from sizewise.core.measurement import Certificate, Measured, Measurements, RungMeasurement, SystemMeasurement
from sizewise.core.verdict import (
    SCHEMA_VERSION,
    CascadeEntry,
    Constraint,
    Costs,
    DataSummary,
    Decision,
    Guarantee,
    Reason,
    Verdict,
)
from sizewise.verdict.cost import break_even, costs
from sizewise.verdict.more_data import alone_will_not, more_data, remedy, rows_needed, would_do
from sizewise.verdict.wording import reason

ROUGH_TEST = 500
CIRCUMSTANCES_THAT_LIMIT = (
    "language_not_read", "closed_form", "sampled", "set_aside", "prompt_holds_examples", "upper_not_installed",
    "upper_unplanned", "upper_out_of_time", "upper_stopped", "upper_not_possible", "written_kept",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one run from another; nothing of it enters the decision."""

    sizewise_version: str
    run_id: str
    created: str
    seconds: Mapping[str, float]


def decide(measured: Measurements, identity: Identity) -> Verdict:
    """The verdict by the rule: quality decides, then latency and memory, then cost where a volume is given."""
    small = next((r for r in measured.rungs if r.name == measured.chosen), None)
    coverage = measured.system.coverage if measured.system else None
    money = costs(measured, small, coverage)
    decision, binding, reasons = _decision(measured, small, money)
    limits = tuple(_limits(measured, decision))
    guarantees = tuple(_guarantee(c) for c in measured.certificates)
    return Verdict(
        schema_version=SCHEMA_VERSION,
        sizewise_version=identity.sizewise_version,
        run_id=identity.run_id,
        created=identity.created,
        seed=measured.seed,
        task=measured.task,
        data=DataSummary(
            sha256=measured.data.sha256,
            rows=measured.data.rows,
            groups=measured.data.groups,
            splits={"train": measured.data.train, "calibrate": measured.data.calibrate, "test": measured.data.test},
            augmented=measured.data.augmented,
        ),
        decision=decision,
        reference=measured.reference,
        target=_target(measured),
        margin=measured.bar.margin,
        delta=measured.bar.delta,
        reasons=tuple(reasons),
        binding_constraint=binding,
        limits=tuple(limit.text for limit in limits),
        limit_codes=limits,
        rungs=measured.rungs,
        small=small,
        large=measured.large,
        cascade=_cascade(measured.system, money),
        guarantee=_binding_guarantee(guarantees),
        guarantees=guarantees,
        costs=money,
        break_even=break_even(measured, money, small, coverage),
        more_data=more_data(measured, decision, binding),
        seconds=dict(identity.seconds),
        contradicted=bool(list(_contradictions(measured))),
        probes=measured.probes,
    )


def _target(measured: Measurements) -> float | None:
    if any(c.quantity == "risk" for c in measured.certificates):
        return measured.bar.effective_target
    return measured.bar.target


def _decision(
    measured: Measurements, small: RungMeasurement | None, money: Costs
) -> tuple[Decision, Constraint, list[Reason]]:
    decision, binding, reasons = _by_quality(measured)
    if decision in ("small", "cascade") and small is not None:
        for constraint, why in _exceeded(measured, small, money, decision):
            reasons.append(why)
            decision, binding = "large", constraint
            break
    reasons += _about_choice(measured, small)
    reasons += _about_large(measured, small)
    reasons += [
        reason(c.code, **c.parameters) for c in measured.circumstances if c.code not in CIRCUMSTANCES_THAT_LIMIT
    ]
    if decision == "large":
        if measured.bar.perimeter == "closed":
            reasons.append(reason("perimeter_forbids_large"))
        elif measured.large is None:
            reasons.append(reason("no_small_qualifies"))
    elif decision == "cascade" and measured.bar.perimeter == "closed":
        reasons.append(reason("perimeter_closed"))
    return decision, binding, reasons


def _about_choice(measured: Measurements, small: RungMeasurement | None) -> Iterator[Reason]:
    """Why this rung: as good as the best of those within the bar, a better one perhaps being beyond it."""
    scored = {r: r.out_of_fold for r in measured.rungs if r.out_of_fold is not None}
    own = None if small is None else small.out_of_fold
    if small is None or own is None:
        return
    if own.difference > 0:  # judged on a sample: what was judged on all of train is never better than the best of it
        yield reason("better_on_sample", rung=small.name, metric=own.metric, score=own.score.value, n=own.score.n)
    else:
        allowed = [r for r, score in scored.items() if score.difference <= 0]
        best = max(allowed, key=lambda r: scored[r].score.value, default=small)
        if small.name != best.name:
            yield reason("smallest_as_good", rung=small.name, best=best.name, metric=own.metric)
    most = max(score.score.n for score in scored.values())
    for better in (r for r, score in scored.items() if score.difference > 0 and r.name != small.name):
        found = scored[better]
        about: dict[str, str | float | int | None] = {
            "rung": better.name,
            "metric": own.metric,
            "score": found.score.value,
            "chosen": small.name,
        }
        if found.score.n < most and found.difference_low <= 0:
            yield reason("better_not_shown", **about, n=found.score.n)
        else:
            yield reason("better_passed_over", **about, chosen_score=own.score.value)


def _by_quality(measured: Measurements) -> tuple[Decision, Constraint, list[Reason]]:
    system = measured.system
    failing = [c for c in measured.certificates if c.threshold is None]
    if system is None or failing:
        reasons = [_no_threshold(c, measured) for c in failing]
        if not failing:
            return _unusable_threshold(measured)
    else:
        reasons = [_holds(c, system.threshold, measured) for c in measured.certificates]
        if system.threshold <= 0:
            return "small", "none", reasons
        low = _low(system.coverage)
        about_coverage = {
            "coverage": system.coverage.value,
            "coverage_low": low,
            "n": system.coverage.n,
            "min_coverage": measured.bar.min_coverage,
        }
        if low >= measured.bar.min_coverage:
            return "cascade", "quality", [*reasons, reason("coverage_enough", **about_coverage)]
        reasons.append(reason("coverage_too_low", **about_coverage))
    if short := [c for c in measured.certificates if c.n_groups < rows_needed(c.limit, c.delta)]:
        reasons += [
            reason("too_few_calibration_rows", n=c.n_groups, needed=rows_needed(c.limit, c.delta), limit=c.limit)
            for c in short
        ]
        return "more-data", "data", reasons
    if (helping := remedy(measured)) is not None:
        return "more-data", "data", [*reasons, would_do(helping)]
    reasons += alone_will_not(measured)
    return "large", "coverage" if system and not failing else "quality", reasons


def _unusable_threshold(measured: Measurements) -> tuple[Decision, Constraint, list[Reason]]:
    """Every bound holds somewhere, and still there is no system: no test rows, or no threshold in common."""
    if not measured.data.test:
        return "more-data", "data", [reason("no_test_rows")]
    return "large", "coverage", [reason("no_common_threshold")]


def _exceeded(
    measured: Measurements, small: RungMeasurement, money: Costs, decision: Decision
) -> Iterator[tuple[Constraint, Reason]]:
    bar = measured.bar
    if bar.latency_p95_ms is not None and small.latency_ms is not None:
        p95 = small.latency_ms.p95
        if _high(p95) > bar.latency_p95_ms:
            yield (
                "latency",
                reason(
                    "latency_exceeds",
                    latency=round(p95.value, 3),
                    latency_high=round(_high(p95), 3),
                    limit=bar.latency_p95_ms,
                ),
            )
    if bar.memory_mb is not None and small.peak_memory_mb is not None and small.peak_memory_mb.value > bar.memory_mb:
        yield "memory", reason("memory_exceeds", memory=round(small.peak_memory_mb.value), limit=bar.memory_mb)
    ours = money.small_per_month_usd if decision == "small" else money.cascade_per_month_usd
    theirs = money.large_per_month_usd
    if bar.volume_per_month and ours is not None and theirs is not None and ours > theirs and bar.perimeter == "open":
        yield "cost", reason("cost_exceeds", volume=bar.volume_per_month, small=ours, large=theirs)


def _about_large(measured: Measurements, small: RungMeasurement | None) -> Iterator[Reason]:
    accuracy = measured.large.accuracy if measured.large else None
    if accuracy is None:
        return
    yield reason("large_itself", accuracy=accuracy.value, low=_low(accuracy), high=_high(accuracy), n=accuracy.n)
    if small is not None and small.accuracy is not None:
        yield reason(
            "small_against_large", accuracy=small.accuracy.value, low=_low(small.accuracy), high=_high(small.accuracy),
            n=small.accuracy.n, large=accuracy.value,
        )  # fmt: skip


def _quantity(certificate: Certificate, measured: Measurements) -> str:
    """What the quantity means to a person: against an LLM, an error is a disagreement."""
    return "disagreement" if certificate.quantity == "risk" and measured.reference == "llm" else certificate.quantity


def _no_threshold(certificate: Certificate, measured: Measurements) -> Reason:
    return reason(
        "no_threshold",
        quantity=_quantity(certificate, measured),
        limit=certificate.limit,
        certainty=1 - certificate.delta,
    )


def _holds(certificate: Certificate, threshold: float, measured: Measurements) -> Reason:
    everything = threshold <= 0
    parameters: dict[str, str | float | int | None] = {
        "quantity": _quantity(certificate, measured),
        "bound": certificate.bound_answering_all if everything else certificate.bound,
        "certainty": 1 - certificate.delta,
        "limit": certificate.limit,
    }
    if everything:
        return reason("bound_holds_for_all", **parameters)
    return reason("bound_holds_at_threshold", threshold=round(threshold, 4), **parameters)


def _limits(measured: Measurements, decision: Decision) -> Iterator[Reason]:
    yield from _contradictions(measured)
    data = measured.data
    if data.calibrate:
        yield reason("like_calibration_all" if decision == "small" else "like_calibration", n=data.calibrate)
    accuracy = measured.large.accuracy if measured.large else None
    if measured.reference == "llm" and accuracy is None:
        yield reason("agreement_only")
    if measured.reference == "llm" and accuracy is not None:
        yield reason(
            "reference_llm_with_gold", accuracy=accuracy.value, low=_low(accuracy), high=_high(accuracy), n=accuracy.n
        )
    for shift in measured.shifts:
        yield reason("labels_shift", distance=shift.distance, p=shift.p_value)
    if grouped := [c for c in measured.certificates if c.status == "approximate"]:
        yield reason("approximate_groups", rows=grouped[0].n_rows, groups=grouped[0].n_groups)
    if data.leaked_test or data.leaked_calibrate:
        yield reason("leakage", test=data.leaked_test, calibrate=data.leaked_calibrate)
    if data.test < ROUGH_TEST:
        yield reason("small_test", n=data.test)
    if data.unusable_calibrate and data.calibrate:
        yield reason("unusable_answers", share=data.unusable_calibrate / data.calibrate, n=data.calibrate)
    if measured.large is not None and measured.large.cost_per_1k_usd is None:
        yield reason("no_cost")
    for circumstance in measured.circumstances:
        if circumstance.code in CIRCUMSTANCES_THAT_LIMIT:
            yield reason(circumstance.code, **circumstance.parameters)
    yield from _sensitivities(measured)
    yield reason("latency_here", cpus=measured.cpus)


def _sensitivities(measured: Measurements) -> Iterator[Reason]:
    """How far the large model hangs on the prompt's wording, beside how far the small one hangs on the input's form."""
    for probed in measured.probes:
        changed = probed.changed_by_any_wording
        if changed is not None and (probed.kind == "large" or probed.model == measured.chosen):
            yield reason(
                "hangs_on_wording", model=probed.model, share=changed.value, low=_low(changed), high=_high(changed),
                n=changed.n, wordings=len(probed.wordings),
            )  # fmt: skip
        if probed.model == measured.chosen and probed.inputs:
            worst = max(probed.inputs, key=lambda probe: probe.changed.value)
            yield reason(
                "hangs_on_form", model=probed.model, rule=worst.name, share=worst.changed.value,
                low=_low(worst.changed), high=_high(worst.changed), n=worst.changed.n,
            )  # fmt: skip


def _contradictions(measured: Measurements) -> Iterator[Reason]:
    """Test contradicts a bound where its one-sided 95 % lower bound exceeds the limit."""
    if measured.system is None:
        return
    for certificate in measured.certificates:
        low = measured.system.risk_lower_bound if certificate.quantity == "risk" else measured.system.excess_lower_bound
        if certificate.threshold is not None and low is not None and low > certificate.limit:
            yield reason(
                "test_contradicts", quantity=_quantity(certificate, measured), low=low, limit=certificate.limit
            )


def _guarantee(certificate: Certificate) -> Guarantee:
    return Guarantee(
        quantity=certificate.quantity,
        limit=certificate.limit,
        delta=certificate.delta,
        bound=certificate.bound,
        method=certificate.method,
        n_rows=certificate.n_rows,
        n_groups=certificate.n_groups,
        status=certificate.status,
        scope="task",
        holds=certificate.threshold is not None,
        threshold=certificate.threshold,
        bound_answering_all=certificate.bound_answering_all,
    )


def _binding_guarantee(guarantees: tuple[Guarantee, ...]) -> Guarantee | None:
    """The one that sets the threshold: one that does not hold, else the one with the highest threshold."""
    return max(guarantees, key=lambda g: (not g.holds, g.threshold or 0.0), default=None)


def _cascade(system: SystemMeasurement | None, money: Costs) -> CascadeEntry | None:
    if system is None:
        return None
    return CascadeEntry(
        threshold=system.threshold,
        coverage=system.coverage,
        answered_agreement=system.answered_agreement,
        system_agreement=system.system_agreement,
        system_accuracy=system.system_accuracy,
        cost_per_1k_usd=money.cascade_per_1k_usd,
        answered_accuracy=system.answered_accuracy,
        risk=system.risk,
        excess=system.excess,
        coverage_calibrate=system.coverage_calibrate,
        answered_agreement_calibrate=system.answered_agreement_calibrate,
    )


def _low(value: Measured) -> float:
    return value.value if value.low is None else value.low


def _high(value: Measured) -> float:
    return value.value if value.high is None else value.high
