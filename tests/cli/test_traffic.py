"""``sizewise traffic``: list shows no text, export can be decided on, delete asks and leaves nothing."""

from __future__ import annotations

import inspect
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.cli.serve import serve
from sizewise.cli.traffic import DEFAULT_STORE
from sizewise.core.errors import StoreError, TaskError
from sizewise.core.exchange import Exchange
from sizewise.data.read import read
from sizewise.gateway import settings
from sizewise.gateway.masks import pseudonym
from sizewise.store.traffic import open_traffic

NOW = datetime.now(UTC)
REQUEST = {
    "model": "gpt-4o",
    "messages": [{"role": "system", "content": "Sort."}, {"role": "user", "content": "где мой заказ \x1b[31m"}],
}
RESPONSE = {
    "model": "gpt-4o-2024-08-06", "choices": [{"message": {"role": "assistant", "content": "доставка"}}],
    "usage": {"prompt_tokens": 9},
}  # fmt: skip


def exchange(number: int, **values: Any) -> Exchange:
    given: dict[str, Any] = {
        "id": f"sw-{number:03d}", "at": NOW - timedelta(days=number), "path": "/v1/chat/completions", "status": 200,
        "request": json.dumps(REQUEST).encode(), "response": json.dumps(RESPONSE).encode(), "model": "gpt-4o",
        "answered_by": "gpt-4o-2024-08-06", "route": "large", "prompt_tokens": 9, "cost_usd": 0.00012,
    }  # fmt: skip
    return Exchange(**(given | values))


@pytest.fixture
def store(tmp_path: Path) -> Path:
    path = tmp_path / "traffic.db"
    with open_traffic(str(path)) as opened:
        opened.append([
            exchange(1, subject="анна"), exchange(2, task="тикеты\x1b[2J", mode="shadow", input="где заказ", confidence=0.4),
            exchange(3, status=500), exchange(40, subject=pseudonym("анна")),
            exchange(50, route="small", mode="live", task="b", input="x", small_answer="y", confidence=0.99),
        ])  # fmt: skip
    return path


def traffic(*arguments: str | Path, answer: str = "") -> str:
    done = CliRunner().invoke(app, ["traffic", *map(str, arguments)], input=answer, catch_exceptions=False)
    assert done.exit_code == 0, done.output
    return done.stdout


def test_a_list_shows_what_happened_and_no_text(store: Path) -> None:
    shown = traffic("list", "--store", store)
    assert "5 of 5 exchanges" in shown
    assert [line.split()[0] for line in shown.splitlines()[1:-1]] == ["sw-001", "sw-002", "sw-003", "sw-040", "sw-050"]
    assert "тикеты\ufffd[2J" in shown
    assert "\x1b" not in shown
    assert "где" not in shown
    assert "0.000120" in shown


def test_a_list_by_every_filter(store: Path) -> None:
    def found(*options: str) -> list[str]:
        listed = json.loads(traffic("list", "--store", f"sqlite:///{store}", "--json", *options))
        return [one["id"] for one in listed["exchanges"]]

    assert found("--route", "small") == ["sw-050"]
    assert found("--task", "b", "--since", "60d") == ["sw-050"]
    assert found("--model", "gpt-4o-2024-08-06", "--limit", "1") == ["sw-001"]
    assert found("--until", "20d") == ["sw-040", "sw-050"]
    assert found("--since", (NOW - timedelta(days=2, hours=1)).isoformat()) == ["sw-001", "sw-002"]
    assert found("--subject", "анна") == ["sw-001", "sw-040"]


def test_an_empty_list(store: Path) -> None:
    assert traffic("list", "--store", store, "--task", "none") == "0 of 0 exchanges\n"


def test_what_is_exported_can_be_decided_on(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    traffic("export", "--store", store, "--task", "тикеты\x1b[2J", "--out", out)
    (row,) = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert {name: row[name] for name in ("id", "input", "answer", "cost_usd", "mode")} == {
        "id": "sw-002", "input": "где заказ", "answer": "доставка", "cost_usd": 0.00012, "mode": "shadow",
    }  # fmt: skip
    assert [e.answer for e in read([out]).examples] == ["доставка"]


def test_what_was_not_recognised_is_exported_as_a_chat_log(store: Path, tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    out.write_text(traffic("export", "--store", store, "--subject", "анна"), "utf-8")
    assert "\x1b" not in out.read_text("utf-8")
    rows = [json.loads(line) for line in out.read_text("utf-8").splitlines()]
    assert [row["id"] for row in rows] == ["sw-001", "sw-040"]
    log = read([out])
    assert [(e.input, e.answer) for e in log.examples] == [("где мой заказ \x1b[31m", "доставка")] * 2


def test_everything_is_exported_when_asked_for(store: Path) -> None:
    assert len(traffic("export", "--store", store).splitlines()) == 3
    rows = [json.loads(line) for line in traffic("export", "--store", store, "--all").splitlines()]
    assert {row["id"]: row.get("small_answer") for row in rows}["sw-050"] == "y"
    assert "answer" not in next(row for row in rows if row["id"] == "sw-050")
    assert len(rows) == 5


def test_delete_counts_asks_and_deletes(store: Path) -> None:
    assert traffic("delete", "--store", store, "--older-than", "30d", "--dry-run").startswith("2 exchanges would be")
    with pytest.raises(TaskError, match="say --yes"):
        traffic("delete", "--store", store, "--older-than", "30d")
    assert "5 of 5" in traffic("list", "--store", store)
    said = traffic("delete", "--store", store, "--older-than", "30d", "--yes")
    assert said == "2 exchanges deleted; nothing of what was deleted is left in the file\n"
    assert "3 of 3" in traffic("list", "--store", store)


def test_a_person_is_deleted_under_the_pseudonym_too(store: Path) -> None:
    assert traffic("delete", "--store", store, "--subject", "анна", "--yes").startswith("2 exchanges deleted")
    files = b"".join(file.read_bytes() for file in store.parent.glob("traffic.db*"))
    assert "анна".encode() not in files
    assert pseudonym("анна").encode() not in files


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["delete", "--yes"], "say what to delete"),
        (["list", "--since", "yesterday"], "--since 'yesterday' is no time"),
        (["delete", "--older-than", "9" * 30 + "d", "--yes"], "is no time"),
    ],
)
def test_wrong_calls(store: Path, arguments: list[str], said: str) -> None:
    with pytest.raises(TaskError, match=said):
        traffic(arguments[0], "--store", store, *arguments[1:])


def test_one_store_is_meant_where_none_is_named() -> None:
    options = inspect.signature(serve).parameters
    assert DEFAULT_STORE == settings.DEFAULT_STORE == options["store"].default


def test_stores_that_are_none(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_text("no database", "utf-8")
    for path, said in (
        (tmp_path / "none.db", "no traffic store"),
        (tmp_path, "is a folder"),
        ("text.db", "no traffic"),
    ):
        with pytest.raises(StoreError, match=said):
            traffic("list", "--store", path)
    with pytest.raises(StoreError, match="no SQLite database"):
        traffic("list", "--store", tmp_path / "text.db")
    with pytest.raises(StoreError, match="SQLite or PostgreSQL"):
        traffic("list", "--store", "mysql://u:geheim@h/d")
