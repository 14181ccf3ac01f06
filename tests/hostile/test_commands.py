"""Hostile logs through whole commands: status 0 or 2, one clear message, nothing executed, nothing lost."""

from __future__ import annotations

import json
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from sizewise.cli.main import main

from .logs import ESCAPES, LOGS, MARK, SCRIPT, rows

Called = Callable[..., tuple[int, str, str]]
SECONDS = 240  # far more than any of them takes: a hang, and nothing else, is cut here
#: in `make test`; `make faults` takes all of them
QUICK = ("escapes in labels", "ids with newlines", "absurd costs", "one label")


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capfdbinary: Any, tmp_path: Path) -> Iterator[Called]:
    """Call ``main`` in this process: its status, what it printed, what it said. A hang is an error."""
    monkeypatch.chdir(tmp_path)

    def late(*_: int | FrameType | None) -> None:
        raise TimeoutError(f"{sys.argv} hangs")

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sizewise", *map(str, arguments)])
        status = 0
        try:
            main()
        except SystemExit as end:
            status = int(end.code or 0)
        printed, said = (part.decode() for part in capfdbinary.readouterr())
        assert status in (0, 2), said
        assert "Traceback" not in said
        assert not steering(printed + said)
        if status == 2:
            assert said.splitlines()[-1].startswith("sizewise: ")
            assert len(said.splitlines()[-1]) < 2_000
        return status, printed, said

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(SECONDS)
    yield call
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def steering(text: str) -> str:
    """What of ``text`` a terminal would act on; no-break spaces are only to be looked at."""
    return "".join(c for c in text if not c.isprintable() and c not in "\n\u00a0\u202f\u2009")


def json_lines(path: Path) -> list[Any]:
    """Every line, read strictly: no NaN, no infinity."""

    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    return [json.loads(line, parse_constant=refuse) for line in path.read_bytes().split(b"\n")[:-1]]


def logged(tmp_path: Path, made: list[dict[str, Any]]) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in made))
    return path


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name in QUICK else pytest.mark.faults) for name in LOGS]
)
def test_a_hostile_log(called: Called, tmp_path: Path, name: str) -> None:
    made = LOGS[name]()
    log, run = logged(tmp_path, made), tmp_path / "run"
    checked, printed, _ = called("check", log)
    status, _, said = called("decide", log, "--out", run, "--rungs", "majority,keywords", "--texts")
    assert checked == status, said
    assert sorted(p.name for p in tmp_path.iterdir() if p.name not in ("log.jsonl", "run")) == []
    if status == 2:
        assert not run.exists()
        return
    assert not steering(printed)
    found = json.loads((run / "data-check.json").read_bytes())
    assert found["rows"] + sum(found["rejected"].values()) + found["left_out"] == len(made)
    assert len(json_lines(run / "rejects.jsonl")) == sum(found["rejected"].values())
    assert all(set(line) >= {"id", "answer", "confidence", "route"} for line in json_lines(run / "predictions.jsonl"))
    json_lines(run / "measurements.jsonl")
    ids = [line["id"] for line in json_lines(run / "predictions.jsonl")]
    assert len(ids) == len(set(ids))
    for language in ("en", "ru"):
        if language == "ru":
            assert called("report", run, "--lang", language, "--texts")[0] == 0
        page = (run / "report.html").read_text(encoding="utf-8")
        assert MARK not in page or f"&lt;script&gt;document.title=&#39;{MARK}" in page
        assert "<script>document.title" not in page
        assert "<img src=x" not in page
        assert not set(page) & {"\x1b", "\x9b", "\x00", "\u202e"}
    asked = tmp_path / "run" / "asked.jsonl"
    asked.write_text("".join(json.dumps({"id": row.get("id"), "input": row["input"]}) + "\n" for row in made[:20]))
    status, answered, _ = called("predict", run, asked)
    assert (status, len(answered.splitlines())) == (0, 20)


@pytest.mark.parametrize("name", ["\u202e{{7*7}}.jsonl", "про <b>x<b> 👍.jsonl"])
def test_a_hostile_name_of_a_log_and_of_a_run(called: Called, tmp_path: Path, name: str) -> None:
    log = tmp_path / name
    log.write_text("".join(json.dumps(row) + "\n" for row in rows(["a", "b"], 90)))
    out = Path("новый прогон 👍") / "./deep" / name.replace(".jsonl", "")  # relative, its parents missing
    assert called("decide", log, "--out", out, "--rungs", "majority")[0] == 0
    assert json.loads((out / "verdict.json").read_bytes())["task"] == name.removesuffix(".jsonl")
    assert "<b>x" not in (out / "report.html").read_text(encoding="utf-8")
    (tmp_path / "link").symlink_to(out.resolve())
    assert called("decide", log, "--out", "link", "--rungs", "majority")[0] == 2
    assert called("decide", log, "--out", "link", "--rungs", "majority", "--force")[0] == 0
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    assert called("decide", log, "--out", "dangling", "--rungs", "majority")[0] == 2


def test_a_task_file_with_hostile_names(called: Called, tmp_path: Path) -> None:
    logged(tmp_path, rows(["a", "b"], 90))
    (tmp_path / "task.toml").write_text(
        f"[task]\nname = {json.dumps('../../x' + SCRIPT + ESCAPES)}\n[data]\npath = 'log.jsonl'\n"
        f"[large]\nmodel = {json.dumps(SCRIPT)}\n[rungs.majority]\n"
    )
    assert called("decide", "task.toml", "--out", "run")[0] == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["log.jsonl", "run", "task.toml"]
    assert "<script>document" not in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert called("predict", "run", tmp_path / "log.jsonl")[0] == 0
