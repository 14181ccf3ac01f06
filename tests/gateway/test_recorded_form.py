"""From recorded traffic to a run that knows the same requests again: nothing in between is written by hand."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import sizewise
from sizewise.core.exchange import Exchange
from sizewise.gateway.recognition import Recognition
from sizewise.served import open_served
from sizewise.store.traffic.store import open_traffic

from .asking import asked
from .chat_logs import FRAME, chat_log, in_json, messages

WANTED = {"type": "json_object"}


def exchanges(n: int) -> Iterator[Exchange]:
    """What the gateway records of an application that asks in a frame and wants JSON; half of it streamed."""
    log = chat_log(n, answered=in_json, system=None, frame=FRAME, options={"response_format": WANTED})
    for number, record in enumerate(log):
        yield Exchange(
            id=f"{number:032x}",
            at=datetime(2026, 11, 1, tzinfo=UTC) + timedelta(seconds=number),
            path="/v1/chat/completions",
            status=200,
            request=json.dumps(record["request"]).encode(),
            response=json.dumps(record["response"]).encode(),
            request_type="application/json",
            response_type="application/json",
            streamed=number % 2 == 0,
            model="gpt-4o-mini",
            answered_by="gpt-4o-mini",
            finish_reason="stop",
            prompt_tokens=40,
            completion_tokens=6,
            route="large",
        )


def test_a_run_made_of_recorded_traffic_knows_it_again(tmp_path: Path) -> None:
    with open_traffic(f"sqlite:///{tmp_path / 'desk.db'}") as traffic:
        traffic.append(list(exchanges(600)))
    run = sizewise.decide(tmp_path / "desk.db", out=tmp_path / "run", template=FRAME, rungs=["majority", "keywords"])
    opened = open_served(run.folder)
    assert opened.form.template == FRAME
    assert opened.form.response_format == json.dumps(WANTED)
    assert opened.form.answer is not None
    assert opened.form.answer.text("refund") == '{"topic": "refund", "v": 2}'
    assert opened.form.answer.tokens["refund"] == 6
    assert opened.form.bytes_per_token is not None
    request = asked(messages("где посылка?", system=None, frame=FRAME), response_format=WANTED)
    found = Recognition({opened.task: opened.form}).find({}, request)
    assert found is not None
    assert (found.task, found.input, found.usual) == ("desk", "где посылка?", True)
    assert opened.large == "gpt-4o-mini"
