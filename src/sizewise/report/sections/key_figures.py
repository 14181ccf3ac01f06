"""The key figures, as cards below the headline."""

from __future__ import annotations

from collections.abc import Iterator

from sizewise.core.measurement import Latency, Measured
from sizewise.core.record import RunRecord
from sizewise.core.verdict import Guarantee, Verdict
from sizewise.report.table import Card, Cell, Row, figure
from sizewise.report.words import Words


def cards(record: RunRecord, words: Words) -> list[Card]:
    """Coverage, quality among what is answered, the guarantee, costs, latency."""
    verdict = record.verdict
    return [
        _coverage(verdict, words),
        _answered(verdict, words),
        *(_guarantee(g, verdict, words) for g in verdict.guarantees or _one(verdict)),
        _cost(verdict, words),
        _latency(verdict, words),
    ]


def _one(verdict: Verdict) -> list[Guarantee | None]:
    return [verdict.guarantee]


def _coverage(verdict: Verdict, words: Words) -> Card:
    title = words("card.coverage")
    if verdict.cascade is None:
        return Card(
            title, [Row(Cell(""), [Cell(words("card.nothing_certified"), kind="missing")])], words("card.coverage_none")
        )
    note = words("card.coverage_note" if verdict.decision in ("small", "cascade") else "card.coverage_unused")
    return Card(title, [Row(Cell(words("split.test")), [figure(verdict.cascade.coverage, "share", words)])], note)


def _answered(verdict: Verdict, words: Words) -> Card:
    """Accuracy and agreement among what is answered; of everything where nothing was certified."""
    cascade, small = verdict.cascade, verdict.small
    if cascade is not None:
        accuracy, agreement, note = cascade.answered_accuracy, cascade.answered_agreement, "card.answered_note"
    elif small is not None:
        accuracy, agreement, note = small.accuracy, small.agreement, "card.answering_all_note"
    else:
        accuracy, agreement, note = None, None, "card.answering_all_note"
    pairs = {"accuracy": accuracy, "agreement": agreement}
    rows = [Row(Cell(words(f"measure.{k}")), [figure(v, "share", words)]) for k, v in pairs.items() if v is not None]
    if not rows:
        rows = [Row(Cell(words(f"measure.{_metric(verdict)}")), [figure(None, "share", words)])]
    return Card(words("card.answered"), rows, words(note))


def _metric(verdict: Verdict) -> str:
    return "accuracy" if verdict.reference == "gold" else "agreement"


def _guarantee(guarantee: Guarantee | None, verdict: Verdict, words: Words) -> Card:
    title = words("card.guarantee")
    if guarantee is None:
        return Card(title, [Row(Cell(""), [Cell(words("card.nothing_certified"), kind="missing")])])
    write = words.numbers.write
    numbers = {
        "limit": write(guarantee.limit, "bound"),
        "certainty": write(1 - guarantee.delta, "level"),
        "rows": words.numbers.count(guarantee.n_rows),
        "groups": words.numbers.count(guarantee.n_groups),
        "what": words(_what(guarantee, verdict)),
        "method": words(f"method.{guarantee.method}"),
        "status": words(f"status.{guarantee.status}"),
    }
    bound = guarantee.bound if guarantee.holds else guarantee.bound_answering_all
    value = "—" if bound is None else f"≤\u00a0{write(bound, 'bound')}"
    head = words("card.bound" if guarantee.holds else "card.bound_answering_all")
    note = words("card.guarantee_note" if guarantee.holds else "card.guarantee_fails", **numbers)
    if verdict.contradicted:
        note = f"{note}; {words('card.guarantee_contradicted')}"
    cell = Cell(value, words("card.guarantee_detail", **numbers), "number")
    return Card(title, [Row(Cell(head), [cell])], note, "warning" if verdict.contradicted else "plain")


def _what(guarantee: Guarantee, verdict: Verdict) -> str:
    return "quantity.excess" if guarantee.quantity == "excess" else f"quantity.risk_{verdict.reference}"


def _cost(verdict: Verdict, words: Words) -> Card:
    costs = verdict.costs
    ways: dict[str, Measured | None] = {"small": costs.small_per_1k_usd, "large": costs.large_per_1k_usd}
    if verdict.cascade is not None and verdict.cascade.coverage.value < 1:
        ways = {"small": ways["small"], "cascade": costs.cascade_per_1k_usd, "large": ways["large"]}
    rows = [Row(Cell(words(f"way.{way}")), [figure(value, "usd", words)]) for way, value in ways.items()]
    return Card(words("card.cost"), rows, words("card.cost_note"), "spread")


def _latency(verdict: Verdict, words: Words) -> Card:
    return Card(words("card.latency"), list(_latency_rows(verdict, words)), words("card.latency_note"), "spread")


def _latency_rows(verdict: Verdict, words: Words) -> Iterator[Row]:
    for way, model in (("small", verdict.small), ("large", verdict.large)):
        latency: Latency | None = model.latency_ms if model else None
        p95 = words("p95", value=words.numbers.write(latency.p95.value, "ms")) if latency else ""
        yield Row(Cell(words(f"model.{way}")), [figure(latency.p50 if latency else None, "ms", words, p95)])
