"""Whole small runs, each made once a session, on the first test that asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import pytest

import sizewise
from sizewise.run import Run

from .logs import rows, write

RUNGS = ["majority", "keywords"]
#: name → how its log is made, and the options of ``decide``
RUNS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "llm": ({}, {}),
    "gold": ({"gold": True, "llm_errors": 0.1, "seed": 1}, {"reference": "gold"}),
    "llm, gold known": (
        {"gold": True, "llm_errors": 0.05, "noise": 0.1, "seed": 3},
        {"reference": "llm", "target": 0.85},
    ),
    "gold alone": ({"gold": True, "answers": False, "seed": 2}, {}),
    "cascade": ({"noise": 0.3, "llm_errors": 0.02}, {"target": 0.9}),
    "cascade, gold": (
        {"gold": True, "noise": 0.3, "llm_errors": 0.05},
        {"reference": "gold", "margin": 0.1, "target": 0.85},
    ),
    "large": ({"noise": 1.0}, {}),
    "more data": ({"n": 160}, {}),
}

MakeRun = Callable[[str], Run]


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> MakeRun:
    """The run of that name in ``RUNS``."""

    @cache
    def make(name: str) -> Run:
        folder = tmp_path_factory.mktemp("run")
        about, options = RUNS[name]
        log = write(folder / "log.jsonl", rows(**({"n": 600} | about)))
        return sizewise.decide(log, out=folder / "run", rungs=RUNGS, **options)

    return make
