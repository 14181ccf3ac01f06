"""What differs between the two runs before anything was measured: data, reference, bar, seed, version."""

from __future__ import annotations

from sizewise.core.record import RunRecord
from sizewise.report.comparison.side import Side
from sizewise.report.numbers import moment
from sizewise.report.table import Cell, Group, Row, Table
from sizewise.report.visible import visible
from sizewise.report.words import Words

SHORT_HASH = 12


def changes(one: Side, other: Side, words: Words) -> Table:
    """A row a setting, those that differ first and marked."""
    first, second = _settings(one.record, words), _settings(other.record, words)
    rows = []
    for name in first:
        mark = "" if first[name] == second[name] else words("comparison.differs")
        cells = [Cell(first[name], kind="set"), Cell(second[name], kind="set")]
        rows.append(Row(Cell(words(f"comparison.{name}")), cells, mark, "≠"))
    rows.sort(key=lambda row: not row.mark)
    columns = [words("comparison.setting"), words("comparison.this"), words("comparison.other")]
    return Table(words("comparison.changes_caption"), columns, [Group(rows)])


def _settings(record: RunRecord, words: Words) -> dict[str, str]:
    verdict, bar, made = record.verdict, record.measurements.bar, record.provenance
    write, none = words.numbers.write, words("none")
    return {
        "data": f"{verdict.data.sha256[:SHORT_HASH]}…",
        "sources": visible(", ".join(record.data_check.sources), 300),
        "rows": words.numbers.count(verdict.data.rows),
        "splits": " / ".join(words.numbers.count(n) for n in verdict.data.splits.values()),
        "reference": words(f"comparison.reference_{verdict.reference}"),
        "target": none if verdict.target is None else write(verdict.target, "level"),
        "margin": write(verdict.margin, "level"),
        "delta": write(1 - verdict.delta, "level"),
        "volume": none if bar.volume_per_month is None else words.numbers.count(bar.volume_per_month),
        "seed": str(verdict.seed),
        "rungs": visible(", ".join(rung.name for rung in verdict.rungs), 300),
        "chosen": visible(record.measurements.chosen),
        "encoder": visible(made.encoder or none, 300),
        "version": visible(verdict.sizewise_version),
        "libraries": visible(", ".join(f"{k} {v}" for k, v in made.versions.items() if k != "sizewise"), 500),
        "created": visible(moment(verdict.created)),
    }
