"""``sizewise promote``: through a running server's endpoint, and through the state beside a store."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import uvicorn
from starlette.applications import Starlette
from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.core.errors import InputError
from sizewise.gateway.admin import routes
from sizewise.gateway.state import STATE_NAME, TALLIES_NAME, State, StateFile, Tallies, Tally
from sizewise.gateway.tasks import Tasks
from sizewise.served import open_served

Folder = Callable[[str], Path]


def promote(*arguments: str | Path) -> str:
    found = CliRunner().invoke(app, ["promote", *map(str, arguments)])
    if found.exception is not None:
        raise found.exception
    return found.output


def store(folder: Path) -> str:
    return f"sqlite:///{folder / 'traffic.db'}"


def state(folder: Path) -> State:
    return StateFile(folder / STATE_NAME, State).read()


def compared(folder: Path, run: Path, tally: Tally) -> None:
    StateFile(folder / TALLIES_NAME, Tallies).update(lambda _: Tallies({open_served(run).run_id: tally}))


def test_the_state_is_changed_for_servers_to_follow(run_of: Folder, tmp_path: Path) -> None:
    said = promote(run_of("shop"), "--store", store(tmp_path))
    assert "Shadow mode has compared nothing of this run yet." in said
    assert state(tmp_path).tasks["shop"].mode == "live"
    promote(run_of("shop"), "--store", store(tmp_path), "--to", "capture")
    assert state(tmp_path).tasks["shop"].mode == "capture"


def test_what_shadow_mode_has_shown_is_said_first(run_of: Folder, tmp_path: Path) -> None:
    compared(tmp_path, run_of("shop"), Tally(2_000, 1_990, 2_000, 1_990))
    said = promote(run_of("shop"), "--store", store(tmp_path))
    assert "over 2,000 requests" in said
    assert "99.5% (98.5% to 99.9%, n = 2,000)" in said
    assert "That supports the run's target of 0.97." in said


def test_shadow_mode_that_contradicts_the_target_needs_force(run_of: Folder, tmp_path: Path) -> None:
    compared(tmp_path, run_of("shop"), Tally(2_000, 1_600, 2_000, 1_600))
    with pytest.raises(InputError, match="shadow mode contradicts its target"):
        promote(run_of("shop"), "--store", store(tmp_path))
    assert not state(tmp_path).tasks
    promote(run_of("shop"), "--store", store(tmp_path), "--force")
    assert state(tmp_path).tasks["shop"].mode == "live"


def test_a_verdict_against_it_needs_force(run_of: Folder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="its verdict is large"):
        promote(run_of("unfit"), "--store", store(tmp_path))
    promote(run_of("unfit"), "--store", store(tmp_path), "--force")
    assert state(tmp_path).tasks["unfit"].forced


def test_a_broken_run_is_refused(copied: Folder, tmp_path: Path) -> None:
    broken = copied("shop")
    (broken / "specialist" / "ngrams.json").write_text("[]", encoding="utf-8")
    with pytest.raises(InputError, match="is not what was calibrated"):
        promote(broken, "--store", store(tmp_path))
    assert not (tmp_path / STATE_NAME).exists()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        (["--server", "localhost:8321"], "is no address"),
        (["--server", "http://127.0.0.1:1"], "no server answers"),
        (["--store", "none"], "keeps no state"),
        (["--store", "sqlite:////nowhere/at/all/traffic.db"], "is no folder"),
        (["--store", "none", "--server", "http://127.0.0.1:1"], "name one of them"),
        (["--key-env", "SURELY_NOT_SET"], "empty or not set"),
    ],
)
def test_a_wrong_call_is_one_clear_message(run_of: Folder, options: list[str], why: str) -> None:
    with pytest.raises(InputError, match=why):
        promote(run_of("shop"), *options)


@pytest.fixture
def server(run_of: Folder, tmp_path: Path) -> Iterator[tuple[str, Tasks]]:
    tasks = Tasks(open_served, tmp_path)
    tasks.open([run_of("shop")])
    served = uvicorn.Server(
        uvicorn.Config(Starlette(routes=routes(tasks, "the key")), port=0, log_level="warning", lifespan="off")
    )
    thread = threading.Thread(target=served.run)
    thread.start()
    while not served.started:
        time.sleep(0.01)
    port = served.servers[0].sockets[0].getsockname()[1]
    yield f"http://127.0.0.1:{port}", tasks
    served.should_exit = True
    thread.join()


def test_a_running_server_is_asked(server: tuple[str, Tasks], run_of: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    address, tasks = server
    monkeypatch.setenv("GATEWAY_KEY", "the key")
    said = promote(run_of("shop"), "--server", address + "/v1", "--key-env", "GATEWAY_KEY", "--json")
    assert json.loads(said)["mode"] == "live"
    assert [task.mode for task in tasks] == ["live"]


def test_a_server_refuses_without_its_key(server: tuple[str, Tasks], run_of: Folder) -> None:
    address, tasks = server
    with pytest.raises(InputError, match="does not hold this server's key"):
        promote(run_of("shop"), "--server", address)
    assert [task.mode for task in tasks] == ["shadow"]
