"""Where small model and reference part: the commonest confusions, and rows worth a person's look."""

from __future__ import annotations

from collections.abc import Mapping

from sizewise.core.record import Disagreement, RunRecord
from sizewise.report.table import Cell, Group, Row, Table, label, number
from sizewise.report.visible import TEXT_LENGTH, redacted, visible
from sizewise.report.words import Words

SHOWN = 20


def confusions(record: RunRecord, words: Words) -> Table:
    """Reference → answer, how often, and how often the small model answered itself."""
    rows = [
        Row(
            label(c.reference),
            [label(c.answer), number(c.count, "count", words), number(c.answered, "count", words)],
        )
        for c in record.confusions[:SHOWN]
    ]
    columns = ("reference_label", "small_answer", "count", "answered")
    return Table(words("confusions.caption"), [words(f"confusions.{c}") for c in columns], [Group(rows)])


def disagreements(record: RunRecord, texts: Mapping[str, str] | None, words: Words) -> Table:
    """The surest disagreements; the LLM's answer where gold is the reference, the text only if ``texts`` is given."""
    with_llm = record.verdict.reference == "gold" and any(d.llm is not None for d in record.disagreements)
    columns = [
        "id",
        "reference",
        "small_answer",
        *(["llm"] if with_llm else []),
        "confidence",
        *(["text"] if texts else []),
    ]
    rows = [_disagreement(d, with_llm, texts, words) for d in record.disagreements[:SHOWN]]
    return Table(
        words("disagreements.caption"), [words(f"disagreements.{c}") for c in columns], [Group(rows)], wide=bool(texts)
    )


def _disagreement(row: Disagreement, with_llm: bool, texts: Mapping[str, str] | None, words: Words) -> Row:
    cells = [_answer(row.reference), label(row.answer)]
    if with_llm:
        cells.append(Cell("—", kind="missing") if row.llm is None else _answer(row.llm))
    cells.append(number(row.confidence, "share", words))
    if texts:
        text = texts.get(row.id)
        cells.append(Cell("—", kind="missing") if text is None else label(redacted(text[:4_000]), TEXT_LENGTH))
    return Row(label(row.id, 40), cells)


def _answer(text: str) -> Cell:
    """An answer may be free text, with whatever it holds."""
    return Cell(visible(redacted(text[:4_000])), kind="label")
