"""What is doubtful in the data: labels, contradictions, leaks, languages, personal data, oddities."""

from __future__ import annotations

from collections.abc import Mapping

from sizewise.core.record import Audit, CheckRecord, DataCheck, Found, RunRecord
from sizewise.report.table import Cell, Group, Row, Table, answer, estimate, figure, number
from sizewise.report.visible import identifier, visible
from sizewise.report.words import Words

WORST, PAIRS, LANGUAGES, IDS = 12, 10, 12, 5


def audit(record: RunRecord | CheckRecord, words: Words) -> list[Table]:
    """A table a finding, the gravest first; empty where nothing was audited or found."""
    check, told = record.data_check, record.audit
    tables = [
        *(_labels(told, words) if told else []),
        _repeats(check, words),
        _leaks(check, words),
        _found("personal", check.personal, words),
        _found("oddities", check.oddities, words),
        _languages(check, words),
    ]
    return [table for table in tables if not table.empty]


def sentences(record: RunRecord | CheckRecord, words: Words) -> list[str]:
    """How many labels are doubted, by whom, and what that means."""
    told, count = record.audit, words.numbers.count
    if told is None:
        return [words("audit.not_audited")]
    rung = visible(told.rung, 120)
    if not told.judged:
        return [words("audit.not_judged", rung=rung)]
    said = [words(f"audit.suspected_{told.reference}", n=count(told.suspected), rows=count(told.rows), rung=rung)]
    return [*said, words("audit.look")] if told.suspected else said


def _labels(told: Audit, words: Words) -> list[Table]:
    shares = {"wrong": told.wrong, "overall": told.overall}
    rows = [Row(Cell(words(f"audit.{k}")), [figure(v, "share", words)]) for k, v in shares.items() if v is not None]
    worst = [
        Row(
            Cell(identifier(s.id), kind="label"),
            [answer(s.given, words), answer(s.suggested, words), estimate(s.probability, words)],
        )
        for s in told.worst[:WORST]
    ]
    pairs = [
        Row(answer(p.one, words), [answer(p.other, words), number(p.count, "count", words)])
        for p in told.confused[:PAIRS]
    ]
    slices = [
        Row(answer(s.name, words), [number(s.rows, "count", words), figure(s.score, "share", words)])
        for s in told.slices
    ]
    return [
        _table("shares", ("measure", "value"), rows, words),
        _table("worst", ("row", f"given_{told.reference}", "suggested", "probability"), worst, words),
        _table("confused", (f"given_{told.reference}", "suggested", "rows"), pairs, words),
        _table("slices", ("slice", "rows", "score"), slices, words),
    ]


def _table(name: str, columns: tuple[str, ...], rows: list[Row], words: Words) -> Table:
    return Table(words(f"audit.{name}_caption"), [words(f"audit.{c}") for c in columns], [Group(rows)])


def _repeats(check: DataCheck, words: Words) -> Table:
    rows = [
        Row(
            Cell(words.known(f"audit.repeats_{kind}", visible(kind))),
            [
                number(found.inputs, "count", words, words("audit.in_rows", n=words.numbers.count(found.rows))),
                number(
                    found.contradicting, "count", words,
                    words("audit.in_rows", n=words.numbers.count(found.contradicting_rows)),
                ),
                figure(found.agreement, "share", words),
                figure(found.ceiling, "share", words),
            ],
        )
        for kind, found in check.repeats.items()
    ]  # fmt: skip
    return _table("repeats", ("repeated", "inputs", "contradicting", "agreement", "ceiling"), rows, words)


def _leaks(check: DataCheck, words: Words) -> Table:
    rows = [
        Row(
            Cell(words(f"split.{leak.split}"), words(f"audit.leak_{leak.kind}")),
            [number(n, "count", words) for n in (leak.rows, leak.same_label, leak.other_label)],
        )
        for leak in check.leaks
        if leak.rows
    ]
    return _table("leaks", ("leak", "rows", "same_label", "other_label"), rows, words)


def _found(name: str, kinds: Mapping[str, Found], words: Words) -> Table:
    rows = []
    for kind, found in sorted(kinds.items(), key=lambda item: -item[1].rows):
        ids = ", ".join(identifier(i) for i in found.ids[:IDS])
        counted = [number(found.rows, "count", words), number(found.occurrences, "count", words)]
        seen = Cell(ids, kind="label") if ids else Cell("—", kind="missing")
        rows.append(
            Row(Cell(words.known(f"{name}.{kind}", visible(kind))), [*counted, *([seen] if name == "oddities" else [])])
        )
    columns = ("kind", "rows", "occurrences", *(("first_rows",) if name == "oddities" else ()))
    return _table(name, columns, rows, words)


def _languages(check: DataCheck, words: Words) -> Table:
    shares = sorted(check.languages.items(), key=lambda item: -item[1].value)[:LANGUAGES]
    rows = [
        Row(Cell(words.known(f"language.{code}", visible(code))), [figure(v, "share", words)]) for code, v in shares
    ]
    return _table("languages", ("language", "share"), rows, words)
