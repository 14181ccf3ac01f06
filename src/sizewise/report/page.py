"""The report as one HTML page that loads nothing: opens offline, prints, mails."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any, Literal

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

from sizewise.core.record import RunRecord
from sizewise.report.headline import contradictions, verdict_sentence
from sizewise.report.pictures.class_picture import class_picture
from sizewise.report.pictures.curve_picture import curve_picture
from sizewise.report.pictures.frame import Picture
from sizewise.report.pictures.ladder_picture import ladder_picture
from sizewise.report.recount import recount
from sizewise.report.sections import (
    audit,
    brief,
    data,
    forecast,
    key_figures,
    ladder,
    making,
    mistakes,
    money,
    portions,
    probes,
    scorecard,
)
from sizewise.report.visible import visible
from sizewise.report.words import Words

#: in reading order; one that has nothing to say is left out
SECTIONS = (
    "verdict", "evidence", "scorecard", "curve", "mistakes", "look", "ladder", "audit", "probes", "forecast", "data", "money",
    "limits", "making",
)  # fmt: skip
_OPTIONAL = ("audit", "forecast", "probes")


def render(record: RunRecord, language: Literal["en", "ru"] = "en", texts: Mapping[str, str] | None = None) -> str:
    """The page. ``texts`` maps row ids to input texts; only with it are example texts shown."""
    words = Words(language)
    page = environment().get_template("page.html.j2")
    told = {**_verdict(record, words), **_evidence(record, texts, words), **_background(record, words)}
    return page.render(
        words=words,
        language=language,
        sections=[name for name in SECTIONS if name not in _OPTIONAL or told.get(name)],
        verdict=record.verdict,
        task=visible(record.verdict.task),
        texts_given=bool(texts),
        **told,
    )


def _verdict(record: RunRecord, words: Words) -> dict[str, Any]:
    return {
        "headline": verdict_sentence(record, words),
        "contradictions": contradictions(record.verdict, words),
        "traffic": brief.traffic(record, words),
        "briefs": brief.briefs(record, words),
        "reasons": [words.reason(reason) for reason in record.verdict.reasons],
        "limits": [words.reason(limit) for limit in record.verdict.limit_codes],
        "cards": key_figures.cards(record, words),
        "recount": recount(record),
    }


def _evidence(record: RunRecord, texts: Mapping[str, str] | None, words: Words) -> dict[str, Any]:
    return {
        "scorecard": scorecard.scorecard(record, words),
        "ladder": ladder.ladder(record, words),
        "ladder_picture": drawn(ladder_picture(record, words)),
        "curve_picture": drawn(curve_picture(record, words)),
        "disputes": mistakes.disputes(record, words),
        "confusions": mistakes.confusions(record, words),
        "disagreements": mistakes.disagreements(record, texts, words),
        "worst_labels": portions.worst_labels(record, words),
        "all_labels": portions.all_labels(record, words),
        "slices": portions.slices(record, words),
        "probes": probes.probes(record, words),
        "probe_sentences": probes.sentences(record, words),
        "audit": audit.audit(record, words),
        "audit_sentences": audit.sentences(record, words),
        "forecast": [
            {"sentence": seen.sentence, "picture": drawn(seen.picture), "table": seen.table}
            for seen in forecast.forecast(record, words)
        ],
    }


def _background(record: RunRecord, words: Words) -> dict[str, Any]:
    return {
        "data_sentences": data.sentences(record, words),
        "data_found": data.found(record),
        "data_splits": data.splits(record, words),
        "data_facts": data.facts(record, words),
        "data_findings": data.findings(record, words),
        "class_picture": drawn(class_picture(record, words)),
        "ways": money.ways(record, words),
        "break_even": money.break_even(record, words),
        "assumptions": money.assumptions(record, words),
        "run_facts": making.run_facts(record, words),
        "stages": making.stages(record, words),
        "named": [table for table in making.named(record, words) if not table.empty],
        "glossary": making.glossary(words),
    }


def drawn(picture: Picture | None) -> dict[str, Any] | None:
    """The picture for the template; its SVG was escaped when it was drawn."""
    if picture is None:
        return None
    return {"svg": Markup(picture.svg), "caption": picture.caption, "note": picture.note}  # noqa: S704


@cache
def environment() -> Environment:
    """The templates; everything that they are given is escaped."""
    environment = Environment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.globals["css"] = Markup(_template("page.css"))  # noqa: S704 - a file of ours
    return environment


def _template(name: str) -> str:
    return files("sizewise.report").joinpath("templates", name).read_text(encoding="utf-8")
