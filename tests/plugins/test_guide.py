"""The plug-in of docs/plugins.md: installed as a package, found by its entry points, decided with and asked."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
GUIDE = (ROOT / "docs" / "plugins.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of installed packages that holds the guide's: its module, and its metadata with both entry points."""
    folder = tmp_path_factory.mktemp("site")
    (folder / "sizewise_named.py").write_text("\n\n".join(blocks("python")), encoding="utf-8")
    about = folder / "sizewise_named-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: sizewise-named\nVersion: 1.0\n")
    points = []
    for block in blocks("toml"):
        header, line = block.strip().splitlines()
        name, target = line.replace('"', "").split(" = ")
        points += [header.replace('project.entry-points."', "").replace('"]', "]"), f"{name} = {target}"]
    (about / "entry_points.txt").write_text("\n".join(points) + "\n")
    return folder


def run(site: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    paths = os.pathsep.join([str(site), os.environ.get("PYTHONPATH", "")])
    return subprocess.run(
        [sys.executable, "-m", "sizewise.cli.main", *arguments], cwd=site, env=os.environ | {"PYTHONPATH": paths},
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_rung_is_decided_with_saved_and_loaded(site: Path) -> None:
    lines = []
    for i in range(240):
        label = ("refund", "parcel")[i % 2]
        noise = "abcdefghijklmnopqrstuvwxyz"[i % 26] * (2 + i % 5)
        lines.append(f'{{"input": "about my {label} {noise} {i // 26}", "gold": "{label}"}}')
    (site / "log.jsonl").write_text("\n".join(lines))
    decided = run(site, "decide", "log.jsonl", "--out", "run", "--rungs", "majority,named")
    assert decided.returncode == 0, decided.stderr
    assert "named" in decided.stdout
    (site / "rows.jsonl").write_text('{"id": "1", "input": "where is my refund"}\n')
    told = run(site, "predict", "run", "rows.jsonl")
    assert '"answer":"refund"' in told.stdout.replace(" ", ""), told.stderr


def test_the_model_is_asked_by_hand(site: Path) -> None:
    asked = run(site, "ask", "shout:any", "quiet please")
    assert asked.returncode == 0, asked.stderr
    assert "QUIET PLEASE" in asked.stdout


def test_a_broken_plug_in_is_named_and_a_built_in_name_is_not_taken(tmp_path: Path) -> None:
    about = tmp_path / "broken-2.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken\nVersion: 2.0\n")
    (about / "entry_points.txt").write_text("[sizewise.rungs]\nbroken = broken:RUNG\nmajority = broken:RUNG\n")
    (tmp_path / "broken.py").write_text("raise RuntimeError('not today')\n")
    (tmp_path / "log.jsonl").write_text('{"input": "a", "gold": "b"}\n' * 20)
    refused = run(tmp_path, "decide", "log.jsonl", "--out", "run", "--rungs", "majority,broken")
    assert refused.returncode == 2
    assert (
        "the plug-in 'broken' of broken 2.0 (sizewise.rungs) cannot be loaded: RuntimeError: not today"
        in refused.stderr
    )
    assert "Traceback" not in refused.stderr
