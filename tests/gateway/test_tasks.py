"""Modes and promotions: what is served when, by whom, and that a change is whole, survives a restart and drops nobody."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from sizewise.core.answer import Answer
from sizewise.core.errors import InputError, RunError
from sizewise.core.exchange import Mode
from sizewise.gateway.served_task import ServedRun
from sizewise.gateway.state import STATE_NAME, TALLIES_NAME
from sizewise.gateway.tasks import Tasks
from sizewise.served import open_served

from .asking import asked
from .chat_logs import messages

Folder = Callable[[str], Path]
Served = Callable[[str], ServedRun]


def serving(folder: Path, *runs: Path, notices: list[str] | None = None) -> Tasks:
    tasks = Tasks(open_served, folder, notice=notices.append if notices is not None else lambda _: None)
    tasks.open(runs)
    return tasks


def modes(tasks: Tasks) -> dict[str, Mode]:
    return {task.name: task.mode for task in tasks}


def promoted(tasks: Tasks, folder: Path | None, to: Mode, **options: object) -> None:
    asyncio.run(tasks.promote(folder, to, **options))  # type: ignore[arg-type]


def test_a_run_begins_in_shadow_and_stays_as_promoted(run_of: Folder, tmp_path: Path) -> None:
    tasks = serving(tmp_path, run_of("shop"), run_of("framed"))
    assert modes(tasks) == {"shop": "shadow", "framed": "shadow"}
    promoted(tasks, None, "live", task="shop")
    tasks.close()
    assert modes(serving(tmp_path, run_of("shop"), run_of("framed"))) == {"shop": "live", "framed": "shadow"}


def test_a_promoted_run_is_served_after_a_restart(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    other = copied("shop")
    state = json.loads((other / "state.json").read_text(encoding="utf-8"))
    tasks = serving(tmp_path, run_of("shop"))
    newer = _renamed(other, "f" * 32, state["run_id"])
    promoted(tasks, newer, "live")
    again = serving(tmp_path, run_of("shop"))
    assert [(task.run.folder, task.mode) for task in again] == [(newer, "live")]
    assert json.loads((tmp_path / STATE_NAME).read_text(encoding="utf-8"))["tasks"]["shop"]["before"] == str(
        run_of("shop").resolve()
    )


def _renamed(run: Path, to: str, before: str) -> Path:
    """The run with another identity, as one made anew would have."""
    for file in (run / "state.json", run / "verdict.json", run / "specialist" / "manifest.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(before, to), encoding="utf-8")
    return run


def test_serve_called_with_another_run_serves_that_one(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    tasks = serving(tmp_path, run_of("shop"))
    promoted(tasks, None, "live", task="shop")
    newer = _renamed(copied("shop"), "e" * 32, open_served(run_of("shop")).run_id)
    again = serving(tmp_path, newer)
    assert [(task.run.folder, task.mode) for task in again] == [(newer, "shadow")]


def test_what_was_promoted_into_an_empty_server_is_there_after_a_restart(run_of: Folder, tmp_path: Path) -> None:
    promoted(serving(tmp_path), run_of("framed"), "capture")
    assert modes(serving(tmp_path)) == {"framed": "capture"}


def test_a_run_that_is_gone_falls_back_to_the_one_named(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    import shutil

    tasks = serving(tmp_path, run_of("shop"))
    newer = _renamed(copied("shop"), "d" * 32, open_served(run_of("shop")).run_id)
    promoted(tasks, newer, "live")
    shutil.rmtree(newer)
    notices: list[str] = []
    again = serving(tmp_path, run_of("shop"), notices=notices)
    assert [(task.run.folder, task.mode) for task in again] == [(run_of("shop"), "shadow")]
    assert "can no longer be opened" in notices[0]


def test_a_broken_run_is_refused_and_the_old_one_goes_on(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    tasks = serving(tmp_path, run_of("shop"))
    before, state = list(tasks), (tmp_path / STATE_NAME).read_bytes()
    broken = copied("shop")
    (broken / "specialist" / "keywords.safetensors").write_bytes(b"nothing")
    for folder in (broken, tmp_path / "nowhere", tmp_path):
        with pytest.raises(RunError):
            promoted(tasks, folder, "live")
    assert list(tasks) == before
    assert (tmp_path / STATE_NAME).read_bytes() == state


def test_two_runs_of_one_task_or_of_one_prompt_are_refused(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="are both runs of the task 'shop'"):
        serving(tmp_path, run_of("shop"), copied("shop"))
    open_run = open_served
    twin = replace(open_run(run_of("shop")), task="twin", run_id="9" * 32)
    tasks = Tasks(lambda folder: twin if folder == tmp_path else open_run(folder), tmp_path)
    with pytest.raises(InputError, match="have the same prompt"):
        tasks.open([run_of("shop"), tmp_path])
    tasks.open([run_of("shop")])
    with pytest.raises(InputError, match="have the same prompt"):
        promoted(tasks, tmp_path, "shadow")
    assert modes(tasks) == {"shop": "shadow"}


def test_live_against_the_verdict_is_refused_with_the_reason(run_of: Folder, tmp_path: Path) -> None:
    tasks = serving(tmp_path, run_of("unfit"))
    with pytest.raises(RunError, match="its verdict is large, so no confidence was certified"):
        promoted(tasks, None, "live", task="unfit")
    promoted(tasks, None, "live", task="unfit", force=True)
    assert [(task.mode, task.forced) for task in tasks] == [("live", True)]
    assert [(task.mode, task.forced) for task in serving(tmp_path, run_of("unfit"))] == [("live", True)]


def test_a_closed_perimeter_is_live_from_the_first(run_of: Folder, tmp_path: Path) -> None:
    closed = replace(open_served(run_of("shop")), perimeter="closed")
    tasks = Tasks(lambda _: closed, tmp_path)
    tasks.open([run_of("shop")])
    assert modes(tasks) == {"shop": "live"}
    with pytest.raises(RunError, match="nothing may leave"):
        promoted(tasks, None, "shadow", task="shop")


def test_other_workers_follow(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    newer = _renamed(copied("shop"), "c" * 32, open_served(run_of("shop")).run_id)

    async def run() -> None:
        one, other = serving(tmp_path, run_of("shop")), serving(tmp_path, run_of("shop"))
        await one.promote(None, "live", task="shop")
        await other.refresh()
        assert modes(other) == {"shop": "live"}
        await other.promote(newer, "shadow")
        await one.refresh()
        assert [(task.run_id, task.mode) for task in one] == [("c" * 32, "shadow")]
        await one.promote(run_of("framed"), "capture")
        await other.refresh()
        assert modes(other) == {"shop": "shadow", "framed": "capture"}

    asyncio.run(run())


def test_no_request_is_dropped_while_runs_change(run_of: Folder, copied: Folder, tmp_path: Path) -> None:
    newer = _renamed(copied("shop"), "b" * 32, open_served(run_of("shop")).run_id)

    async def run() -> tuple[list[Answer], set[str]]:
        tasks = serving(tmp_path, run_of("shop"))
        answers: list[Answer] = []
        by: set[str] = set()
        done = asyncio.Event()

        async def client() -> None:
            while not done.is_set():
                match = tasks.find({}, asked(messages("money back please")))
                assert match is not None
                await asyncio.sleep(0)
                answers.append(await match.answer())
                by.add(match.task.run_id)

        clients = [asyncio.create_task(client()) for _ in range(8)]
        for folder in (newer, run_of("shop"), newer):
            await tasks.promote(folder, "live")
            await asyncio.sleep(0.05)
        done.set()
        await asyncio.gather(*clients)
        tasks.close()
        return answers, by

    answers, by = asyncio.run(run())
    assert {answer.value for answer in answers} == {"refund"}
    assert not any(answer.error for answer in answers)
    assert len(by) == 2


def test_agreement_is_counted_and_survives_a_restart(run_of: Folder, tmp_path: Path) -> None:
    tasks = serving(tmp_path, run_of("shop"), run_of("framed"))
    task = tasks.get("shop")
    assert task is not None
    sure, unsure = Answer("refund", 0.99, "small"), Answer("refund", 0.3, "large")
    assert task.compare(sure, "refund") is True
    assert task.compare(sure, "Topic: refund.") is True
    assert task.compare(sure, '{"topic": "delivery"}') is False
    assert task.compare(unsure, "no idea") is False
    assert task.compare(Answer(None, error="failed"), "refund") is None
    shown = task.agreement
    assert (shown.overall.value, shown.overall.n) == (0.5, 4)
    assert (shown.answered.value, shown.answered.n) == (2 / 3, 3)
    assert (shown.system.value, shown.support) == (0.75, "undecided")
    tasks.close()
    again = serving(tmp_path, run_of("shop"), run_of("framed")).get("shop")
    assert again is not None
    assert again.agreement == shown


def test_two_workers_count_together(run_of: Folder, tmp_path: Path) -> None:
    async def run() -> None:
        one, other = serving(tmp_path, run_of("shop")), serving(tmp_path, run_of("shop"))
        for tasks, times in ((one, 3), (other, 5)):
            for task in tasks:
                for _ in range(times):
                    task.compare(Answer("refund", 0.99, "small"), "refund")
        for tasks in (one, other, one):
            await tasks.refresh()
        assert [task.agreement.overall.n for tasks in (one, other) for task in tasks] == [8, 8]

    asyncio.run(run())
    assert (
        next(iter(json.loads((tmp_path / TALLIES_NAME).read_text(encoding="utf-8"))["runs"].values()))["compared"] == 8
    )


@pytest.mark.parametrize("spoiled", ["", "{", '{"tasks": []}', '{"tasks": {}, "version": 99}', "\0"])
def test_a_spoiled_state_is_said_not_guessed(run_of: Folder, tmp_path: Path, spoiled: str) -> None:
    (tmp_path / STATE_NAME).write_text(spoiled, encoding="utf-8")
    with pytest.raises(RunError, match=r"sizewise-serve\.json"):
        serving(tmp_path, run_of("shop"))


def test_the_state_is_nowhere_where_no_folder_is_given(run_of: Folder, tmp_path: Path) -> None:
    tasks = Tasks(open_served)
    tasks.open([run_of("shop")])
    promoted(tasks, None, "live", task="shop")
    tasks.close()
    assert modes(tasks) == {"shop": "live"}


def test_a_request_in_our_name_is_asked_as_the_log_asks(served: Served, tmp_path: Path, run_of: Folder) -> None:
    tasks = serving(tmp_path, run_of("shop"), run_of("framed"))
    request = asked([{"role": "user", "content": "посылка?"}], "sizewise/shop", temperature=0)
    match = tasks.find({}, request)
    assert match is not None
    body = json.dumps(
        {"model": "sizewise/shop", "messages": [{"role": "user", "content": "посылка?"}], "temperature": 0}
    )
    upstream = match.upstream_body(body.encode())
    assert upstream is not None
    assert json.loads(upstream) == {"model": "gpt-4o-mini", "messages": messages("посылка?"), "temperature": 0}
    usual = tasks.find({}, asked(messages("x")))
    assert usual is not None
    assert usual.upstream_body(b"as it came") == b"as it came"
