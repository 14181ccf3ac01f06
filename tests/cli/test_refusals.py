"""What is the person's to put right ends with status 2 and one clear message, and writes nothing."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.cli.main import main

Called = Callable[..., tuple[int, str, str]]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> Called:
    """Call ``main`` in this process: its status, what it printed, what it said."""
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str | Path) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sizewise", *map(str, arguments)])
        with pytest.raises(SystemExit) as end:
            main()
        said = capsys.readouterr()
        assert "Traceback" not in said.err
        return int(end.value.code or 0), said.out, said.err

    return call


def log_of(tmp_path: Path, rows: list[dict[str, Any]]) -> Path:
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def logged(count: int, labels: str = "ab") -> list[dict[str, Any]]:
    return [{"input": f"{'x' * i} text", "answer": labels[i % len(labels)]} for i in range(count)]


SOURCES: dict[str, tuple[bytes | None, str]] = {
    "missing.jsonl": (None, "no file"),
    "text.jsonl": (b"this is\nno log", "not JSON"),
    "binary.jsonl": (b"\x7fELF\x00\x00", "not UTF-8 text"),
    "wide.csv": ("input,answer\nx,a\n".encode("utf-16"), "not UTF-8 text"),
    "cut.jsonl.gz": (b"\x1f\x8b\x08\x00", "cut short"),
    "empty.jsonl": (b"", "is empty"),
    "other.csv": (b"words,tag\nx,a\n", "no column 'input'; it has: words, tag."),
    "missing.toml": (None, "no task file"),
    "broken.toml": (b"[task", "not a task file"),
    "unknown.toml": (b"[bar]\ntagret = 0.9", "did you mean 'target'?"),
    "nodata.toml": (b"[task]\nname = 'x'", 'Add [data] path = "log.jsonl"'),
    "elsewhere.toml": (b"[data]\npath = 'none.jsonl'", "no file"),
    "setting.toml": (b"[data]\npath='log.jsonl'\n[rungs.keywords]\ndepth = 1", "no setting 'depth'"),
}


@pytest.mark.parametrize("name", SOURCES)
def test_a_source_that_cannot_be_used(called: Called, tmp_path: Path, name: str) -> None:
    content, says = SOURCES[name]
    if content is not None:
        (tmp_path / name).write_bytes(content)
    status, printed, said = called("decide", name, "--out", "run")
    assert status == 2
    assert printed == ""
    assert says in said
    assert said.splitlines()[-1].startswith("sizewise: ")
    assert not (tmp_path / "run").exists()


def test_a_folder_as_source(called: Called, tmp_path: Path) -> None:
    status, _, said = called("decide", tmp_path, "--out", "run")
    assert (status, "is a folder" in said) == (2, True)


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        (logged(100, "a"), "nothing to learn"),
        (logged(3), "3 rows are too few"),
        ([row | {"input": "same"} for row in logged(100)], "too alike"),
        ([row | {"model": f"m{i % 2}"} for i, row in enumerate(logged(10))], "choose it with --only model=m0"),
    ],
)
def test_a_log_that_cannot_bear_a_verdict(
    called: Called, tmp_path: Path, rows: list[dict[str, Any]], says: str
) -> None:
    status, _, said = called("decide", log_of(tmp_path, rows), "--out", "run", "--rungs", "majority")
    assert (status, says in said) == (2, True), said
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--target", "0"], "target = 0.0 must lie between 0 and 1, for example --target 0.97."),
        (["--target", "97"], "target = 97.0 must lie between 0 and 1, for example --target 0.97."),
        (["--margin", "2"], "for example --margin 0.02."),
        (["--delta", "-1"], "for example --delta 0.05."),
        (["--target", "1.5"], "target = 1.5"),
        (["--target", "nan"], "target = nan"),
        (["--target", "high"], "--target"),
        (["--delta", "1"], "delta = 1.0"),
        (["--volume", "-5"], "positive number"),
        (["--seed", "-1"], "seed = -1"),
        (["--seed", "1.5"], "--seed"),
        (["--rungs", "majority,keyword"], "no rung 'keyword' (did you mean 'keywords'?)"),
        (["--rungs", "llm-tuned"], "The rungs are: majority, keywords, encoder"),
        (["--rungs", ","], "no rung is named"),
        (["--columns", "input"], "write ours=theirs"),
        (["--columns", "input=body"], "no column 'body'"),
        (["--columns", "body=input"], "no column of ours is called 'body'"),
        (["--only", "model"], "write column=value"),
        (["--only", "model=none"], "no row matches"),
        (["--lang", "fr"], "--lang"),
        (["--reference", "truth"], "--reference"),
        (["--nonsense"], "--nonsense"),
        (["--strict-labels"], "several ways"),
        (["--reference", "gold"], "--reference llm"),
        (["\udcff"], "not UTF-8"),
    ],
)
def test_an_option_that_makes_no_sense(called: Called, tmp_path: Path, options: list[str], says: str) -> None:
    rows = [row | {"answer": row["answer"].upper() if i % 3 else row["answer"]} for i, row in enumerate(logged(100))]
    status, printed, said = called("decide", log_of(tmp_path, rows), "--out", "run", *options)
    assert (status, printed) == (2, "")
    assert says in said, said
    assert not (tmp_path / "run").exists()


def test_a_call_that_lacks_something(called: Called, tmp_path: Path) -> None:
    log = log_of(tmp_path, logged(100))
    calls: list[tuple[list[str | Path], str]] = [
        (["decide"], "SOURCE"), (["decide", log], "--out FOLDER"), (["decid", log], "decid"), (["predict"], "run"),
        (["decide", "a.toml", "b.toml", "--out", "run"], "more than one task file"), (["report"], "run"),
    ]  # fmt: skip
    for arguments, says in calls:
        status, _, said = called(*arguments)
        assert (status, says.casefold() in said.casefold()) == (2, True), said


def test_a_run_folder_that_is_in_the_way(called: Called, run: Path, log_file: Path, tmp_path: Path) -> None:
    (tmp_path / "own").mkdir()
    (tmp_path / "own" / "file").write_text("mine")
    for out, says in [(run, "finished run. --force"), (tmp_path / "own", "is no Sizewise run")]:
        status, _, said = called("decide", log_file, "--out", out, "--rungs", "majority")
        assert (status, says in said) == (2, True), said
    status, _, said = called("decide", log_file, "--out", tmp_path / "own" / "file", "--rungs", "majority")
    assert (status, "is no Sizewise run" in said) == (2, True), said
    status, _, said = called("decide", log_file, "--out", "/proc/none/run", "--rungs", "majority")
    assert (status, "cannot write" in said) == (2, True), said


def test_a_run_that_cannot_be_trusted(called: Called, run: Path, tmp_path: Path) -> None:
    (tmp_path / "rows.jsonl").write_text('{"input": "x"}\n')
    assert called("predict", run, "none.jsonl")[0] == 2
    assert called("predict", run, tmp_path)[0] == 2
    assert called("predict", tmp_path / "none", "rows.jsonl")[0] == 2
    task_file = (run / "task.toml").read_bytes()
    (run / "task.toml").write_text("[task")
    assert called("predict", run, "rows.jsonl")[0] == 2
    (run / "task.toml").unlink()
    assert called("predict", run, "rows.jsonl")[0] == 2
    (run / "task.toml").write_bytes(task_file)
    labels = run / "specialist" / "labels.json"
    labels.write_text(labels.read_text().replace("refund", "Refund"))
    status, printed, said = called("predict", run, "rows.jsonl")
    assert (status, printed, "is not what was calibrated" in said) == (2, "", True)
    (run / "measurements.jsonl").write_text("")
    status, _, said = called("report", run)
    assert (status, "damaged" in said) == (2, True)


def test_a_message_cannot_steer_the_terminal(called: Called) -> None:
    _, _, said = called("decide", "a\x1b[31mb.jsonl", "--out", "run")
    assert "\x1b[31m" not in said
