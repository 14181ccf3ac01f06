"""A run with ``--bundle`` needs nothing beside it: not the package that the encoder came from."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import sizewise
from sizewise.core.errors import RunError
from sizewise.run import load

from .logs import rows, write

#: loads a run in a process in which no installed package gives the encoder away, and answers
PROGRAM = """
import importlib.metadata, json, sys
from importlib.metadata import PackageNotFoundError
import sizewise.models.reference as reference

def nowhere(name):
    raise PackageNotFoundError(name)

reference.distribution = nowhere
import sizewise
answers = sizewise.load(sys.argv[1]).answer(json.load(sys.stdin))
json.dump([[a.value, a.route, a.confidence] for a in answers], sys.stdout)
"""


def answers_elsewhere(folder: Path, inputs: list[str]) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", PROGRAM, str(folder)],
        input=json.dumps(inputs), capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_a_bundled_run_answers_the_same_where_the_encoder_is_out_of_reach(tmp_path: Path) -> None:
    made = rows(150, seed=31)
    log = write(tmp_path / "log.jsonl", made)
    run = sizewise.decide(log, out=tmp_path / "run", rungs=["encoder"], bundle=True)
    inputs = [row["input"] for row in made[:25]] + ["", "🙂", "нечто другое"]
    here = run.model().answer(inputs)
    shutil.copytree(run.folder, tmp_path / "there" / "run")
    told = answers_elsewhere(tmp_path / "there" / "run", inputs)
    assert told.returncode == 0, told.stderr
    there = json.loads(told.stdout)
    assert [[a.value, a.route] for a in here] == [a[:2] for a in there]
    assert [a.confidence for a in here] == pytest.approx([a[2] for a in there], abs=1e-4)

    encoder = tmp_path / "there" / "run" / "specialist" / "encoder"
    manifest = json.loads((encoder.parent / "manifest.json").read_bytes())
    bundled = {str(f.relative_to(encoder.parent)) for f in encoder.rglob("*") if f.is_file()}
    assert bundled
    assert bundled <= set(manifest["sha256"])

    largest = max(encoder.rglob("*"), key=lambda f: f.stat().st_size if f.is_file() else 0)
    with largest.open("r+b") as file:
        file.seek(-1, 2)
        file.write(b"?")
    with pytest.raises(RunError, match="SHA-256"):
        load(tmp_path / "there" / "run")
    shutil.rmtree(encoder)
    with pytest.raises(RunError, match="missing"):
        load(tmp_path / "there" / "run")
