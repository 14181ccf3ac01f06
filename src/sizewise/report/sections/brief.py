"""The first screen: where the traffic would go, and the four answers that a manager needs."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sizewise.core.measurement import Measured
from sizewise.core.record import RunRecord
from sizewise.core.verdict import Guarantee, Verdict
from sizewise.evaluate.intervals import share
from sizewise.report.headline import audience, contradictions, has_fallback
from sizewise.report.next_step import next_steps
from sizewise.report.table import Brief, Cell, Part, Row, figure
from sizewise.report.words import Words

#: limits from the gravest to the mildest; a code that is not here comes after those that are
GRAVITY = (
    "test_contradicts", "agreement_only", "reference_llm_with_gold", "labels_shift", "no_test_rows", "small_test", "leakage",
    "like_calibration_all", "like_calibration",
)  # fmt: skip


def traffic(record: RunRecord, words: Words) -> list[Part]:
    """Who would answer what share of the test rows; nothing where the verdict leaves all as it is."""
    cascade, verdict = record.verdict.cascade, record.verdict
    if cascade is None or verdict.decision not in ("small", "cascade"):
        return []
    n = cascade.coverage.n
    answered, wrong = round(cascade.coverage.value * n), round((cascade.risk.value if cascade.risk else 0) * n)
    away = "large" if has_fallback(record) else "people"
    counts = {
        ("own", f"own_{verdict.reference}" if cascade.risk else "own"): answered - wrong,
        ("differs", f"differs_{verdict.reference}"): wrong,
        ("away", away): n - answered,
    }
    return [
        Part(kind, hits / n, words(f"traffic.{key}"), figure(share(hits, n), "share", words))  # type: ignore[arg-type]
        for (kind, key), hits in counts.items()
        if hits
    ]


def briefs(record: RunRecord, words: Words) -> list[Brief]:
    """What it saves, how sure that is, the biggest limit, what to do next."""
    return [_saves(record, words), _sure(record, words), _limit(record, words), _next(record, words)]


def _saves(record: RunRecord, words: Words) -> Brief:
    verdict = record.verdict
    changes = verdict.decision in ("small", "cascade")
    rows = list(_changes(verdict, words) if changes else _as_it_is(verdict, words))
    sentences = list(_about_money(verdict, words)) if changes else [words("brief.nothing_changes")]
    return Brief("saves", words("brief.saves" if changes else "brief.stays"), rows, sentences)


def _changes(verdict: Verdict, words: Words) -> Iterator[Row]:
    costs = verdict.costs
    ours = costs.small_per_1k_usd if verdict.decision == "small" else costs.cascade_per_1k_usd
    alone = verdict.large is None
    accuracy = verdict.cascade.system_accuracy if verdict.cascade else None
    if accuracy is not None:
        yield _compared(
            "brief.accuracy", accuracy, verdict.large.accuracy if verdict.large else None, "share", alone, words
        )
    if ours is not None or costs.small_per_1k_usd is not None:
        yield _compared("brief.cost", ours or costs.small_per_1k_usd, costs.large_per_1k_usd, "usd", alone, words)
    small, large = verdict.small, verdict.large
    p50 = small.latency_ms.p50 if small and small.latency_ms else None
    theirs = large.latency_ms.p50 if large and large.latency_ms else None
    if p50 is not None:
        yield _compared("brief.latency", p50, theirs, "ms", alone, words)


def _compared(key: str, ours: Measured | None, theirs: Measured | None, unit: str, alone: bool, words: Words) -> Row:
    """A row of two cells: with the small model, and as it is; one where there is no large model."""
    cells = [figure(ours, unit, words)]
    if not alone:
        cells.append(figure(theirs, unit, words))
    return Row(Cell(words(key)), cells)


def _as_it_is(verdict: Verdict, words: Words) -> Iterator[Row]:
    if verdict.large is None:
        return
    p50 = verdict.large.latency_ms.p50 if verdict.large.latency_ms else None
    for key, value, unit in (("cost", verdict.costs.large_per_1k_usd, "usd"), ("latency", p50, "ms")):
        if value is not None:
            yield Row(Cell(words(f"brief.{key}")), [figure(value, unit, words)])


def _about_money(verdict: Verdict, words: Words) -> Iterator[str]:
    costs, write = verdict.costs, words.numbers.write
    month = costs.small_per_month_usd if verdict.decision == "small" else costs.cascade_per_month_usd
    if month is not None and costs.large_per_month_usd is not None and costs.volume_per_month:
        yield words(
            "brief.month", volume=words.numbers.count(costs.volume_per_month), ours=write(month, "usd"),
            theirs=write(costs.large_per_month_usd, "usd"),
        )  # fmt: skip
    elif verdict.large is not None and costs.large_per_1k_usd is None:
        yield words("brief.cost_unknown")
    else:
        yield words("brief.full_use_cascade" if verdict.decision == "cascade" else "brief.full_use")


def _sure(record: RunRecord, words: Words) -> Brief:
    verdict = record.verdict
    title = words("brief.sure")
    promises = [g for g in (verdict.guarantees or (verdict.guarantee,)) if g is not None]
    if verdict.decision not in ("small", "cascade") or not promises:
        return Brief("sure", title, list(_failed(promises, verdict, words)), [_why_not(verdict, words)])
    rows = [row for promise in promises for row in _kept(promise, verdict, words)]
    sentences = contradictions(verdict, words) or [_promise(promise, verdict, words) for promise in promises]
    return Brief("sure", title, rows, sentences, warning=verdict.contradicted)


def _kept(promise: Guarantee, verdict: Verdict, words: Words) -> Iterator[Row]:
    """The certified bound, and what the test showed."""
    quantity = _quantity(promise, verdict)
    bound = promise.bound
    won = promise.quantity == "excess" and bound is not None and bound < 0
    if bound is not None:
        name = "won" if won else quantity
        yield Row(Cell(words(f"brief.bound_{name}")), [_bound(bound, promise, words)])
    cascade = verdict.cascade
    seen = None if cascade is None else cascade.excess if promise.quantity == "excess" else cascade.risk
    if seen is not None:
        yield Row(Cell(words("brief.on_test")), [figure(_turned(seen) if won else seen, "share", words)])


def _turned(lost: Measured) -> Measured:
    """What is lost, said as what is won."""
    low = None if lost.high is None else -lost.high
    return Measured(-lost.value, low, None if lost.low is None else -lost.low, lost.n)


def _bound(value: float, promise: Guarantee, words: Words) -> Cell:
    if promise.quantity == "excess" and value < 0:
        return replace(_at_most(-value, promise, words), text=f"≥\u00a0{words.numbers.write(-value, 'bound')}")
    return _at_most(value, promise, words)


def _at_most(value: float, promise: Guarantee, words: Words) -> Cell:
    detail = words(
        "brief.bound_detail", certainty=words.numbers.write(1 - promise.delta, "level"),
        limit=words.numbers.write(promise.limit, "level"), n=words.numbers.count(promise.n_rows),
    )  # fmt: skip
    return Cell(f"≤\u00a0{words.numbers.write(value, 'bound')}", detail, "number")


def _failed(promises: list[Guarantee], verdict: Verdict, words: Words) -> Iterator[Row]:
    for promise in promises:
        bound = promise.bound if promise.holds else promise.bound_answering_all
        key = "bound" if promise.holds else "bound_all"
        if bound is not None:
            yield Row(Cell(words(f"brief.{key}_{_quantity(promise, verdict)}")), [_bound(bound, promise, words)])


def _quantity(promise: Guarantee, verdict: Verdict) -> str:
    return "excess" if promise.quantity == "excess" else f"risk_{verdict.reference}"


def _promise(promise: Guarantee, verdict: Verdict, words: Words) -> str:
    certainty = words.numbers.write(1 - promise.delta, "level")
    gain = -(promise.bound_answering_all or 0.0)
    if verdict.decision == "small" and promise.quantity == "excess" and gain >= 0.001:
        return words("brief.promise_better", gain=words.numbers.write(gain, "share"), certainty=certainty)
    limit = words.numbers.write(promise.limit, "level")
    return words(f"brief.promise_{_quantity(promise, verdict)}", limit=limit, certainty=certainty)


def _why_not(verdict: Verdict, words: Words) -> str:
    if verdict.reasons:
        return words.reason(verdict.reasons[-1] if verdict.decision == "more-data" else verdict.reasons[0])
    return words("card.coverage_none")


def _limit(record: RunRecord, words: Words) -> Brief:
    codes = record.verdict.limit_codes
    if record.verdict.contradicted:  # it is said before everything else
        codes = tuple(limit for limit in codes if limit.code != "test_contradicts")
    if not codes:
        return Brief("limit", words("brief.limit"), sentences=[words("page.no_limits"), audience(record, words)])
    gravest = min(codes, key=lambda limit: GRAVITY.index(limit.code) if limit.code in GRAVITY else len(GRAVITY))
    more = len(codes) - 1
    further = words("brief.further_limits", n=words.numbers.count(more)) if more else ""
    return Brief(
        "limit", words("brief.limit"), sentences=[words.reason(gravest), audience(record, words)], further=further
    )


def _next(record: RunRecord, words: Words) -> Brief:
    return Brief("next", words("brief.next"), commands=next_steps(record, words))
