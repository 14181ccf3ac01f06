"""The comparison of two runs as one HTML page that loads nothing."""

from __future__ import annotations

from typing import Literal

from sizewise.report.comparison.changes import changes
from sizewise.report.comparison.same_rows import changed_rows, same_rows, shared
from sizewise.report.comparison.side import Side
from sizewise.report.comparison.values import values
from sizewise.report.headline import contradictions, headline
from sizewise.report.page import environment
from sizewise.report.visible import visible
from sizewise.report.words import Words


def compare(one: Side, other: Side, language: Literal["en", "ru"] = "en") -> str:
    """The page: verdicts, what was changed, the shared rows (or why not), every measured value."""
    words = Words(language)
    rows = shared(one, other)
    count = words.numbers.count
    return environment().get_template("comparison.html.j2").render(
        words=words,
        language=language,
        headline=_headline(one, other, words),
        sides=[_side(side, words) for side in (one, other)],
        cautions=_cautions(one, other, words),
        changes=changes(one, other, words),
        why_not=words(f"comparison.{rows.why_not}", n=count(len(rows.pairs))) if rows.why_not else "",
        shared_rows=words(
            "comparison.shared", n=count(len(rows.pairs)), this=count(len(one.predictions)),
            other=count(len(other.predictions)),
        ),
        same_rows=None if rows.why_not else same_rows(rows, one, other, words),
        changed_rows=None if rows.why_not else changed_rows(rows, one, words),
        values=values(one, other, words),
        version=visible(one.record.verdict.sizewise_version),
    )  # fmt: skip


def _headline(one: Side, other: Side, words: Words) -> str:
    first, second = one.record.verdict, other.record.verdict
    decisions = [words(f"decision.{verdict.decision}") for verdict in (first, second)]
    if first.decision != second.decision:
        return words("comparison.headline_other", this=decisions[0], other=decisions[1])
    return words("comparison.headline_same", this=decisions[0])


def _side(side: Side, words: Words) -> dict[str, object]:
    verdict = side.record.verdict
    return {
        "name": visible(side.name, 60),
        "decision": verdict.decision,
        "headline": headline(side.record, words),
        "contradictions": contradictions(verdict, words),
        "created": visible(verdict.created[:10]),
    }


def _cautions(one: Side, other: Side, words: Words) -> list[str]:
    """Why the two sets of figures may not be about the same thing."""
    first, second = one.record.verdict, other.record.verdict
    differs = {
        "caution_task": first.task != second.task,
        "caution_data": first.data.sha256 != second.data.sha256,
        "caution_reference": first.reference != second.reference,
    }
    return [words(f"comparison.{key}") for key, so in differs.items() if so]
