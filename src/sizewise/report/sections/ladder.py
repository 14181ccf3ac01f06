"""The ladder: every rung that was tried, in two tables, the chosen one marked in words."""

from __future__ import annotations

from sizewise.core.measurement import LargeMeasurement, OutOfFold, RungMeasurement
from sizewise.core.record import RunRecord
from sizewise.report.table import Cell, Group, Row, Table, figure, missing
from sizewise.report.visible import visible
from sizewise.report.words import Words


def ladder(record: RunRecord, words: Words) -> list[Table]:
    """Quality, then resources; the large model closes both."""
    quality = [_row(record, rung, _quality(rung, words), words) for rung in record.verdict.rungs]
    resources = [_row(record, rung, _resources(rung, words), words) for rung in record.verdict.rungs]
    large = record.verdict.large
    if large is not None:
        quality.append(Row(_large_head(large, words), _large_quality(large, words)))
        resources.append(Row(_large_head(large, words), _large_resources(large, words)))
    names = ("accuracy_all", "agreement_all", "macro_f1", "out_of_fold", "difference")
    of_resources = ("latency_p50", "latency_p95", "throughput", "memory", "artifact", "fit_seconds")
    return [
        Table(words("ladder.quality"), _columns(names, words), [Group(quality)], wide=True),
        Table(words("ladder.resources"), _columns(of_resources, words), [Group(resources)], wide=True),
    ]


def _columns(measures: tuple[str, ...], words: Words) -> list[str]:
    return [words("rung"), *(words(f"measure.{m}") for m in measures)]


def _row(record: RunRecord, rung: RungMeasurement, cells: list[Cell], words: Words) -> Row:
    head = Cell(visible(rung.name, 40), words.known(f"rungs.{rung.name}", ""), "label")
    return Row(head, cells, words("ladder.chosen") if rung.name == record.measurements.chosen else "")


def _quality(rung: RungMeasurement, words: Words) -> list[Cell]:
    measured = [
        figure(rung.accuracy, "share", words),
        figure(rung.agreement, "share", words),
        figure(rung.macro_f1, "score", words),
    ]
    if rung.out_of_fold is None:
        return [*measured, missing(words), missing(words)]
    metric = words(f"metric.{rung.out_of_fold.metric}")
    return [*measured, figure(rung.out_of_fold.score, "share", words, metric), _difference(rung.out_of_fold, words)]


def _difference(chosen_by: OutOfFold, words: Words) -> Cell:
    if chosen_by.difference == 0:
        return Cell(words("ladder.best"))
    write = words.numbers.write
    low = words("ladder.at_least", bound=write(chosen_by.difference_low, "points"))
    return Cell(write(chosen_by.difference, "points"), low, "number")


def _resources(rung: RungMeasurement, words: Words) -> list[Cell]:
    latency = rung.latency_ms
    return [
        figure(latency.p50 if latency else None, "ms", words),
        figure(latency.p95 if latency else None, "ms", words),
        figure(rung.throughput_per_s, "per_s", words),
        figure(rung.peak_memory_mb, "MiB", words),
        figure(rung.artifact_mb, "MiB", words),
        figure(rung.fit_seconds, "s", words),
    ]


def _large_head(large: LargeMeasurement, words: Words) -> Cell:
    return Cell(visible(large.model or words("large_model_unnamed"), 40), words(f"ladder.{large.how}"), "label")


def _large_quality(large: LargeMeasurement, words: Words) -> list[Cell]:
    alike = Cell(words("scorecard.is_the_reference"), kind="missing")
    if large.self_agreement is not None:
        alike = figure(large.self_agreement, "share", words, words("scorecard.with_itself"))
    none = Cell("—", kind="missing")
    return [figure(large.accuracy, "share", words), alike, figure(large.macro_f1, "score", words), none, none]


def _large_resources(large: LargeMeasurement, words: Words) -> list[Cell]:
    latency = large.latency_ms
    p50, p95 = (latency.p50, latency.p95) if latency else (None, None)
    return [
        figure(p50, "ms", words),
        figure(p95, "ms", words),
        *(missing(words) for _ in range(3)),
        Cell("—", kind="missing"),
    ]
