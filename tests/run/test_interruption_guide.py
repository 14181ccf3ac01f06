"""The guide's commands are run as they stand, and every status that its table names is one of the contract's."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from .logs import rows, write

GUIDE = (Path(__file__).parents[2] / "docs" / "interruption.md").read_text(encoding="utf-8")


def test_the_commands_of_the_guide(tmp_path: Path) -> None:
    write(tmp_path / "log.jsonl", rows(150))
    command = tmp_path / "bin" / "sizewise"
    command.parent.mkdir()
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m sizewise.cli.main "$@"\n')
    command.chmod(0o755)
    path = f"{command.parent}{os.pathsep}{os.environ['PATH']}"
    (block,) = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    stopped, again, forced = (
        subprocess.run(["bash", "-c", line], cwd=tmp_path, env=os.environ | {"PATH": path}, capture_output=True, check=False)
        for line in block.splitlines()
    )  # fmt: skip
    assert stopped.returncode in (0, 130), stopped.stderr.decode()
    assert again.returncode == (2 if stopped.returncode == 0 else 0), again.stderr.decode()
    assert forced.returncode == 0, forced.stderr.decode()
    assert json.loads((tmp_path / "run" / "verdict.json").read_bytes())["decision"]


def test_the_statuses_of_the_guide() -> None:
    statuses = re.findall(r"^\|.*\| (\d+) \|", GUIDE, re.MULTILINE)
    assert set(statuses) == {"130", "3", "2", "0"}
