"""What a run foresees: kept with it, the same when it is resumed, and part of the verdict."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest

import sizewise
from sizewise.run import Run
from sizewise.stages import forecast as stage

from .conftest import RUNGS, MakeRun
from .logs import rows, write


@pytest.mark.parametrize("name", ["llm", "gold", "cascade", "large"])
def test_every_curve_is_whole(made: MakeRun, name: str) -> None:
    run = made(name)
    found = run.record.measurements.forecast
    assert found is not None
    assert found.rung == run.record.measurements.chosen
    wanted = "accuracy" if run.verdict.reference == "gold" else "agreement"
    assert [(c.metric, c.by) for c in found.curves] == [
        (wanted, "train"), ("coverage", "train"), ("coverage", "calibrate"), ("coverage", "both"),
    ]  # fmt: skip
    for curve in found.curves:
        assert [f.times for f in curve.foreseen] == [1, 2, 4]
        assert [f.rows for f in curve.foreseen] == [curve.rows, 2 * curve.rows, 4 * curve.rows]
        assert all(0 <= f.low <= f.value <= f.high <= 1 for f in curve.foreseen)
        assert all(a.value <= b.value for a, b in pairwise(curve.foreseen))
        assert all(a.rows < b.rows for a, b in pairwise(curve.observed))
    sizes = run.record.measurements.data
    by = {(c.metric, c.by): c.rows for c in found.curves}
    assert by["coverage", "train"] == sizes.train
    assert by["coverage", "both"] == by["coverage", "train"] + by["coverage", "calibrate"]


def test_nothing_learnable_is_foreseen_as_such(made: MakeRun) -> None:
    run = made("large")
    assert run.verdict.decision == "large"
    assert run.verdict.more_data is not None
    assert (run.verdict.more_data.examples, run.verdict.more_data.enough) == (None, False)
    assert "more_data_alone_will_not" in [r.code for r in run.verdict.reasons]


def test_it_is_read_back_and_a_run_without_one_still_opens(made: MakeRun, tmp_path: Path) -> None:
    run = made("llm")
    assert Run.open(run.folder).record.measurements.forecast == run.record.measurements.forecast
    older = tmp_path / "older"
    older.mkdir()
    for file in run.folder.iterdir():
        if file.is_file():
            (older / file.name).write_bytes(file.read_bytes())
    first, *rest = (older / "measurements.jsonl").read_text(encoding="utf-8").splitlines()
    without = {k: v for k, v in json.loads(first).items() if k != "forecast"}
    (older / "measurements.jsonl").write_text("\n".join([json.dumps(without), *rest]) + "\n", encoding="utf-8")
    assert Run.open(older).record.measurements.forecast is None


def test_a_flawless_model_with_few_calibration_rows_is_asked_for_more_of_those(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", rows(1_200, gold=True))
    run = sizewise.decide(log, out=tmp_path / "run", rungs=RUNGS, reference="gold")
    assert run.verdict.decision == "more-data"
    about = run.verdict.more_data
    assert about is not None
    assert (about.kind, about.enough) == ("calibrate", True)
    assert about.examples is not None
    assert 0 < about.examples < 3 * run.record.measurements.data.calibrate


def test_what_was_learned_is_not_learned_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    log = write(tmp_path / "log.jsonl", rows(600))
    learned: list[int] = []
    learn = stage._learn

    def stopping(*given: object) -> stage.Part:
        if len(learned) == 1:
            raise KeyboardInterrupt
        learned.append(1)
        return learn(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(stage, "LEAST_PART", 40)  # three parts of so short a log
    monkeypatch.setattr(stage, "_learn", stopping)
    with pytest.raises(KeyboardInterrupt):
        sizewise.decide(log, out=tmp_path / "run", rungs=RUNGS)
    learned.clear()

    def counting(*given: object) -> stage.Part:
        learned.append(1)
        return learn(*given)  # type: ignore[arg-type]

    monkeypatch.setattr(stage, "_learn", counting)
    resumed = sizewise.decide(log, out=tmp_path / "run", rungs=RUNGS)
    assert len(learned) == 2
    whole = sizewise.decide(log, out=tmp_path / "whole", rungs=RUNGS)
    assert resumed.record.measurements.forecast == whole.record.measurements.forecast


def test_too_few_rows_for_a_curve(tmp_path: Path) -> None:
    log = write(tmp_path / "log.jsonl", rows(stage.LEAST_ROWS))
    assert sizewise.decide(log, out=tmp_path / "run", rungs=["majority"]).record.measurements.forecast is None
