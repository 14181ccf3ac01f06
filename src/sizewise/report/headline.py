"""The verdict in one sentence that a manager understands: for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable

from sizewise.core.record import RunRecord
from sizewise.core.verdict import Guarantee, Verdict
from sizewise.data.split import LARGEST_PART
from sizewise.report.visible import visible
from sizewise.report.words import Words

Clean = Callable[[str], str]


def headline(record: RunRecord, words: Words, clean: Clean = visible) -> str:
    """The decision, what is promised and what it costs, as far as they are known, in one sentence.

    Where the test contradicts the guarantee the promise is left out: it must not be read as one.
    """
    verdict = record.verdict
    promise = "" if verdict.contradicted else _promise(verdict, words)
    return _decision(record, words, clean) + promise + _money(verdict, words) + "."


def verdict_sentence(record: RunRecord, words: Words) -> str:
    """The headline of the page: the decision with the number that carries it; the rest stands right below it."""
    verdict = record.verdict
    promise = "" if verdict.contradicted or verdict.decision != "small" else _promise(verdict, words)
    return _decision(record, words, visible) + promise + "."


def contradictions(verdict: Verdict, words: Words) -> list[str]:
    """What the test says against the guarantee; stands before the headline."""
    said = [words.reason(limit) for limit in verdict.limit_codes if limit.code == "test_contradicts"]
    return said or ([words("contradicted.plain")] if verdict.contradicted else [])


def audience(record: RunRecord, words: Words, clean: Clean = visible) -> str:
    """For whom the verdict holds."""
    verdict = record.verdict
    splits = verdict.data.splits
    return words(
        f"audience.{verdict.reference}",
        task=clean(verdict.task),
        rows=words.numbers.count(verdict.data.rows),
        calibrate=words.numbers.count(splits.get("calibrate", 0)),
        test=words.numbers.count(splits.get("test", 0)),
    )


def has_fallback(record: RunRecord) -> bool:
    """Whether what the small model is unsure of can be passed to a large one."""
    return record.verdict.large is not None and record.measurements.bar.perimeter == "open"


def _decision(record: RunRecord, words: Words, clean: Clean) -> str:
    verdict = record.verdict
    rung = clean(verdict.small.name) if verdict.small else words("small_model_unnamed")
    if verdict.decision == "small":
        return words("headline.small", rung=rung)
    if verdict.decision == "cascade":
        coverage = words.numbers.share(verdict.cascade.coverage.value) if verdict.cascade else words("part")
        key = "headline.cascade" if has_fallback(record) else "headline.cascade_alone"
        return words(key, rung=rung, coverage=coverage)
    if verdict.decision == "more-data":
        return _more_data(record, words)
    return _stay(record, rung, words)


def _more_data(record: RunRecord, words: Words) -> str:
    """How many rows are missing and of which kind: the least that can certify anything, else what was forecast."""
    more, count = record.verdict.more_data, words.numbers.count
    if more is None or more.examples is None:
        return words("headline.more_data_unknown")
    if more.enough is None:
        said = words(f"headline.more_data_least_{record.verdict.reference}", n=count(more.examples))
        rows = _rows_of_log(record, more.examples)
        return said if rows is None else said + words("headline.more_data_log", rows=count(rows))
    told = {
        "n": count(more.examples),
        "kind": words(f"headline.kind_{more.kind or 'calibrate'}"),
        "low": count(more.examples if more.low is None else more.low),
    }
    if more.high is None:
        return words("headline.more_data_open", **told)
    return words("headline.more_data_foreseen", **told, high=count(more.high))


def _rows_of_log(record: RunRecord, examples: int) -> int | None:
    """The rows that bring so many to calibrate; ``None`` where the log itself says which rows do, or no more can."""
    data, check = record.verdict.data, record.data_check
    calibrated = data.splits.get("calibrate", 0)
    if check.split_how == "column" or not calibrated or calibrated + examples > LARGEST_PART:
        return None
    return math.ceil(examples * (data.rows - data.augmented) / calibrated)


def _stay(record: RunRecord, rung: str, words: Words) -> str:
    verdict, bar, write = record.verdict, record.measurements.bar, words.numbers.write
    if verdict.large is None:
        return words("headline.none")
    if bar.perimeter == "closed":
        return words("headline.none_closed")
    small, costs, binding = verdict.small, verdict.costs, verdict.binding_constraint
    if binding == "coverage" and verdict.cascade:
        asked, covered = write(bar.min_coverage, "level"), write(verdict.cascade.coverage.value, "share")
        return words("headline.large_coverage", coverage=covered, asked=asked)
    if binding == "latency" and small and small.latency_ms and bar.latency_p95_ms:
        taken, asked = write(small.latency_ms.p95.value, "ms"), write(bar.latency_p95_ms, "ms")
        return words("headline.large_latency", rung=rung, taken=taken, asked=asked)
    if binding == "memory" and small and small.peak_memory_mb and bar.memory_mb:
        taken, asked = write(small.peak_memory_mb.value, "MiB"), write(bar.memory_mb, "MiB")
        return words("headline.large_memory", rung=rung, taken=taken, asked=asked)
    if binding == "cost" and costs.volume_per_month:
        return words("headline.large_cost", rung=rung, volume=words.numbers.count(costs.volume_per_month))
    return words("headline.large")


def _promise(verdict: Verdict, words: Words) -> str:
    guarantee = verdict.guarantee
    if guarantee is None or not guarantee.holds or verdict.decision not in ("small", "cascade"):
        return ""
    gain = -(guarantee.bound_answering_all or 0.0)
    if verdict.decision == "small" and guarantee.quantity == "excess" and gain >= 0.001:
        return words("promise.better", gain=words.numbers.write(gain, "share"), certainty=_certainty(guarantee, words))
    about = "excess" if guarantee.quantity == "excess" else f"risk_{verdict.reference}"
    limit = words.numbers.write(guarantee.limit, "level")
    return words(f"promise.{about}", limit=limit, certainty=_certainty(guarantee, words))


def _certainty(guarantee: Guarantee, words: Words) -> str:
    return words.numbers.write(1 - guarantee.delta, "level")


def _money(verdict: Verdict, words: Words) -> str:
    costs, write = verdict.costs, words.numbers.write
    if verdict.decision not in ("small", "cascade"):
        if verdict.binding_constraint == "cost" and costs.large_per_month_usd is not None:
            ours = next((c for c in (costs.cascade_per_month_usd, costs.small_per_month_usd) if c is not None), None)
            if ours is not None:
                return words("money.dearer", ours=write(ours, "usd"), theirs=write(costs.large_per_month_usd, "usd"))
        large = costs.large_per_1k_usd
        return "" if large is None else words("money.stays", theirs=write(large.value, "usd"))
    alone = verdict.decision == "small"
    month = costs.small_per_month_usd if alone else costs.cascade_per_month_usd
    if month is not None and costs.large_per_month_usd is not None and costs.volume_per_month:
        volume = words.numbers.count(costs.volume_per_month)
        return words(
            "money.month", volume=volume, ours=write(month, "usd"), theirs=write(costs.large_per_month_usd, "usd")
        )
    ours_1k = costs.small_per_1k_usd if alone else costs.cascade_per_1k_usd
    if ours_1k is None:
        return ""
    if costs.large_per_1k_usd is None:
        return words("money.alone", ours=write(ours_1k.value, "usd"))
    return words("money.per_1k", ours=write(ours_1k.value, "usd"), theirs=write(costs.large_per_1k_usd.value, "usd"))
