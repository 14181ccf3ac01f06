"""The scorecard that people argue about, filled with measurements: small beside large."""

from __future__ import annotations

from sizewise.core.measurement import LargeMeasurement, Measured, RungMeasurement
from sizewise.core.record import RunRecord
from sizewise.report.headline import has_fallback
from sizewise.report.table import Cell, Group, Row, Table, figure, missing, number
from sizewise.report.visible import visible
from sizewise.report.words import Words

_SMALL = RungMeasurement("", None, None, None, None, None, None, None, None, None)
_LARGE = LargeMeasurement(None, None, None, None, None, None, None, None)


def scorecard(record: RunRecord, words: Words) -> Table:
    """Purpose, resources, training, deployment, understanding: a group of rows each."""
    verdict = record.verdict
    small = verdict.small.name if verdict.small else words("small_model_unnamed")
    large = (verdict.large.model if verdict.large else None) or words("large_model_unnamed")
    groups = {
        "purpose": _purpose(record, words),
        "resources": _resources(record, words),
        "training": _training(record, words),
        "deployment": _deployment(record, words),
        "understanding": _understanding(record, words),
    }
    return Table(
        words("scorecard.caption"),
        (
            words("scorecard.question"),
            words("scorecard.small", name=visible(small, 40)),
            words("scorecard.large", name=visible(large, 40)),
        ),
        [Group(rows, words(f"scorecard.{name}")) for name, rows in groups.items()],
    )


def _row(key: str, small: Cell, large: Cell, words: Words) -> Row:
    return Row(Cell(words(key)), [small, large])


def _of_large(record: RunRecord, cell: Cell, words: Words) -> Cell:
    return cell if record.verdict.large is not None else Cell(words("scorecard.no_large"), kind="missing")


def _purpose(record: RunRecord, words: Words) -> list[Row]:
    verdict = record.verdict
    small, large, cascade = verdict.small or _SMALL, verdict.large or _LARGE, verdict.cascade
    agreement = _large_agreement(record, words)
    rows = [
        ("measure.accuracy_all", small.accuracy, figure(large.accuracy, "share", words)),
        ("measure.agreement_all", small.agreement, agreement),
    ]
    table = [_row(key, figure(s, "share", words), _of_large(record, cell, words), words) for key, s, cell in rows]
    f1 = _row(
        "measure.macro_f1",
        figure(small.macro_f1, "score", words),
        _of_large(record, figure(large.macro_f1, "score", words), words),
        words,
    )
    covered = (
        figure(cascade.coverage, "share", words) if cascade else Cell(words("card.nothing_certified"), kind="missing")
    )
    everything = _of_large(record, Cell(words("scorecard.everything")), words)
    return [*table, f1, _row("measure.coverage", covered, everything, words)]


def _large_agreement(record: RunRecord, words: Words) -> Cell:
    large = record.verdict.large
    if large is not None and large.self_agreement is not None:
        return figure(large.self_agreement, "share", words, words("scorecard.with_itself"))
    return Cell(words("scorecard.is_the_reference"), kind="missing")


def _resources(record: RunRecord, words: Words) -> list[Row]:
    small, large, costs = record.verdict.small or _SMALL, record.verdict.large or _LARGE, record.verdict.costs
    unknown = _of_large(record, missing(words), words)
    pairs: list[tuple[str, Measured | None, str, Cell]] = [
        ("measure.memory", small.peak_memory_mb, "MiB", unknown),
        ("measure.artifact", small.artifact_mb, "MiB", unknown),
        ("measure.latency_p50", _p50(small), "ms", _of_large(record, figure(_p50(large), "ms", words), words)),
        ("measure.latency_p95", _p95(small), "ms", _of_large(record, figure(_p95(large), "ms", words), words)),
        ("measure.throughput", small.throughput_per_s, "per_s", unknown),
        (
            "measure.cost",
            costs.small_per_1k_usd,
            "usd",
            _of_large(record, figure(costs.large_per_1k_usd, "usd", words), words),
        ),
    ]
    return [_row(key, figure(value, unit, words), cell, words) for key, value, unit, cell in pairs]


def _p50(model: RungMeasurement | LargeMeasurement) -> Measured | None:
    return model.latency_ms.p50 if model.latency_ms else None


def _p95(model: RungMeasurement | LargeMeasurement) -> Measured | None:
    return model.latency_ms.p95 if model.latency_ms else None


def _training(record: RunRecord, words: Words) -> list[Row]:
    small, check = record.verdict.small or _SMALL, record.data_check
    none = _of_large(record, Cell(words("scorecard.needs_no_training")), words)
    detail = words("scorecard.trained_on_answers", n=words.numbers.count(check.trained_on_answers))
    examples = number(check.splits.get("train"), "count", words, detail if check.trained_on_answers else "")
    return [
        _row("measure.fit_seconds", figure(small.fit_seconds, "s", words), none, words),
        _row("measure.train_examples", examples, none, words),
    ]


def _deployment(record: RunRecord, words: Words) -> list[Row]:
    leaves = (
        "scorecard.rest_leaves" if record.verdict.decision == "cascade" and has_fallback(record) else "scorecard.stays"
    )
    return [
        _row(
            "scorecard.where",
            Cell(words("scorecard.local")),
            _of_large(record, Cell(words("scorecard.api")), words),
            words,
        ),
        _row("scorecard.texts", Cell(words(leaves)), _of_large(record, Cell(words("scorecard.leaves")), words), words),
    ]


def _understanding(record: RunRecord, words: Words) -> list[Row]:
    verdict, large = record.verdict, record.verdict.large or _LARGE
    labels = words("scorecard.narrow", labels=words.numbers.count(len(record.data_check.labels)))
    foreign = "scorecard.foreign_answered" if verdict.decision == "small" else "scorecard.foreign_handed_on"
    wrong = large.accuracy
    errors = None if wrong is None else Measured(1 - wrong.value, _minus(wrong.high), _minus(wrong.low), wrong.n)
    risk = figure(verdict.cascade.risk if verdict.cascade else _errors(verdict.small), "share", words)
    return [
        _row("scorecard.scope", Cell(labels), _of_large(record, Cell(words("scorecard.broad")), words), words),
        _row(
            "scorecard.foreign",
            Cell(words(foreign)),
            _of_large(record, Cell(words("scorecard.foreign_large")), words),
            words,
        ),
        _row(
            "scorecard.errors_gold" if verdict.reference == "gold" else "scorecard.errors_llm",
            risk,
            _of_large(record, figure(errors, "share", words), words),
            words,
        ),
        _row(
            "scorecard.unusable",
            Cell(words("scorecard.never_unusable")),
            _of_large(record, figure(large.unusable, "share", words), words),
            words,
        ),
        _row(
            "scorecard.wording",
            _small_wording(record, words),
            _of_large(record, figure(large.wording_sensitivity, "share", words), words),
            words,
        ),
    ]


def _small_wording(record: RunRecord, words: Words) -> Cell:
    """How far the small model hangs on its prompt; a trained one has none."""
    small = record.verdict.small
    probed = next((one for one in record.measurements.probes if small and one.model == small.name), None)
    if probed is not None and probed.kind == "trained":
        return Cell(words("scorecard.no_prompt"))
    return figure(probed.changed_by_wording if probed else None, "share", words)


def _minus(share: float | None) -> float | None:
    return None if share is None else 1 - share


def _errors(small: RungMeasurement | None) -> Measured | None:
    right = (small.accuracy or small.agreement) if small else None
    return None if right is None else Measured(1 - right.value, _minus(right.high), _minus(right.low), right.n)
