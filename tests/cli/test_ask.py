"""``sizewise ask``: one door to models behind APIs and on this machine."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sizewise.cli import ask as command
from sizewise.core.errors import InputError, LimitReached
from sizewise.llm.scripted import wire
from sizewise.llm.scripted.upstream import Step, Upstream
from sizewise.models.local_slm import DEFAULT_SLM


@pytest.fixture
def upstream(monkeypatch: pytest.MonkeyPatch) -> Iterator[Upstream]:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ask-0123456789")
    with Upstream(answer=lambda text: f"you said: {text}") as server:
        yield server


def test_an_answer_with_time_tokens_and_cost(upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    command.ask("openai:gpt-4o", "привет 🙂", system="Be brief.", base_url=upstream.address + "/v1")
    told = capsys.readouterr()
    assert told.out == "you said: привет 🙂\n"
    for part in ("openai:gpt-4o", "120 tokens in", "6 out", "$0.000360", "the first piece after"):
        assert part in told.err
    body = upstream.seen[0].body
    assert [message["role"] for message in body["messages"]] == ["system", "user"]
    assert "temperature" not in body


def test_an_unknown_price_is_no_reason_to_refuse(upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    command.ask("openai:gpt-of-tomorrow", "hi", base_url=upstream.address + "/v1")
    assert "cost unknown" in capsys.readouterr().err


def test_an_answer_cannot_steer_the_terminal(upstream: Upstream, capsys: pytest.CaptureFixture[str]) -> None:
    upstream.script.append(Step(text="a\x1b[31mb\u202ec\nd"))
    command.ask("openai:gpt-4o", "hi", base_url=upstream.address + "/v1")
    out = capsys.readouterr().out
    assert "\x1b" not in out
    assert "\u202e" not in out
    assert out.endswith("c\nd\n")


def test_a_local_model(capsys: pytest.CaptureFixture[str]) -> None:
    command.ask(DEFAULT_SLM, "The capital of France is", max_tokens=6)
    told = capsys.readouterr()
    assert told.out.strip()
    assert "tokens in" in told.err
    assert "$0.000000" in told.err


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"model": "openai:gpt-4o", "prompt": "  "}, "nothing is asked"),
        ({"model": "gpt-4o", "prompt": "x"}, "no reference of a local model"),
        ({"model": DEFAULT_SLM, "prompt": "x", "base_url": "http://127.0.0.1:1"}, "leave out --base-url"),
        ({"model": "openai:gpt-4o", "prompt": "x", "price": "cheap"}, "--price"),
    ],
)
def test_what_is_refused(arguments: dict[str, Any], said: str, upstream: Upstream) -> None:
    with pytest.raises(InputError, match=said):
        command.ask(**arguments)


def test_a_provider_that_fails(upstream: Upstream) -> None:
    upstream.script.append(Step(429, wire.openai_error(429, "You exceeded your current quota", "insufficient_quota")))
    with pytest.raises(LimitReached, match="quota"):
        command.ask("openai:gpt-4o", "hi", base_url=upstream.address + "/v1")
