"""Where small model and reference part: the commonest confusions, and rows worth a person's look."""

from __future__ import annotations

from collections.abc import Mapping

from sizewise.core.record import Disagreement, RunRecord
from sizewise.report.table import Cell, Group, Row, Table, answer, estimate, figure, label, number
from sizewise.report.visible import TEXT_LENGTH, identifier, redacted
from sizewise.report.words import Words

SHOWN, SHOWN_NEAR = 12, 8
SHOWN_CONFUSIONS = 12


def confusions(record: RunRecord, words: Words) -> Table:
    """Reference → answer, how often, and how often the small model answered itself."""
    rows = [
        Row(
            answer(c.reference, words),
            [answer(c.answer, words), number(c.count, "count", words), number(c.answered, "count", words)],
        )
        for c in record.confusions[:SHOWN_CONFUSIONS]
    ]
    columns = ("reference_label", "small_answer", "count", "answered")
    return Table(words("confusions.caption"), [words(f"confusions.{c}") for c in columns], [Group(rows)])


def disputes(record: RunRecord, words: Words) -> Table:
    """Who is right where small and large model differ and the truth is known."""
    told = record.disputes
    if told is None:
        return Table(words("disputes.caption"), (), [])
    of = {"small": told.small_right, "large": told.large_right, "neither": told.neither}
    rows = [Row(Cell(words(f"disputes.{who}")), [figure(right, "share", words)]) for who, right in of.items()]
    return Table(words("disputes.caption"), [words("disputes.who"), words("disputes.share")], [Group(rows)])


def disagreements(record: RunRecord, texts: Mapping[str, str] | None, words: Words) -> Table:
    """The few rows to look at: the surest disagreements, and those whose outcome would move the threshold.

    With the LLM's answer where gold is the reference, with gold where the LLM is, with the text only if ``texts``
    is given.
    """
    gold = record.verdict.reference == "gold"
    other = "llm" if gold else "gold"
    with_other = any(getattr(d, other) is not None for d in record.disagreements)
    names = [
        "id",
        f"reference_{record.verdict.reference}",
        "small_answer",
        *([other] if with_other else []),
        "confidence",
    ]
    names += ["text"] if texts else []
    groups = [
        Group(
            [
                _disagreement(d, other if with_other else None, texts, words)
                for d in record.disagreements
                if d.why == why
            ][:most],
            words(f"disagreements.{why}"),
        )
        for why, most in (("sure", SHOWN), ("threshold", SHOWN_NEAR))
    ]
    return Table(
        words("disagreements.caption"), [words(f"disagreements.{c}") for c in names], [g for g in groups if g.rows],
        wide=bool(texts),
    )  # fmt: skip


def _disagreement(row: Disagreement, other: str | None, texts: Mapping[str, str] | None, words: Words) -> Row:
    cells = [answer(row.reference, words), answer(row.answer, words)]
    if other is not None:
        known = row.llm if other == "llm" else row.gold
        cells.append(Cell("—", kind="missing") if known is None else _other(known, row.answer, words))
    cells.append(estimate(row.confidence, words))
    if texts:
        text = texts.get(row.id)
        cells.append(Cell("—", kind="missing") if text is None else label(redacted(text[:4_000]), TEXT_LENGTH))
    return Row(Cell(identifier(row.id), kind="label"), cells)


def _other(known: str, small: str, words: Words) -> Cell:
    """The third opinion, and whether it sides with the small model."""
    cell = answer(known, words)
    return Cell(cell.text, words("disagreements.same"), "label") if known == small else cell
