"""A store of either kind as a log, and from the command line."""

from __future__ import annotations

import json
from typing import Any

from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.data.read import read
from sizewise.stages.captured import Captured, release, sources
from sizewise.store.traffic import TrafficStore

from .exchanges import exchange


def said(number: int) -> dict[str, Any]:
    request = {"model": "gpt-4o", "messages": [{"role": "user", "content": f"вопрос {number}"}]}
    response = {"model": "gpt-4o", "choices": [{"message": {"role": "assistant", "content": "ответ"}}]}
    return {"request": json.dumps(request).encode(), "response": json.dumps(response).encode()}


def test_a_store_of_either_kind_is_a_log(store: TrafficStore, url: str) -> None:
    store.append([exchange(n, **said(n)) for n in range(50)] + [exchange(99, status=500)])
    (source,) = sources([url])
    assert isinstance(source, Captured)
    log = read([source])
    release([source])
    assert [e.input for e in log.examples] == [f"вопрос {n}" for n in range(50)]
    assert any("left out of it: 1 exchange, 1 answered with an error" in sentence for sentence in log.found)


def test_the_command_line_on_either_kind(store: TrafficStore, url: str) -> None:
    store.append([exchange(n, **said(n), subject=f"customer-{n % 5}") for n in range(10)])

    def run(*arguments: str) -> str:
        done = CliRunner().invoke(app, ["traffic", *arguments, "--store", url], catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.stdout

    assert run("list", "--limit", "3").endswith("3 of 10 exchanges\n")
    assert len(run("export").splitlines()) == 10
    assert run("delete", "--subject", "customer-2", "--yes").startswith("2 exchanges deleted; ")
    assert run("list").endswith("8 of 8 exchanges\n")
