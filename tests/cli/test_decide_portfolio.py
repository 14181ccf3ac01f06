"""``sizewise decide A B --portfolio``: a run for each, one table and one picture; what is finished is not made again."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

TOPICS = {
    "billing": "why was my card charged twice for invoice {}",
    "delivery": "when will the parcel {} arrive at the pick-up point",
    "возврат": "хочу вернуть товар {} он не подошёл",
}


def log(path: Path, rows: int) -> Path:
    lines = []
    for number in range(rows):
        label = list(TOPICS)[number % 3]
        text = TOPICS[label].format(chr(97 + number % 26) * (1 + number % 5)) + f" {chr(97 + number // 26 % 26)}"
        lines.append(json.dumps({"input": text, "answer": label}) + "\n")
    path.write_text("".join(lines), encoding="utf-8")
    return path


def decide(folder: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sizewise.cli.main", "decide", *map(str, arguments)]
    environment = os.environ | {"SIZEWISE_CACHE": str(folder / "cache"), "PYTHONUTF8": "1"}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=False)


def test_two_logs_are_decided_and_weighed_together(tmp_path: Path) -> None:
    sources = [log(tmp_path / "письма.jsonl", 300), log(tmp_path / "chats.jsonl", 360)]
    options: list[str | Path] = [
        "--portfolio",
        "--out",
        tmp_path / "all",
        "--rungs",
        "majority,keywords",
        "--volume",
        "100000",
    ]
    first = decide(tmp_path, *sources, *options)
    assert first.returncode == 0, first.stderr
    assert (tmp_path / "all" / "portfolio.html").read_text("utf-8").count("<svg") >= 3
    assert "письма" in first.stdout
    for name in ("письма", "chats"):
        assert (tmp_path / "all" / name / "verdict.json").exists()
    made = (tmp_path / "all" / "chats" / "verdict.json").stat().st_mtime_ns
    again = decide(tmp_path, *sources, *options)
    assert again.returncode == 0, again.stderr
    assert again.stdout == first.stdout
    assert (tmp_path / "all" / "chats" / "verdict.json").stat().st_mtime_ns == made


def test_two_tasks_of_one_name_and_a_missing_folder_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    sources = [log(tmp_path / "log.jsonl", 60), log(tmp_path / "a" / "log.jsonl", 60)]
    done = decide(tmp_path, *sources, "--portfolio", "--out", tmp_path / "all")
    assert done.returncode == 2
    assert "'log'" in done.stderr
    done = decide(tmp_path, *sources, "--portfolio")
    assert done.returncode == 2
    assert "--out" in done.stderr
