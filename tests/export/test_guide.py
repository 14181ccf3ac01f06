"""The guide to exports: its commands work, and what it says of names and formats is so."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sizewise.cli.export import To
from sizewise.cli.main import app
from sizewise.export.names import distribution_name

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "export.md").read_text(encoding="utf-8")


def test_every_command_of_the_guide_works(served_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(served_run, tmp_path / "run")
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    commands = [line.split("  #")[0] for block in blocks for line in block.splitlines()]
    assert len(commands) == 6
    for line in commands:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, f"{line}\n{done.output}\n{done.exception!r}"
        assert "README.md" in done.output
    assert {path.name for path in (tmp_path / "made").iterdir()} == {"wheel", "folder", "small", "onnx", "openai"}


def test_the_guide_names_every_format() -> None:
    for to in To:
        assert f"`{to.value}`" in GUIDE


def test_names_in_the_guide() -> None:
    for task, name in re.findall(r"`([^`]+)`\s+becomes\s+`(sizewise-[^`]+)`", GUIDE):
        assert distribution_name(task) == name
