"""The commands of the guide to the report work as it says."""

from __future__ import annotations

import re
import shlex
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sizewise.cli.main import app

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "report.md"


def test_every_command_of_the_guide_works(finished_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("run", "other-run"):
        shutil.copytree(finished_run, tmp_path / name)
    monkeypatch.chdir(tmp_path)
    lines = re.findall(r"^(sizewise .*?)(?:  +#.*)?$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE)
    assert len(lines) == 5
    for line in lines:
        done = CliRunner().invoke(app, shlex.split(line)[1:])
        assert done.exit_code == 0, (line, done.output, done.exception)
        assert Path(done.output.split()[-1]).is_file()
    assert 'lang="ru"' in (tmp_path / "comparison-ru.html").read_text(encoding="utf-8")


def test_the_guide_names_every_kind_of_line_that_the_page_is_made_from() -> None:
    guide = GUIDE.read_text(encoding="utf-8")
    for kind in ("portion", "disputes", "confusion", "disagreement", "curve", "rung", "certificate", "audit"):
        assert f"`{kind}`" in guide, kind
