"""A scripted upstream for each test of the gateway that asks for one, and small runs made once of chat logs."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest

import sizewise
from sizewise.gateway.served_task import ServedRun
from sizewise.served import open_served

from .chat_logs import FRAME, chat_log, in_json, write
from .scripted_upstream import ScriptedUpstream


@pytest.fixture
def upstream() -> Iterator[ScriptedUpstream]:
    with ScriptedUpstream() as served:
        yield served


#: name → how its chat log is made, and the options of ``decide``
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "shop": ({}, {}),
    "framed": (
        {"answered": in_json, "frame": FRAME, "system": None, "options": {"response_format": {"type": "json_object"}}},
        {"template": FRAME},
    ),
    "unsure": ({"noise": 0.3, "system": "Sort it: refund, delivery, password, cancel."}, {"target": 0.9}),
    "unfit": ({"noise": 1.0, "system": "Guess the topic of this message."}, {}),
}
MakeRun = Callable[[str], Path]


@pytest.fixture(scope="session")
def run_of(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """The folder of the run of that name in ``RUNS``; its task has the same name."""

    @cache
    def make(name: str) -> Path:
        folder = tmp_path_factory.mktemp("served")
        about, options = RUNS[name]
        log = write(folder / f"{name}.jsonl", chat_log(**about))
        return sizewise.decide(log, out=folder / "run", rungs=["majority", "keywords"], **options).folder

    return make


@pytest.fixture(scope="session")
def served(run_of: MakeRun) -> Callable[[str], ServedRun]:
    """The same runs, opened for serving."""
    return cache(lambda name: open_served(run_of(name)))


@pytest.fixture
def copied(run_of: MakeRun, tmp_path: Path) -> Callable[[str], Path]:
    """A copy of a run that a test may spoil."""
    return lambda name: Path(shutil.copytree(run_of(name), tmp_path / f"copy-of-{name}"))
