"""The data check as one HTML page that loads nothing: the findings in words, then the tables behind them."""

from __future__ import annotations

from typing import Literal

from sizewise.core.record import CheckRecord
from sizewise.report import check_terminal
from sizewise.report.page import drawn, environment
from sizewise.report.pictures.class_picture import class_picture
from sizewise.report.sections import audit, data
from sizewise.report.visible import visible
from sizewise.report.words import Words

SECTIONS = ("found", "doubtful", "data", "about")


def render(record: CheckRecord, language: Literal["en", "ru"] = "en") -> str:
    """The page. No text of a row stands in it."""
    words = Words(language)
    check = record.data_check
    return (
        environment()
        .get_template("check.html.j2")
        .render(
            words=words,
            language=language,
            sections=SECTIONS,
            task=visible(record.task),
            version=record.version,
            rows=words.numbers.count(check.rows),
            basics=list(check_terminal.basics(check, words)),
            findings=list(check_terminal.findings(check, words)),
            doubts=list(check_terminal.doubts(record.audit, words)),
            tables=audit.audit(record, words),
            sentences=data.sentences(record, words),
            splits=data.splits(record, words),
            facts=data.facts(record, words),
            lists=data.findings(record, words),
            class_picture=drawn(class_picture(record, words)),
            about=[
                words("check.sources", sources=visible(", ".join(check.sources), 500)),
                words("check.sha256", sha256=check.sha256),
            ],
        )
    )
