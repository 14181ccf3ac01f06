"""The guide to promotion: its commands run in a folder that holds what they name."""

from __future__ import annotations

import json
import re
import shlex
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sizewise.cli.main import app
from sizewise.gateway.admin import PATH

from .chat_logs import messages

GUIDE = (Path(__file__).resolve().parents[2] / "docs" / "promote.md").read_text(encoding="utf-8")


def test_every_command_works(run_of: Callable[[str], Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(run_of("shop"), tmp_path / "run")
    request = {"model": "gpt-4o-mini", "messages": messages("money back")}
    (tmp_path / "request.json").write_text(json.dumps(request), encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    commands = [line for block in re.findall(r"^```sh\n(.*?)^```", GUIDE, re.M | re.S) for line in block.splitlines()]
    assert len(commands) == 5
    for line in commands:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, line
        assert done.output.strip(), line
    assert (
        json.loads((tmp_path / "sizewise-serve.json").read_text(encoding="utf-8"))["tasks"]["shop"]["mode"] == "capture"
    )


def test_the_endpoint_is_where_the_guide_says() -> None:
    assert f"GET  {PATH}\n" in GUIDE
    assert f"POST {PATH}/support" in GUIDE
