"""From an application's traffic to a verdict: recorded by the server, decided on as it lies in the store."""

from __future__ import annotations

import json
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.client import HTTPException
from pathlib import Path
from typing import Any

from typer.testing import CliRunner

import sizewise
from sizewise.cli.main import app
from sizewise.data.formats.source import source_hash
from sizewise.data.read import read
from sizewise.stages.captured import release, sources

from .chat_logs import SYSTEM, texts
from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, serving

SAID = dict(texts(160))


def label_of(request: Mapping[str, Any]) -> str:
    return SAID.get(str(request["messages"][-1]["content"]), "refund")


def ask(served: Served, number: int, text: str) -> int:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    body: dict[str, Any] = {"model": "gpt-4o", "messages": messages, "user": f"customer-{number % 24}"}
    if number % 3 == 0:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
    return served.post(body)[0]


def test_what_was_recorded_is_decided_on(tmp_path: Path) -> None:
    with (
        ScriptedUpstream(says=label_of) as upstream,
        serving(tmp_path, "--workers", "2", upstream=upstream.url) as served,
    ):
        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(lambda one: ask(served, *one), enumerate(SAID))) == {200}
        upstream.next("500", "cut")
        for text in ("an error", "a stream that is cut"):
            messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
            with suppress(OSError, HTTPException):  # which is how a client sees the cut
                served.post({"model": "gpt-4o", "messages": messages, "stream": text != "an error"})
        served.post({"model": "text-embedding-3-small", "input": "x"}, "/v1/embeddings")
        (live,) = sources([served.store])
        while_it_serves = source_hash(live)
        release([live])
    run = sizewise.decide(tmp_path / "traffic.db", out=tmp_path / "run", rungs=["majority", "keywords"])
    assert run.verdict.data.sha256 == while_it_serves.hex()
    assert run.verdict.data.rows == 160
    assert any("left out of it: 3 exchanges" in sentence for sentence in run.record.data_check.found)
    by_text = {e.input: e for e in read(sources([tmp_path / "traffic.db"])).examples}
    assert {text: e.answer for text, e in by_text.items()} == SAID
    assert all(e.prompt_tokens and e.completion_tokens and e.cost_usd and e.latency_ms for e in by_text.values())


def test_a_customer_is_deleted_while_the_server_runs(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream, serving(tmp_path, upstream=upstream.url) as served:
        for number in range(48):
            assert ask(served, number, f"private words of customer-{number % 24}") == 200
        assert len(served.exchanges()) == 48
        command = ["traffic", "delete", "--store", str(served.store), "--subject", "customer-7", "--yes"]
        done = CliRunner().invoke(app, command, catch_exceptions=False)
        assert done.output == "2 exchanges deleted; nothing of what was deleted is left in the file\n"
        files = b"".join(file.read_bytes() for file in tmp_path.glob("traffic.db*"))
        assert b"customer-7\x00" not in files
        assert b"of customer-7" not in files
        assert b"of customer-8" in files
        assert ask(served, 8, "and on it goes") == 200
        assert len(served.exchanges()) == 47


def test_nothing_personal_reaches_the_disk_under_mask(tmp_path: Path) -> None:
    with ScriptedUpstream() as upstream, serving(tmp_path, "--mask", upstream=upstream.url) as served:
        assert ask(served, 1, "write to anna.smirnova@example.com, card 4111 1111 1111 1111") == 200
        assert ask(served, 3, "пишите на anna.smirnova@example.com или звоните +7 912 345-67-89") == 200
        kept = served.exchanges()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir() if file.is_file())
    for personal in (b"anna.smirnova", b"4111 1111", b"345-67-89", b"customer-1"):
        assert personal not in files
    assert sum(sum(e.masked.values()) for e in kept) >= 6
    assert "▇@▇" in json.loads(kept[1].response)["choices"][0]["message"]["content"]
