"""The guide to local models: its commands run, in one shell, as a person would type them."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from sizewise.data.task_file import read_task

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "slm.md").read_text(encoding="utf-8")
TOPICS = {"card": "my card {} has not arrived", "fee": "why was I charged {} twice", "login": "I cannot log in from {}"}
WORDS = ("lamp", "yesterday", "the phone", "Paris", "nine", "home", "work", "Monday", "my sister", "abroad")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def shell(script: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """``script`` by bash, ``sizewise`` and ``python`` being those of this interpreter."""
    tools = folder / "bin"
    tools.mkdir(exist_ok=True)
    for name, line in (("python", ""), ("sizewise", "-m sizewise.cli.main ")):
        (tools / name).write_text(f'#!/bin/sh\nexec "{sys.executable}" {line}"$@"\n')
        (tools / name).chmod(0o755)
    environment = os.environ | {"PATH": f"{tools}{os.pathsep}{os.environ['PATH']}", "PYTHONUTF8": "1"}
    return subprocess.run(
        ["bash", "-euc", script],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=1_500,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    here = tmp_path_factory.mktemp("guide")
    rows = [
        {"input": f"{text.format(WORDS[i % 10])} {WORDS[i // 10]}", "gold": topic}
        for i in range(30)
        for topic, text in TOPICS.items()
    ]
    (here / "log.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return here


@pytest.mark.faults
def test_every_command_of_the_guide_works(folder: Path) -> None:
    for block in blocks("sh"):
        done = shell(block, folder)
        assert done.returncode == 0, f"{block}\n{done.stderr}"
    labelled = [json.loads(line) for line in (folder / "labelled.jsonl").read_text(encoding="utf-8").splitlines()]
    assert len(labelled) == 90
    assert all(row["answer"] in TOPICS and row["cost_usd"] > 0 for row in labelled)
    assert sum(row["cost_usd"] for row in labelled) <= 0.05
    assert "slm-prompted" in (folder / "run" / "report.html").read_text(encoding="utf-8")
    measured = (folder / "labelled-run" / "measurements.jsonl").read_text(encoding="utf-8")
    assert '"kind":"prompted"' in measured.replace(" ", "")
    assert '"kind":"large"' in measured.replace(" ", "")
    verdict = json.loads((folder / "labelled-run" / "verdict.json").read_text(encoding="utf-8"))
    assert verdict["large"]["how"] == "asked"
    assert verdict["large"]["wording_sensitivity"]["n"] >= 10
    assert verdict["large"]["self_agreement"]["n"] >= 10


def test_the_program_and_the_task_file_of_the_guide_work(folder: Path) -> None:
    (program,) = blocks("python")
    done = shell(f"python - <<'END'\n{program}END", folder)
    assert done.returncode == 0, done.stderr
    assert "http://127.0.0.1:" in done.stdout
    (task,) = blocks("toml")
    (folder / "task.toml").write_text(task + '\n[data]\npath = "log.jsonl"\n', encoding="utf-8")
    read = read_task(folder / "task.toml")
    assert read.wordings == ("Name the topic of each message.",)
    assert set(tomllib.loads(task)["rungs"]) == {"keywords", "slm-prompted"}


def test_a_server_that_cannot_be_is_one_message(tmp_path: Path) -> None:
    done = shell("python -m sizewise.slm.server file:nowhere.gguf", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("sizewise: ")
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
