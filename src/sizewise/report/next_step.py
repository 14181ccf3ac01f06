"""What to do next, and the command that does it."""

from __future__ import annotations

import shlex
from collections.abc import Iterator

from sizewise.core.record import RunRecord
from sizewise.report.table import Command
from sizewise.report.visible import visible
from sizewise.report.words import Words

LONGEST = 400
PLACEHOLDER = "RUN"


def next_steps(record: RunRecord, words: Words) -> list[Command]:
    """At most two steps, the more pressing one first."""
    return list(_steps(record, words))[:2]


def _steps(record: RunRecord, words: Words) -> Iterator[Command]:
    verdict, run = record.verdict, run_path(record)
    if verdict.contradicted:
        yield _said("contradicted", words, "check", *_sources(record))
    if verdict.decision == "more-data":
        yield _said("more_data", words, *_again(record))
    elif verdict.decision in ("small", "cascade"):
        yield _said(f"use_{verdict.decision}", words, "predict", run, "rows.jsonl")
        if any(limit.code == "reference_llm_with_gold" for limit in verdict.limit_codes):
            yield _said("truth", words, "decide", *_sources(record), "--out", f"{run}-gold", "--reference", "gold")
        elif verdict.reference == "llm" and record.disagreements:
            yield _said("adjudicate", words, "report", run, "--texts")
        if verdict.costs.large_per_1k_usd is not None and verdict.costs.volume_per_month is None:
            yield _said("volume", words, *_again(record, f"{run}-volume"), "--volume", "1000000")
    elif verdict.binding_constraint == "quality":
        yield _said("better_data", words, "check", *_sources(record))
        yield _said("look", words, "report", run, "--texts")
    else:
        yield _said("other_bar", words, "report", run, "--texts")


def run_path(record: RunRecord) -> str:
    """Where the run was written, by its own command; ``RUN`` where that does not say."""
    parts = _parts(record.provenance.command)
    for i, part in enumerate(parts):
        if part == "--out" and i + 1 < len(parts):
            return parts[i + 1].rstrip("/") or PLACEHOLDER
        if part.startswith("--out="):
            return part.removeprefix("--out=").rstrip("/") or PLACEHOLDER
    return PLACEHOLDER


def _parts(command: str) -> list[str]:
    try:
        return shlex.split(command)
    except ValueError:
        return []


def _sources(record: RunRecord) -> list[str]:
    return list(record.data_check.sources[:3]) or ["LOG"]


def _again(record: RunRecord, out: str | None = None) -> list[str]:
    """The run's own command once more, into another folder."""
    parts = _parts(record.provenance.command)
    if len(parts) < 2 or parts[1] != "decide":
        return ["decide", *_sources(record), "--out", out or f"{run_path(record)}-2"]
    again, skip = [], False
    for part in parts[1:]:
        if skip or part.startswith("--out=") or part == "--force":
            skip = False
        elif part == "--out":
            skip = True
        else:
            again.append(part)
    return [*again, "--out", out or f"{run_path(record)}-2"]


def _said(step: str, words: Words, *arguments: str) -> Command:
    line = shlex.join(["sizewise", *arguments])
    return Command(words(f"next.{step}"), visible(line, LONGEST))
