"""What is kept of a log's requests: their prompt by digest and, where nothing personal is in it, by its text."""

from __future__ import annotations

from pathlib import Path

import pytest

from sizewise.core.form import TaskForm
from sizewise.data.prompts import fingerprint
from sizewise.data.read import read

from .chat_logs import FRAME, SYSTEM, chat_log, write

WANTED = {"type": "json_schema", "json_schema": {"name": "t", "schema": {"type": "object"}}}


def form_of(path: Path, template: str | None = None, **about: object) -> TaskForm:
    return read([write(path / "log.jsonl", chat_log(60, **about))], template=template).form  # type: ignore[arg-type]


def test_the_prompt_is_kept_by_digest_and_text(tmp_path: Path) -> None:
    form = form_of(tmp_path)
    assert form.rows == 60
    assert [(lead.fingerprint, lead.rows) for lead in form.leads] == [(fingerprint([("system", SYSTEM)]), 60)]
    assert form.leads[0].messages == (("system", SYSTEM),)
    assert form.template == "{input}"
    assert form.response_format is None
    assert not form.tools


def test_the_template_and_the_options_are_kept(tmp_path: Path) -> None:
    tools = [{"type": "function", "function": {"name": "f"}}]
    form = form_of(tmp_path, FRAME, frame=FRAME, system=None, options={"response_format": WANTED, "tools": tools})
    assert form.template == FRAME
    assert form.leads[0].fingerprint == fingerprint([])
    assert form.response_format is not None
    assert '"json_schema"' in form.response_format
    assert form.tools


def test_a_prompt_with_something_personal_is_kept_by_digest_alone(tmp_path: Path) -> None:
    form = form_of(tmp_path, system="Escalate to anna.petrova@example.com. Topics: refund, delivery.")
    assert form.leads[0].messages is None
    assert form.leads[0].fingerprint


def test_a_date_in_the_prompt_is_no_new_prompt_but_is_not_kept(tmp_path: Path) -> None:
    records = list(chat_log(60))
    for number, record in enumerate(records):
        record["request"]["messages"][0]["content"] = f"Today is 2026-11-{number % 28 + 1:02}. Sort the message."
    form = read([write(tmp_path / "log.jsonl", records)]).form
    assert len(form.leads) == 1
    assert form.leads[0].rows == 60
    assert form.leads[0].messages is None


def test_what_a_token_is_worth_is_the_logs_own_usage(tmp_path: Path) -> None:
    form = form_of(tmp_path)
    assert form.bytes_per_token is not None
    assert 2 < form.bytes_per_token < 10  # 40 tokens for the prompt and a short message


@pytest.mark.parametrize("plain", [{"input": "a", "answer": "b"}, {"text": "a", "label": "b"}])
def test_plain_rows_say_nothing_of_requests(tmp_path: Path, plain: dict[str, str]) -> None:
    assert read([write(tmp_path / "log.jsonl", [plain] * 20)]).form == TaskForm()
