"""What ``decide --dry-run`` says of the way that heads are fitted and of the encoder."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

import sizewise as product
from sizewise.cli.plan import plan
from sizewise.core.task import Task
from sizewise.models.catalogue import DEFAULT_ENCODER
from sizewise.specialists import closed_form


@pytest.fixture
def russian(log_rows: list[dict[str, str]], tmp_path: Path) -> Path:
    rows = [row | {"input": f"{row['input']} вопрос"} for row in log_rows][:150]
    path = tmp_path / "log.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def test_the_plan_names_the_encoder_and_what_is_missing(russian: Path) -> None:
    told = plan(Task("t", rungs=("majority", "encoder")), [russian])
    assert f"encoder     {DEFAULT_ENCODER}" in told
    assert 'pip install "sizewise[multilingual]"' in told
    assert "fitted 6 times" in told
    assert "closed form" not in told


def test_large_work_is_planned_and_done_in_closed_form(
    russian: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The bound is lowered so that a small log counts as large: the run goes the whole way, and says so."""
    monkeypatch.setattr(closed_form, "MOST_PRODUCTS", 1.0)
    assert "once a fold in closed form" in plan(Task("t", rungs=("keywords",)), [russian])
    run = product.decide(russian, out=tmp_path / "run", rungs=["majority", "keywords", "encoder"], reference="gold")
    scores = {rung.name: rung.out_of_fold.score.value for rung in run.verdict.rungs if rung.out_of_fold}
    assert scores["encoder"] > scores["majority"]
    assert scores["keywords"] > scores["majority"]
    assert run.verdict.small is not None
    assert run.verdict.small.name != "majority"
    (limit,) = [limit for limit in run.verdict.limit_codes if limit.code == "closed_form"]
    assert limit.parameters["labels"] == 3
    assert {a.error for a in run.model().answer(["где заказ", "refund", ""])} == {None}


def test_the_commands_of_the_guide_to_the_ladder_are_understood(
    sizewise: Callable[..., subprocess.CompletedProcess[bytes]], log_file: Path, tmp_path: Path
) -> None:
    guide = (Path(__file__).parents[2] / "docs" / "ladder.md").read_text(encoding="utf-8")
    lines = [line.split("  #")[0].split()[1:] for line in guide.splitlines() if line.startswith("sizewise decide")]
    climbing = {tuple(part for part in line if part != "--dry-run") for line in lines if "auto" in line}
    assert len(climbing) == 2
    for line in climbing:
        done = sizewise(*(str(log_file) if part == "log.jsonl" else part for part in line), "--dry-run")
        assert done.returncode == 0, done.stderr.decode()
        minutes = "90" if "--minutes" in line else "30"
        assert f"budget      {minutes} min for the rungs above encoder together" in done.stdout.decode()
    refused = sizewise("decide", log_file, "--out", tmp_path / "run", "--rungs", "auto", "--minutes", "0")
    assert refused.returncode == 2
    assert b"--minutes 30" in refused.stderr
