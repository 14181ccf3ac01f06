from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import tomli_w

from sizewise.core.errors import TaskError
from sizewise.core.task import Bar, Task
from sizewise.data.task_file import read_task, task_tables, with_options

Write = Callable[..., Path]


def test_every_key_and_a_data_path_beside_the_file(write: Write, tmp_path: Path) -> None:
    path = write(
        """
        [task]
        name = "задача"
        instructions = "Route it."
        labels = ["a", " b "]
        reference = "gold"
        seed = 7
        [data]
        path = "logs/log.jsonl"
        columns = { input = "text" }
        only = { model = "m" }
        strict_labels = true
        [large]
        model = "openai:gpt-4o"
        [bar]
        target = 0.9
        margin = 0.02
        delta = 0.1
        min_coverage = 0
        latency_p95_ms = 10
        memory_mb = 512
        volume_per_month = 1e6
        perimeter = "closed"
        [rungs.majority]
        [rungs.keywords]
        dimensions = 64
        """,
        "shop.toml",
    )
    bar = Bar(0.9, 0.02, 0.1, 0, 10, 512, 1e6, "closed")
    assert read_task(path) == Task(
        name="задача", instructions="Route it.", labels=("a", "b"), path=str(tmp_path / "logs" / "log.jsonl"),
        columns={"input": "text"}, only={"model": "m"}, large="openai:gpt-4o", reference="gold", bar=bar,
        rungs=("majority", "keywords"), rung_settings={"majority": {}, "keywords": {"dimensions": 64}},
        strict_labels=True, seed=7,
    )  # fmt: skip


def test_what_is_written_reads_back_as_the_same_task(write: Write) -> None:
    task = Task(
        name="t", labels=("а", "b"), path="/log.jsonl", columns={"gold": 'a "b"'}, bar=Bar(target=0.5),
        rung_settings={"majority": {}, "keywords": {"penalty": 2.0}, "encoder": {}},
    )  # fmt: skip
    assert read_task(write(tomli_w.dumps(task_tables(task)), "task.toml")) == task


def test_an_empty_file_is_a_task_named_after_it(write: Write) -> None:
    task = read_task(write("\ufeff", "shop.toml"))
    assert task == Task(name="shop")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("[tsak]", r"no table 'tsak' \(did you mean 'task'\?\)"),
        ("[bar]\ntagret = 0.9", r"\[bar\] has no key 'tagret' \(did you mean 'target'\?\)"),
        ("[bar]\ntarget = '0.9'", "must be of type float"),
        ("[bar]\ntarget = true", "must be of type float"),
        ("[bar]\ntarget = nan", "between 0 and 1"),
        ("[bar]\ntarget = 1", "between 0 and 1"),
        ("[bar]\ndelta = 0", "between 0 and 1"),
        ("[bar]\nmemory_mb = inf", "positive number"),
        ("[bar]\nperimeter = 'shut'", "open, closed"),
        ("bar = 5", r"\[bar\] must be a table"),
        ("rungs = 5", "one table a rung"),
        ("[rungs]\nkeywords = 5", "one table a rung"),
        ("[task]\nkind = 'extract'", "classify tasks only"),
        ("[task]\nkind = 'classfy'", "must be one of classify"),
        ("[task]\nlabels = []", "list of texts"),
        ("[task]\nlabels = [1, 2]", "list of texts"),
        ("[task]\nlabels = ['a', ' ']", "list of texts"),
        ("[task]\nseed = -1", "whole number from 0"),
        ("[task]\nseed = 5000000000", "whole number from 0"),
        ("[data]\ncolumns = { input = 5 }", "must map names to texts"),
        ('[data]\npath = "a\\u0000b"', "is no path"),
        ("[task", "is not a task file"),
        (b"\xff\xfe", "is not a task file"),
    ],
)
def test_what_is_wrong_is_named(write: Write, text: str | bytes, says: str) -> None:
    with pytest.raises(TaskError, match=says):
        read_task(write(text, "shop.toml"))


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(TaskError, match="no task file"):
        read_task(tmp_path / "none.toml")
    with pytest.raises(TaskError, match="not a task file"):
        read_task(tmp_path)


def test_options_override_only_what_they_name() -> None:
    task = Task(name="t", bar=Bar(target=0.9, margin=0.02), seed=3, rungs=("majority",))
    changed = with_options(task, {"target": 0.8, "margin": None}, seed=None, rungs=("keywords",))
    assert changed == replace(task, bar=Bar(target=0.8, margin=0.02), rungs=("keywords",))
    with pytest.raises(TaskError, match="no rung"):
        with_options(task, {}, rungs=())


@pytest.mark.parametrize("name", ["target", "margin", "delta"])
@pytest.mark.parametrize("value", [0, 1, 1.5, -0.1, math.nan, math.inf])
def test_shares_lie_between_0_and_1(name: str, value: float) -> None:
    with pytest.raises(TaskError, match=f"{name} = .*between 0 and 1"):
        with_options(Task(name="t"), {name: value})


@pytest.mark.parametrize("value", [0, -1, math.nan, math.inf])
def test_a_volume_is_a_positive_number(value: float) -> None:
    with pytest.raises(TaskError, match="positive number"):
        with_options(Task(name="t"), {"volume_per_month": value})
