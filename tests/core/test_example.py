from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sizewise.core import answer, errors, example, measurement, record, task, verdict
from sizewise.core.errors import InputError, SizewiseError
from sizewise.core.example import Calibrate, Example, Test, Train


def test_a_subset_keeps_its_rows_together_and_the_label_order() -> None:
    train = Train(("1", "2", "3"), ("x", "y", "z"), ("b", "a", "b"), (0, 1, 2), ("a", "b"))
    part = train.subset([2, 0])
    assert part == Train(("3", "1"), ("z", "x"), ("b", "b"), (2, 0), ("a", "b"))
    assert (len(train), len(part), len(train.subset([]))) == (3, 2, 0)


def test_calibrate_and_test_are_two_types_of_one_shape() -> None:
    rows = (Example("1", "x"),)
    assert len(Calibrate(rows)) == len(Test(rows)) == 1
    calibrate: object = Calibrate(rows)
    assert calibrate != Test(rows)


@pytest.mark.parametrize("module", [answer, example, measurement, record, task, verdict])
def test_data_between_stages_is_frozen(module: object) -> None:
    classes = [c for c in vars(module).values() if dataclasses.is_dataclass(c) and isinstance(c, type)]
    assert classes
    for cls in classes:
        assert cls.__dataclass_params__.frozen  # type: ignore[attr-defined]
        assert not hasattr(cls, "__dict__") or "__slots__" in vars(cls)


def test_every_error_says_what_the_command_line_ends_with() -> None:
    every = [c for c in vars(errors).values() if isinstance(c, type) and issubclass(c, SizewiseError)]
    found = {c.__name__: c.exit_status for c in every}
    inputs = {c.__name__ for c in InputError.__subclasses__()} | {"InputError"}
    limits = {"LimitReached": 3, "OutOfTime": 3}
    assert found == dict.fromkeys(inputs, 2) | {"SizewiseError": 1, "EngineError": 1} | limits
    assert all(name in (errors.__doc__ or "") for name in found)
    assert issubclass(InputError, SizewiseError)


def test_core_imports_the_standard_library_only() -> None:
    import ast
    import sys

    assert errors.__file__
    for file in Path(errors.__file__).parent.glob("*.py"):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        typing_only = {
            id(node)
            for branch in ast.walk(tree)
            if isinstance(branch, ast.If) and ast.unparse(branch.test) == "TYPE_CHECKING"
            for node in ast.walk(branch)
        }
        for node in ast.walk(tree):
            if id(node) in typing_only or not isinstance(node, ast.Import | ast.ImportFrom):
                continue
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else [a.name for a in node.names]
            for name in names:
                assert name.split(".")[0] in sys.stdlib_module_names or name.startswith("sizewise.core"), (file, name)
