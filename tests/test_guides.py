"""The guide to advice: its commands run in a folder that holds the files it names."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

from sizewise.advice.rules import read_rules

ROOT = Path(__file__).resolve().parent.parent
GUIDE = (ROOT / "docs" / "advise.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


def test_every_command_of_the_guide_works(tmp_path: Path) -> None:
    (portfolio,) = blocks("toml")
    advised = portfolio[
        portfolio.index("[[tasks]]", 1) :
    ]  # the first task is a run, which a test beside this one makes
    (tmp_path / "portfolio.toml").write_text(advised, encoding="utf-8")
    commands = [line.split("  #")[0] for block in blocks("sh") for line in block.splitlines()]
    assert len(commands) >= 6
    for line in commands:
        done = subprocess.run(
            [sys.executable, "-m", "sizewise.cli.main", *shlex.split(line)[1:]],
            cwd=tmp_path, env=os.environ | {"PYTHONUTF8": "1"}, capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        assert done.stdout.strip(), line
    assert (tmp_path / "advise.html").exists()
    assert (tmp_path / "portfolio.html").exists()


def test_the_borders_in_the_guide_are_those_of_the_rules() -> None:
    borders = read_rules().borders
    assert f"| {borders.small:.0f} and above | small |" in GUIDE
    assert f"| {borders.cascade:.0f} and above | cascade |" in GUIDE
    assert f"| −{-borders.large:.0f} and below | large |" in GUIDE
