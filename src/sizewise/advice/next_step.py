"""What to do next: a command that exists, and why it is the one."""

from __future__ import annotations

from sizewise.advice.judgement import Judgement
from sizewise.advice.questionnaire import Answers


def next_step(judgement: Judgement, answers: Answers) -> tuple[str, str]:
    """(name of the reason in words.toml, command). The cheapest measurement that the data at hand allows."""
    data, today = answers.get("data"), answers.get("today")
    if data == "plenty" or today == "llm_logged":
        if answers.get("output") in ("fields", "short", "text"):
            return "next_log_other", "sizewise check LOG.jsonl"
        return "next_log", "sizewise decide LOG.jsonl --out run"
    if data == "hundreds":
        return "next_hundreds", "sizewise check LOG.jsonl"
    if judgement.advice == "large" or data == "none":
        return "next_models", "sizewise models --fits"
    if data == "recordable" or today in ("llm", "people"):
        return "next_record", "sizewise check LOG.jsonl"
    return "next_demo", "sizewise demo"
