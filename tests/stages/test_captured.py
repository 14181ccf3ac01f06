"""A traffic store as a log: the same rows as a chat log of the same requests, and what is left out is said."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

import sizewise
from sizewise.core.errors import DataError
from sizewise.core.exchange import Exchange
from sizewise.data.formats.source import Source
from sizewise.data.read import Log, read
from sizewise.stages.captured import Captured, left_out, sources
from sizewise.stages.source_texts import source_texts
from sizewise.store.traffic import open_traffic

SYSTEM = "You sort messages of a shop. Answer with one word."
NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def asked(text: str, **more: Any) -> bytes:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    return json.dumps({"model": "gpt-4o", "messages": messages} | more).encode()


def said(text: str, **more: Any) -> bytes:
    message = {"role": "assistant", "content": text}
    return json.dumps(
        {
            "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "gpt-4o-2024-08-06",
            "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 9, "completion_tokens": 1},
        } | more
    ).encode()  # fmt: skip


def exchange(number: int, text: str = "где заказ", label: str = "delivery", **values: Any) -> Exchange:
    given: dict[str, Any] = {
        "id": f"sw-{number:05d}", "at": NOON + timedelta(minutes=number), "path": "/v1/chat/completions", "status": 200,
        "request": asked(text), "response": said(label), "model": "gpt-4o", "answered_by": "gpt-4o-2024-08-06",
        "route": "large", "prompt_tokens": 80, "completion_tokens": 2, "latency_ms": 350.0, "cost_usd": 0.0002,
    }  # fmt: skip
    return Exchange(**(given | values))


def store_of(path: Path, *exchanges: Exchange) -> Source:
    with open_traffic(str(path)) as store:
        store.append(exchanges)
    (source,) = sources([path])
    return source


def log_of(path: Path, *exchanges: Exchange) -> Log:
    return read([store_of(path, *exchanges)])


@pytest.fixture(scope="session")
def full_store(log_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("store") / "shop.db"
    store_of(path, *(exchange(n, row["input"], row["answer"]) for n, row in enumerate(log_rows)))
    return path


def test_the_rows_are_those_of_a_chat_log(full_store: Path, log_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    lines = [
        {"id": f"sw-{n:05d}", "request": json.loads(asked(row["input"])), "response": json.loads(said(row["answer"])),
         "at": (NOON + timedelta(minutes=n)).isoformat(), "latency_ms": 350.0}
        for n, row in enumerate(log_rows)
    ]  # fmt: skip
    file = tmp_path / "chat.jsonl"
    file.write_text("\n".join(map(json.dumps, lines)), encoding="utf-8")
    recorded, written = read(sources([full_store])), read([file])
    for ours, theirs in zip(recorded.examples, written.examples, strict=True):
        assert (ours.id, ours.input, ours.answer, ours.at) == (theirs.id, theirs.input, theirs.answer, theirs.at)
        assert ours.model == theirs.model == "gpt-4o-2024-08-06"
        assert ours.cost_usd == 0.0002
        assert ours.prompt_tokens == 80
    assert recorded.template == written.template
    assert any("what the gateway recorded, 300 exchanges" in sentence for sentence in recorded.found)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"status": 429}, "an error"),
        ({"status": None, "failure": "upstream unreachable"}, "not finished"),
        ({"failure": "client left"}, "not finished"),
        ({"finish_reason": "length"}, "cut"),
        ({"finish_reason": "max_tokens"}, "cut"),
        ({"route": "small", "mode": "live", "task": "t"}, "by the specialist"),
        ({"route": "abstain", "status": 422, "mode": "live", "task": "t"}, "by the specialist"),
        ({"route": "large", "mode": "live", "task": "t", "confidence": 0.4}, "a selected sample"),
        ({"path": "/v1/embeddings"}, "no chat request"),
    ],
)
def test_what_cannot_be_learned_from_is_left_out_and_counted(values: dict[str, Any], why: str, tmp_path: Path) -> None:
    bad = exchange(7, **values)
    assert why in str(left_out(bad))
    log = log_of(tmp_path / "t.db", exchange(1), bad, exchange(2))
    assert [e.id for e in log.examples] == ["sw-00001", "sw-00002"]
    assert any(why in sentence and sentence.startswith("left out of it: 1 exchange, 1 ") for sentence in log.found)


@pytest.mark.parametrize("mode", ["capture", "shadow"])
def test_what_the_llm_answered_in_capture_and_shadow_counts(mode: Any, tmp_path: Path) -> None:
    log = log_of(tmp_path / "t.db", exchange(1, mode=mode, task="t", confidence=0.2, agreed=False))
    assert [e.answer for e in log.examples] == ["delivery"]


def test_one_request_tried_twice_is_one_row(tmp_path: Path) -> None:
    log = log_of(tmp_path / "t.db", exchange(1, idempotency=b"k"), exchange(2, idempotency=b"k"))
    assert len(log.examples) == 1


def test_instructions_beside_the_messages_tell_prompts_apart(tmp_path: Path) -> None:
    def anthropic(number: int, system: str) -> Exchange:
        request = {"model": "claude", "system": system, "messages": [{"role": "user", "content": "где заказ"}]}
        response = {
            "type": "message",
            "role": "assistant",
            "model": "claude",
            "content": [{"type": "text", "text": "d"}],
        }
        return exchange(
            number, path="/v1/messages", request=json.dumps(request).encode(), response=json.dumps(response).encode()
        )

    def response_api(number: int) -> Exchange:
        request = {"model": "gpt-4o", "instructions": "One.", "input": "где заказ"}
        output = [{"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "d"}]}]
        response = {"model": "gpt-4o", "output": output}
        return exchange(
            number, path="/v1/responses", request=json.dumps(request).encode(), response=json.dumps(response).encode()
        )

    assert [e.answer for e in log_of(tmp_path / "a.db", anthropic(1, "One.")).examples] == ["d"]
    assert [e.input for e in log_of(tmp_path / "b.db", response_api(1)).examples] == ["где заказ"]
    with pytest.raises(DataError, match="mixes 2 values of `prompt_version`"):
        log_of(tmp_path / "c.db", anthropic(1, "One."), anthropic(2, "Two."))


def test_the_hash_is_of_what_is_learned_from(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    first = store_of(path, *(exchange(n) for n in range(20))).sha256()  # type: ignore[union-attr]
    again = store_of(tmp_path / "copy.db", *(exchange(n) for n in reversed(range(20)))).sha256()  # type: ignore[union-attr]
    assert first == again
    assert store_of(path, exchange(99, status=500)).sha256() == first  # type: ignore[union-attr]
    assert store_of(path, exchange(100)).sha256() != first  # type: ignore[union-attr]


def test_what_comes_in_while_it_is_read_is_not_read(tmp_path: Path) -> None:
    path = tmp_path / "t.db"
    source = store_of(path, exchange(1))
    assert isinstance(source, Captured)
    source.sha256()
    with open_traffic(str(path)) as store:
        store.append([exchange(2)])
        assert len(read([source]).examples) == 1
        source.close()
    assert len(read([Captured(str(path))]).examples) == 2


def test_a_store_whose_log_was_never_written_back_is_one(tmp_path: Path) -> None:
    with open_traffic(str(tmp_path / "t %?.db")) as store:
        store.append([exchange(1)])
        assert (tmp_path / "t %?.db").stat().st_size <= 4_096  # all of it is in the log, as after a kill
        (source,) = sources([tmp_path / "t %?.db"])
        assert len(read([source]).examples) == 1


def test_what_is_no_store_is_read_as_a_file(tmp_path: Path) -> None:
    (tmp_path / "broken.db").write_bytes(b"SQLite format 3\0" + b"\0" * 100)
    with sqlite3.connect(tmp_path / "songs.db") as other:
        other.execute("CREATE TABLE songs (name TEXT)")
    other.close()
    names = ["broken.db", "songs.db", "none.db", "a\0b", "."]
    assert sources([tmp_path / name for name in names]) == [tmp_path / name for name in names]


def test_broken_bodies_are_rejects(tmp_path: Path) -> None:
    bad = [exchange(1, response=b"\xff{"), exchange(2, request=b"[]"), exchange(3, response=said("x", choices=[]))]
    log = log_of(tmp_path / "t.db", *bad, exchange(4), exchange(5, "lone \ud800 half"))
    assert len(log.examples) == 2
    reasons = [reject.reason for reject in log.rejects]
    assert reasons[:2] == ["the request or the response is not JSON", "the request or the response is no JSON object"]
    assert len(reasons) == 3


def test_a_store_without_use_says_why(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no exchange can be used: it holds 2 exchanges, 2 answered with an error\."):
        log_of(tmp_path / "t.db", exchange(1, status=500), exchange(2, status=502))
    with pytest.raises(DataError, match=r"no exchange can be used\. Let"):
        log_of(tmp_path / "empty.db")


def test_deciding_from_a_store(full_store: Path, tmp_path: Path) -> None:
    run = sizewise.decide(f"sqlite:///{full_store}", out=tmp_path / "run", rungs=["majority"])
    assert run.verdict.data.rows == 300
    assert run.record.data_check.sources == (str(full_store),)
    again = sizewise.decide(full_store, out=tmp_path / "again", rungs=["majority"])
    assert again.verdict.data.sha256 == run.verdict.data.sha256
    assert again.verdict.decision == run.verdict.decision
    assert isinstance(source_texts(run), dict)
