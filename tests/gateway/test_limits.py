"""How many at once, how long for one answer, how long what is recorded stays: as the options say."""

from __future__ import annotations

import json
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from .scripted_upstream import ScriptedUpstream
from .whole_server import chat, serving


def test_more_at_once_than_may_are_told_when_to_come_again(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    limits = ("--max-concurrency", "2", "--timeout", "3")
    with serving(tmp_path, *limits, upstream=f"{upstream.url}/v1") as served, ThreadPoolExecutor(2) as others:
        upstream.next("hang", "hang")
        began = time.monotonic()
        held = [others.submit(served.post, chat(f"held {number}")) for number in range(2)]
        served.until(lambda: len(upstream.seen) == 2)
        status, headers, body = served.post(chat("one too many"))
        assert (status, headers["retry-after"]) == (503, "1")
        assert json.loads(body)["error"]["code"] == "overloaded"
        assert "x-sizewise-route" not in headers  # nobody was asked
        assert served.get("/healthz")[0] == 200
        answers = [one.result(30) for one in held]
        assert [status for status, _, _ in answers] == [504, 504]
        assert 2.9 < time.monotonic() - began < 20  # each answer as a whole has its time
        assert served.post(chat("again"))[0] == 200
        served.until(lambda: served.counted()["sizewise_refused_total", "overloaded"] == 1)
        assert sorted(one.failure or "" for one in served.exchanges()) == [
            "",
            "upstream timed out",
            "upstream timed out",
        ]


def test_it_says_at_the_start_how_long_it_keeps_what_it_records(tmp_path: Path, upstream: ScriptedUpstream) -> None:
    with serving(tmp_path, "--durable", "power", upstream=f"{upstream.url}/v1") as served:
        assert served.post(chat("is it kept?"))[0] == 200
        assert len(served.exchanges()) == 1
        assert "90 days" in served.log
