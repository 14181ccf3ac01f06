"""What chooses cannot be handed a test set, nor what calibrates: types say so, and a type checker holds them to it."""

from __future__ import annotations

import inspect
import typing
from pathlib import Path

import pytest
from mypy import api

from sizewise.core.example import Calibrate, Test, Train
from sizewise.stages.calibration import calibrate
from sizewise.stages.choice import choose
from sizewise.stages.contest import contest

ROOT = Path(__file__).parents[2]
START = """
from pathlib import Path
from sizewise.core.example import Calibrate, Test, Train
from sizewise.core.task import Bar
from sizewise.stages.calibration import calibrate
from sizewise.stages.choice import choose
from sizewise.stages.contest import Contestant, contest
from sizewise.stages.listener import Silence

def use(one: Contestant, some: list[Contestant], train: Train, held: Calibrate, test: Test) -> None:
    choose(some, "llm", Bar(), 0)
    calibrate(one, held, "llm", Bar(), 0)
    contest([], train, 0, Path(), Silence())
"""
MISUSES = (
    'choose(test, "llm", Bar(), 0)',
    'choose(held, "llm", Bar(), 0)',
    'calibrate(one, test, "llm", Bar(), 0)',
    'calibrate(one, train, "llm", Bar(), 0)',
    "contest([], test, 0, Path(), Silence())",
    "contest([], held, 0, Path(), Silence())",
)


def test_a_type_checker_refuses_every_misuse(tmp_path: Path, pytestconfig: pytest.Config) -> None:
    program = tmp_path / "misuse.py"
    program.write_text(START + "".join(f"    {line}\n" for line in MISUSES))
    cache = pytestconfig.cache.mkdir("mypy") if pytestconfig.cache else tmp_path / "cache"
    said, problems, _ = api.run(
        ["--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache), str(program)]
    )
    assert not problems
    errors = [int(line.split(":")[1]) for line in said.splitlines() if "[arg-type]" in line]
    first = START.count("\n") + 1
    assert errors == list(range(first, first + len(MISUSES))), said


@pytest.mark.parametrize(
    ("stage", "parameter", "kind"), [(contest, "train", Train), (calibrate, "calibrate", Calibrate)]
)
def test_signatures(stage: typing.Callable[..., object], parameter: str, kind: type) -> None:
    assert typing.get_type_hints(stage)[parameter] is kind


@pytest.mark.parametrize("stage", [contest, choose, calibrate])
def test_nothing_before_measuring_takes_a_test_set(stage: typing.Callable[..., object]) -> None:
    assert Test not in typing.get_type_hints(stage).values()
    assert "test" not in inspect.signature(stage).parameters


def test_the_three_parts_are_three_types() -> None:
    assert not issubclass(Test, Calibrate)
    assert not issubclass(Calibrate, Test)
    assert not issubclass(Train, Calibrate)
