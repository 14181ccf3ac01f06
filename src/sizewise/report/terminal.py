"""The verdict for a terminal: at most 25 lines of plain text."""

from __future__ import annotations

import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from typing import Literal

from sizewise.core.measurement import Measured
from sizewise.core.record import RunRecord
from sizewise.report.headline import contradictions, headline
from sizewise.report.visible import stripped
from sizewise.report.words import Words

WIDTH, MOST_LINES, MOST_RUNGS, MOST_REASONS = 100, 25, 8, 2


def summary(record: RunRecord, language: Literal["en", "ru"] = "en") -> str:
    """Contradiction, headline, why, the guarantee, the ladder, costs, and the limits that fit."""
    words = Words(language)
    contradicted = [f"!! {said}" for said in contradictions(record.verdict, words)]
    start = [line for text in (*contradicted, headline(record, words, stripped)) for line in _wrapped(text, "")]
    reasons = [line for reason in record.verdict.reasons[:MOST_REASONS] for line in _bullet(words.reason(reason))]
    lines = [*start, "", *reasons, *_system(record, words), "", *_ladder(record, words), *_costs(record, words)]
    lines = lines[: MOST_LINES - 1]
    return "\n".join([*lines, *_limits(record, words, MOST_LINES - len(lines))])


def _wrapped(text: str, indent: str) -> list[str]:
    return textwrap.wrap(stripped(text, 2_000), WIDTH, subsequent_indent=indent, break_on_hyphens=False)


def _bullet(text: str) -> list[str]:
    return _wrapped(f"- {text}", "  ")


def _system(record: RunRecord, words: Words) -> Iterator[str]:
    guarantee, cascade = record.verdict.guarantee, record.verdict.cascade
    if guarantee is None:
        return
    write = words.numbers.write
    bound = guarantee.bound if guarantee.holds else guarantee.bound_answering_all
    parameters = {
        "bound": "–" if bound is None else write(bound, "bound"),
        "limit": write(guarantee.limit, "bound"),
        "certainty": write(1 - guarantee.delta, "level"),
    }
    if cascade is None:
        yield from _wrapped(words("terminal.uncertified", **parameters), "")
    elif cascade.threshold <= 0:
        yield from _wrapped(words("terminal.small", **parameters), "")
    else:
        coverage, threshold = _brief(cascade.coverage, "share", words), words.numbers.plain(cascade.threshold, 3)
        yield from _wrapped(words("terminal.cascade", coverage=coverage, threshold=threshold, **parameters), "")


def _brief(measured: Measured | None, unit: str, words: Words) -> str:
    if measured is None:
        return words("terminal.no")
    interval = words.numbers.interval(measured, unit)
    return words.numbers.write(measured.value, unit) + (f" ({interval})" if interval else "")


def _point(measured: Measured | None, unit: str, words: Words) -> str:
    return words("terminal.no") if measured is None else words.numbers.write(measured.value, unit)


def _ladder(record: RunRecord, words: Words) -> list[str]:
    gold = record.verdict.reference == "gold"
    quality = words("terminal.quality_accuracy" if gold else "terminal.quality_agreement")
    rows = [[words("rung"), quality, words("terminal.latency"), words("terminal.memory"), ""]]
    rungs, chosen = record.verdict.rungs, record.measurements.chosen
    for rung in (r for i, r in enumerate(rungs) if i < MOST_RUNGS or r.name == chosen):
        p50 = rung.latency_ms.p50 if rung.latency_ms else None
        of_rung = _brief(rung.accuracy if gold else rung.agreement, "share", words)
        mark = words("terminal.chosen") if rung.name == chosen else ""
        rows.append(
            [
                stripped(rung.name, 24),
                of_rung,
                _point(p50, "ms", words),
                _point(rung.peak_memory_mb, "MiB", words),
                mark,
            ]
        )
    if large := record.verdict.large:
        name, p50 = large.model or words("large_model_unnamed"), large.latency_ms.p50 if large.latency_ms else None
        right = _brief(large.accuracy, "share", words) if gold else words("terminal.reference")
        rows.append([stripped(name, 24), right, _point(p50, "ms", words), words("terminal.no"), ""])
    return _aligned(rows)


def _aligned(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(_width(row[i]) for row in rows) for i in range(len(rows[0]))]
    return [
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in rows
    ]


def _width(text: str) -> int:
    """Terminal columns: wide characters take two, combining ones none."""
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _costs(record: RunRecord, words: Words) -> Iterator[str]:
    costs = record.verdict.costs
    ways = {"small": costs.small_per_1k_usd, "cascade": costs.cascade_per_1k_usd, "large": costs.large_per_1k_usd}
    if record.verdict.cascade is not None and record.verdict.cascade.coverage.value >= 1:
        del ways["cascade"]
    said = "; ".join(
        f"{words(f'way.{way}')} {_point(value, 'usd', words)}" for way, value in ways.items() if value is not None
    )
    if said:
        yield from _wrapped(f"{words('terminal.cost')}: {said}", "  ")


def _limits(record: RunRecord, words: Words, room: int) -> list[str]:
    """As many limits as fit, each on its first line, the contradiction apart: it stands first already."""
    limits = [limit for limit in record.verdict.limit_codes if limit.code != "test_contradicts"]
    if not limits or room < 2:
        return []
    if len(limits) > room - 1:
        shown = limits[: max(0, room - 2)]
        rest = [f"- {words('terminal.further', n=words.numbers.count(len(limits) - len(shown)))}"]
    else:
        shown, rest = limits, []
    return [f"{words('terminal.limits')}:", *(_shortened(words.reason(limit)) for limit in shown), *rest]


def _shortened(text: str) -> str:
    return textwrap.shorten(f"- {stripped(text, 2_000)}", WIDTH, placeholder="…")
