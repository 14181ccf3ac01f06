"""The guide to tuned models: its commands run, with the settings that it names, on an encoder that learns in seconds."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from sizewise.specialists.train import INSTALL

pytest.importorskip("torch", reason=f"needs the extra `train`: {INSTALL}")

from .tiny_bert import tiny_bert

GUIDE = (
    (Path(__file__).parents[3] / "docs" / "tuning.md")
    .read_text(encoding="utf-8")
    .partition("\n## The rung `slm-tuned`")[0]
)


def test_every_command_of_the_guide_works(log_file: Path, log_rows: list[dict[str, Any]], tmp_path: Path) -> None:
    tiny_bert(tmp_path / "base", [row["input"] for row in log_rows])
    shutil.copy(log_file, tmp_path / "log.jsonl")
    (settings,) = re.findall(r"^```toml\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert 'encoder = "by-language"' in settings
    quick = settings.replace("by-language", f"file:{tmp_path / 'base'}").replace("epochs = 5", "epochs = 1")
    (tmp_path / "task.toml").write_text(
        f'[task]\nname = "orders"\nkind = "classify"\n[data]\npath = "log.jsonl"\n{quick}'
    )
    (commands,) = re.findall(r"^```sh\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)
    assert len(commands.splitlines()) == 2
    for line in commands.splitlines():
        arguments = shlex.split(line.replace("log.jsonl --rungs keywords,encoder,encoder-tuned", "task.toml"))[1:]
        assert arguments[1] == "task.toml"
        done = subprocess.run(
            [sys.executable, "-m", "sizewise.cli.main", *arguments],
            cwd=tmp_path, env=os.environ | {"PYTHONUTF8": "1"}, capture_output=True, text=True, check=False, timeout=300,
        )  # fmt: skip
        assert done.returncode == 0, f"{line}\n{done.stderr}"
        if "--dry-run" in arguments:
            assert re.search(r"encoder-tuned about \d+ s: tuned 5 times", done.stdout)
    rungs = [rung["name"] for rung in json.loads((tmp_path / "run" / "verdict.json").read_text())["rungs"]]
    assert rungs == ["keywords", "encoder", "encoder-tuned"]
