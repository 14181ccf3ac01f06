"""``sizewise serve --explain``: says for one request which task it is, what is read of it, and why not."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import sizewise
from sizewise.cli.main import app
from sizewise.core.errors import InputError

SYSTEM = "Sort the message: refund or delivery. По-русски тоже 😀"
TOPICS = {"refund": ["money back", "refund", "верните деньги"], "delivery": ["parcel", "delivery late", "где посылка"]}


def log(path: Path, n: int = 600) -> Path:
    lines = []
    for number in range(n):
        label = list(TOPICS)[number % 2]
        text = f"{TOPICS[label][number % 3]} {'abcdefghij'[number % 10]} {'klmnopqrst'[number // 10 % 10]} {'uvwxyz'[number // 100]}"
        messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
        said = {"role": "assistant", "content": json.dumps({"topic": label})}
        response = {"choices": [{"index": 0, "message": said, "finish_reason": "stop"}]}
        lines.append({"request": {"messages": messages, "model": "gpt-4o"}, "response": response})
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explain")
    return sizewise.decide(log(folder / "desk.jsonl"), out=folder / "run", rungs=["majority", "keywords"]).folder


@pytest.fixture
def explained(run: Path, tmp_path: Path) -> Callable[..., Any]:
    def explain(request: Any, *options: str) -> str:
        file = tmp_path / "request.json"
        file.write_text(request if isinstance(request, str) else json.dumps(request), encoding="utf-8")
        found = CliRunner().invoke(app, ["serve", str(run), "--explain", str(file), *options])
        if found.exception is not None:
            raise found.exception
        return found.output

    return explain


def request(text: str = "где посылка a k 1", system: str | None = SYSTEM, **options: Any) -> dict[str, Any]:
    lead = [{"role": "system", "content": system}] if system is not None else []
    return {"model": "gpt-4o", "messages": [*lead, {"role": "user", "content": text}], **options}


def test_a_request_of_the_task(explained: Callable[..., str]) -> None:
    said = explained(request())
    assert "The specialist of the task 'desk' would answer it." in said
    assert "Input: 'где посылка a k 1'" in said
    assert """The answer would be: '{"topic": "delivery"}'""" in said


def test_as_json(explained: Callable[..., str]) -> None:
    found = json.loads(explained(request(), "--json"))
    assert (found["outcome"], found["task"], found["by"], found["label"]) == (
        "specialist",
        "desk",
        "prompt",
        "delivery",
    )
    assert found["tasks"] == [{"task": "desk", "matches": True, "why": "its prompt is that of the run's log"}]


@pytest.mark.parametrize(
    ("asked", "why"),
    [
        (request(system="You are a poet."), "what precedes the last message has the fingerprint"),
        (request(system=None), "what precedes the last message has the fingerprint"),
        (request(tools=[{"type": "function"}]), "goes to the large model: tools"),
        (request(logprobs=True), "goes to the large model: logprobs"),
        (request(max_tokens=1), "goes to the large model: max_tokens = 1 would cut the answer"),
        ({"model": "gpt-4o", "messages": []}, "no messages in the request"),
        ({"model": "sizewise/other", "messages": []}, "the model is 'sizewise/other'"),
    ],
)
def test_why_not(explained: Callable[..., str], asked: Any, why: str) -> None:
    assert why in explained(asked)


def test_headers_beside_the_body(explained: Callable[..., str]) -> None:
    body = request("parcel", system=None)
    said = explained({"headers": {"X-Sizewise-Task": "desk"}, "body": body})
    assert "Known by: header" in said
    assert "The answer would be: 'delivery'" in said


def test_by_name_alone(explained: Callable[..., str]) -> None:
    assert "recognised by its name alone" in explained(request(), "--by-name", "desk")


@pytest.mark.parametrize("broken", ["", "{", "[1, 2]", '"text"', "\ufeff{"])
def test_what_is_no_request_is_refused(explained: Callable[..., str], broken: str) -> None:
    with pytest.raises(InputError):
        explained(broken)
