from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sizewise.run import load

Sizewise = Callable[..., subprocess.CompletedProcess[bytes]]


def verdict_of(run: Path) -> dict[str, Any]:
    return dict(json.loads((run / "verdict.json").read_text(encoding="utf-8")))


def test_a_task_file_beside_its_log_and_options_over_it(sizewise: Sizewise, log_file: Path, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "log.jsonl").write_bytes(log_file.read_bytes())
    (tmp_path / "deep" / "магазин.toml").write_text(
        "[data]\npath = 'log.jsonl'\n[bar]\ntarget = 0.9\ndelta = 0.1\n[rungs.majority]\n[rungs.keywords]\n"
    )
    done = sizewise(
        "decide", "deep/магазин.toml", "--out", "run", "--target", "0.8", "--rungs", "majority", "--json",
        PYTHONIOENCODING="ascii", LC_ALL="C",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    verdict = verdict_of(tmp_path / "run")
    assert json.loads(done.stdout) == verdict
    assert (verdict["target"], verdict["delta"], verdict["task"]) == (0.8, 0.1, "магазин")
    assert [rung["name"] for rung in verdict["rungs"]] == ["majority"]
    again = sizewise("decide", "deep/магазин.toml", "--out", "run", "--rungs", "majority")
    assert again.returncode == 2
    forced = sizewise("decide", "deep/магазин.toml", "--out", "run", "--rungs", "majority", "--force", "--lang", "ru")
    assert forced.returncode == 0
    assert verdict_of(tmp_path / "run")["run_id"] != verdict["run_id"]
    assert "report.html" in forced.stdout.decode()


def test_a_dry_run_writes_nothing(sizewise: Sizewise, log_file: Path, tmp_path: Path) -> None:
    before = sorted(log_file.parent.rglob("*"))
    done = sizewise("decide", log_file, "--out", "run", "--rungs", "majority", "--dry-run")
    assert done.returncode == 0
    assert "majority    about" in done.stdout.decode()
    assert list(tmp_path.iterdir()) == []
    assert sorted(log_file.parent.rglob("*")) == before


def test_odd_rows_go_on_and_are_counted(sizewise: Sizewise, log_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    rows = [dict(row) for row in log_rows]
    for row in rows[:4]:
        row["input"] = ""
    rows[10]["input"] = "где заказ " * 10_000
    rows[11]["input"] = "x" * 100_000
    rows[12]["input"] = "👍"
    rows[13]["input"] = "\ud800"
    for row in rows[20:40]:
        row["gold"] = row["gold"].upper()
    for row in rows[40:43]:
        row["answer"] = "I am sorry, I cannot do that."
    rows[50] |= {"latency_ms": "NaN", "id": rows[51]["id"]}
    rows[60]["input"] = None
    lines = [json.dumps(row) for row in rows] + ["", "{broken", "[]"]
    (tmp_path / "log.jsonl").write_text("\n".join(lines))
    done = sizewise("decide", "log.jsonl", "--out", "run", "--rungs", "majority,keywords")
    assert done.returncode == 0, done.stderr.decode()
    check = json.loads((tmp_path / "run" / "data-check.json").read_text())
    assert (check["rows"], sum(check["rejected"].values())) == (299, 3)
    assert (check["empty_inputs"], check["long_inputs"], check["repeated_ids"]) == (4, 2, 1)
    assert check["unreadable_values"] == {"latency_ms": 1}
    assert sum(sum(m["merged"].values()) for m in check["merges"]) == 20
    assert check["unusable"] == [["I am sorry, I cannot do that.", 3]]
    rejects = [json.loads(line) for line in (tmp_path / "run" / "rejects.jsonl").read_text().splitlines()]
    assert [(r["line"], r["raw"]) for r in rejects] == [(61, lines[60]), (302, "{broken"), (303, "[]")]


def interrupted(tmp_path: Path, log_file: Path, when: bytes) -> tuple[int, bytes]:
    """Start ``decide`` and press Ctrl-C when it says ``when``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sizewise.cli.main", "decide", log_file, "--out", "run", "--rungs", "majority,keywords"],
        cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    with process:
        assert process.stderr
        said = b""
        while when not in said and (line := process.stderr.readline()):
            said += line
        os.killpg(process.pid, signal.SIGINT)
        said += process.stderr.read()
    return process.returncode, said


def test_an_interrupted_run_goes_on_and_ends_as_an_uninterrupted_one(
    sizewise: Sizewise, log_file: Path, finished_run: Path, tmp_path: Path
) -> None:
    status, said = interrupted(tmp_path, log_file, b"contest: keywords")
    assert status == 130, said
    assert b"Traceback" not in said
    assert said.splitlines()[-1].startswith(b"sizewise: interrupted. What was done is kept")
    state = json.loads((tmp_path / "run" / "state.json").read_text())
    assert state["status"] == "unfinished"
    assert (tmp_path / "run" / ".work" / "majority" / "fitted.json").exists()
    assert sizewise("predict", "run", stdin=b"").returncode == 2
    done = sizewise("decide", log_file, "--out", "run", "--rungs", "majority,keywords")
    assert done.returncode == 0, done.stderr.decode()
    run = tmp_path / "run"
    assert verdict_of(run)["run_id"] == state["run_id"]
    assert not (run / ".work").exists()
    for name in ("predictions.jsonl", "rejects.jsonl", "data-check.json", "task.toml"):
        assert (run / name).read_bytes() == (finished_run / name).read_bytes()
    ours, other = verdict_of(run), verdict_of(finished_run)
    for field in ("decision", "guarantee", "reference", "binding_constraint", "data", "cascade"):
        assert ours[field] == other[field]


def fill(disk: Path, leave: int) -> Path:
    """A file that leaves about ``leave`` bytes free."""
    status = os.statvfs(disk)
    filler = disk / "filler"
    filler.write_bytes(b"\0" * (status.f_bavail * status.f_frsize - leave))
    return filler


@pytest.mark.faults
def test_a_full_disk_stops_the_run_and_it_goes_on_when_there_is_room(
    sizewise: Sizewise, log_file: Path, small_disk: Path
) -> None:
    call = ("decide", log_file, "--out", small_disk / "run", "--rungs", "majority")
    for leave in (0, 40_000):
        filler = fill(small_disk, leave)
        full = sizewise(*call)
        assert full.returncode == 3, full.stderr.decode()
        assert "no space left on the disk" in full.stderr.decode()
        filler.unlink()
    done = sizewise(*call)
    assert done.returncode == 0, done.stderr.decode()
    assert load(small_disk / "run").answer(["где"])[0].value


def test_check_prints_what_decide_would_find(sizewise: Sizewise, log_file: Path, finished_run: Path) -> None:
    done = sizewise("check", log_file, "--json", "--no-audit")
    assert done.returncode == 0
    found = json.loads(done.stdout)
    assert found.pop("audit") is None
    assert found == json.loads((finished_run / "data-check.json").read_text())


def test_report_is_written_anew_in_either_language(sizewise: Sizewise, run: Path) -> None:
    english = (run / "report.html").read_text(encoding="utf-8")
    (run / "report.html").unlink()
    assert sizewise("report", run, "--lang", "ru").returncode == 0
    russian = (run / "report.html").read_text(encoding="utf-8")
    assert 'lang="ru"' in russian
    assert 'lang="en"' in english


def test_alone_it_says_what_to_do_first(sizewise: Sizewise) -> None:
    done = sizewise()
    assert done.returncode == 0
    assert len(done.stdout.splitlines()) == 5
    assert b"sizewise demo" in done.stdout
    assert sizewise("--version").stdout.startswith(b"sizewise ")
    wrong = sizewise("decide", "none.jsonl", "--out", "run")
    assert (wrong.returncode, wrong.stdout) == (2, b"")
