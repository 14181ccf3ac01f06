"""How the run was made, so that it can be made again; and the words that the report uses."""

from __future__ import annotations

from collections.abc import Mapping

from sizewise.core.record import RunRecord
from sizewise.report.numbers import moment
from sizewise.report.table import Cell, Group, Row, Table, number
from sizewise.report.visible import visible
from sizewise.report.words import Words

GLOSSARY = (
    "task", "reference", "rung", "specialist", "confidence", "coverage", "escalation", "risk", "guarantee", "agreement",
    "answered_agreement",
)  # fmt: skip


def run_facts(record: RunRecord, words: Words) -> Table:
    """Run, command, seed, data and machine."""
    verdict, made = record.verdict, record.provenance
    facts: dict[str, str] = {
        "run_id": verdict.run_id,
        "created": moment(verdict.created),
        "version": verdict.sizewise_version,
        "command": made.command,
        "seed": str(verdict.seed),
        "sources": ", ".join(record.data_check.sources),
        "columns": ", ".join(record.data_check.columns),
        "data_sha256": verdict.data.sha256,
        "encoder": made.encoder or words("none"),
        "python": made.python,
        "platform": made.platform,
        "cpu": f"{made.cpu} × {made.cpu_count}",
    }
    rows = [
        Row(Cell(words(f"making.{name}")), [Cell(visible(text, 300), kind="label")]) for name, text in facts.items()
    ]
    return Table(words("making.run_caption"), [words("making.fact"), words("making.value")], [Group(rows)])


def stages(record: RunRecord, words: Words) -> Table:
    """Seconds by stage."""
    rows = [
        Row(Cell(words.known(f"stage.{name}", visible(name))), [number(seconds, "s", words)])
        for name, seconds in record.verdict.seconds.items()
    ]
    return Table(words("making.stages_caption"), [words("making.stage"), words("making.seconds")], [Group(rows)])


def named(record: RunRecord, words: Words) -> list[Table]:
    """Versions, licences and hashes, each a table of names and values."""
    made = record.provenance
    return [
        _names("versions", made.versions, words),
        _names("licences", made.licences, words),
        _names("hashes", made.hashes, words),
    ]


def _names(kind: str, values: Mapping[str, str], words: Words) -> Table:
    rows = [Row(Cell(visible(k, 200), kind="label"), [Cell(visible(v, 200), kind="label")]) for k, v in values.items()]
    return Table(words(f"making.{kind}_caption"), [words("making.name"), words("making.value")], [Group(rows)])


def glossary(words: Words) -> list[tuple[str, str]]:
    """The words of the report, one line each."""
    return [(words(f"glossary.{word}.word"), words(f"glossary.{word}.meaning")) for word in GLOSSARY]
