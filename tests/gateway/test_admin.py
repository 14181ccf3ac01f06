"""The operator's endpoint: who may ask, what it says, and that a change is made whole or not at all."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from sizewise.gateway.admin import PATH, routes
from sizewise.gateway.tasks import Tasks
from sizewise.served import open_served

Folder = Callable[[str], Path]
HERE = ("127.0.0.1", 50_000)


def client(
    tasks: Tasks, key: str | None = None, *, of: tuple[str, int] = HERE, base: str = "http://127.0.0.1:8321"
) -> TestClient:
    return TestClient(Starlette(routes=routes(tasks, key)), base_url=base, client=of)


@pytest.fixture
def tasks(run_of: Folder, tmp_path: Path) -> Tasks:
    served = Tasks(open_served, tmp_path)
    served.open([run_of("shop")])
    return served


def post(asking: TestClient, name: str, **body: Any) -> Any:
    return asking.post(f"{PATH}/{name}", json=body)


def test_it_lists_what_is_served(tasks: Tasks) -> None:
    found = client(tasks).get(PATH).json()["tasks"]
    assert [(task["task"], task["mode"], task["decision"], task["forced"]) for task in found] == [
        ("shop", "shadow", "small", False)
    ]
    assert found[0]["shadow"]["support"] == "nothing compared"


def test_a_mode_is_changed(tasks: Tasks) -> None:
    answer = post(client(tasks), "shop", to="live")
    assert (answer.status_code, answer.json()["mode"]) == (200, "live")
    assert [task.mode for task in tasks] == ["live"]


def test_another_task_is_added(tasks: Tasks, run_of: Folder) -> None:
    answer = post(client(tasks), "framed", to="shadow", run=str(run_of("framed").resolve()))
    assert answer.status_code == 200
    assert sorted(task.name for task in tasks) == ["framed", "shop"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"to": "life"}, 400),
        ({}, 400),
        ({"to": "live", "run": "relative/run"}, 400),
        ({"to": "live", "run": "/a\0b"}, 400),
        ({"to": "live", "run": "/nowhere/at/all"}, 409),
        ({"to": "live", "speed": 1}, 400),
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(tasks: Tasks, body: dict[str, Any], status: int) -> None:
    before = list(tasks)
    answer = post(client(tasks), "shop", **body)
    assert answer.status_code == status
    assert answer.json()["error"]["message"]
    assert list(tasks) == before


def test_a_run_of_another_task_is_refused(tasks: Tasks, run_of: Folder) -> None:
    answer = post(client(tasks), "shop", to="live", run=str(run_of("framed").resolve()))
    assert answer.status_code == 409
    assert "is a run of the task 'framed'" in answer.json()["error"]["message"]


def test_live_against_the_verdict_needs_force(tasks: Tasks, run_of: Folder) -> None:
    folder = str(run_of("unfit").resolve())
    refused = post(client(tasks), "unfit", to="live", run=folder)
    assert refused.status_code == 409
    assert "its verdict is large" in refused.json()["error"]["message"]
    forced = post(client(tasks), "unfit", to="live", run=folder, force=True)
    assert (forced.status_code, forced.json()["forced"]) == (200, True)


@pytest.mark.parametrize(
    ("key", "headers", "of", "base", "status"),
    [
        (None, {}, ("10.0.0.7", 1), "http://127.0.0.1:8321", 403),
        (None, {}, HERE, "http://evil.example", 403),
        (None, {"origin": "http://127.0.0.1:8321"}, HERE, "http://127.0.0.1:8321", 403),
        (None, {}, ("::1", 1), "http://localhost:8321", 200),
        ("secret", {}, HERE, "http://127.0.0.1:8321", 401),
        ("secret", {"x-sizewise-key": "wrong"}, HERE, "http://127.0.0.1:8321", 401),
        ("secret", {"x-sizewise-key": "secret"}, ("10.0.0.7", 1), "http://gateway.example", 200),
    ],
)
def test_who_may_ask(
    tasks: Tasks, key: str | None, headers: dict[str, str], of: tuple[str, int], base: str, status: int
) -> None:
    asking = client(tasks, key, of=of, base=base)
    assert asking.get(PATH, headers=headers).status_code == status
    assert asking.post(f"{PATH}/shop", json={"to": "capture"}, headers=headers).status_code == status
    assert [task.mode for task in tasks] == ["capture" if status == 200 else "shadow"]


def test_a_form_or_a_flood_is_no_promotion(tasks: Tasks) -> None:
    asking = client(tasks)
    assert asking.post(f"{PATH}/shop", data={"to": "live"}).status_code == 415
    flood = asking.post(f"{PATH}/shop", content=b" " * 100_000, headers={"content-type": "application/json"})
    assert flood.status_code == 413


def test_promotions_at_the_same_time_come_one_after_another(tasks: Tasks) -> None:
    async def all_at_once() -> None:
        await asyncio.gather(*(tasks.promote(None, to, task="shop") for to in ("live", "capture", "shadow", "live")))

    asyncio.run(all_at_once())
    assert [task.mode for task in tasks] == ["live"]
