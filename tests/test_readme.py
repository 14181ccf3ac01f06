"""What the README and the guides say works as they say it: every command and every program in them is run."""

from __future__ import annotations

import csv
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sizewise.data.task_file import read_task

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
TOPICS = {
    "billing": "why was my card charged twice for invoice number {} this month",
    "delivery": "when will the parcel {} arrive at the pick-up point near me",
    "returns": "хочу вернуть товар {} он не подошёл по размеру",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README's commands name."""
    here = tmp_path_factory.mktemp("readme")
    words = ["please", "hello", "urgent", "again", "спасибо", "today", "really", "order", "shop", "наконец"]
    rows = []
    for number in range(240):
        label = list(TOPICS)[number % 3]
        extra = f"{words[number % 10]} {words[number // 10 % 10]} {words[number // 7 % 10]}"
        rows.append(
            {"input": f"{TOPICS[label].format(chr(97 + number % 26) * 2)} {extra}", "answer": label, "gold": label}
        )
    (here / "log.jsonl").write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    (here / "rows.jsonl").write_text(
        "".join(json.dumps({"input": r["input"]}) + "\n" for r in rows[:5]), encoding="utf-8"
    )
    with (here / "log.csv").open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows({"text": r["input"], "label": r["gold"]} for r in rows)
    return here


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", text, re.MULTILINE | re.DOTALL)


def commands(text: str = README) -> list[str]:
    lines = [line.split("  #")[0].strip() for block in blocks(text, "sh") for line in block.splitlines()]
    return [line for line in lines if line.startswith("sizewise ")]


def run(folder: Path, command: list[str]) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"SIZEWISE_CACHE": str(folder / "cache"), "PYTHONUTF8": "1"}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, check=False, timeout=300
    )


def test_every_command_of_the_readme_works(folder: Path) -> None:
    assert len(commands()) >= 6
    for line in commands():
        parts = shlex.split(line)
        if parts[1] == "decide" and "--dry-run" not in parts:
            shutil.rmtree(folder / "run", ignore_errors=True)
        done = run(folder, [sys.executable, "-m", "sizewise.cli.main", *parts[1:]])
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip(), line


def test_every_command_of_the_guide_to_the_data_check_works(folder: Path) -> None:
    lines = commands((ROOT / "docs" / "data-check.md").read_text(encoding="utf-8"))
    assert len(lines) == 4
    for line in lines:
        done = run(folder, [sys.executable, "-m", "sizewise.cli.main", *shlex.split(line)[1:]])
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip(), line
    assert (folder / "checked" / "check.html").exists()
    assert (folder / "clean.jsonl.changes.jsonl").exists()


def test_the_program_of_the_readme_works(folder: Path) -> None:
    (program,) = blocks(README, "python")
    shutil.rmtree(folder / "run", ignore_errors=True)
    done = run(folder, [sys.executable, "-c", program])
    assert done.returncode == 0, done.stderr
    assert "route=" in done.stdout


def test_every_target_of_the_readme_is_in_the_makefile() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    wanted = set(re.findall(r"^make (\w+)", "\n".join(blocks(README, "sh")), re.MULTILINE)) | {
        "lint",
        "bench",
        "faults",
    }
    assert {"demo", "test"} <= wanted
    for target in wanted:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target


def test_files_that_the_readme_links_are_there() -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", README):
        if not link.startswith("https://"):
            assert (ROOT / link).exists(), link


def test_the_task_file_of_the_guide_is_valid(tmp_path: Path) -> None:
    (example,) = blocks((ROOT / "docs" / "task-files.md").read_text(encoding="utf-8"), "toml")
    assert tomllib.loads(example)
    (tmp_path / "tickets.toml").write_text(example, encoding="utf-8")
    task = read_task(tmp_path / "tickets.toml")
    assert task.rungs == ("majority", "keywords", "encoder")
    assert task.bar.target == 0.97
