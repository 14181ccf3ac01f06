"""Climbing above the lower rungs, with a slow rung of a plug-in: when it is tried, and that it keeps to its time."""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

import sizewise
from sizewise.cli.plan import plan
from sizewise.core.task import Task
from sizewise.core.verdict import Verdict
from sizewise.data.task_file import read_task
from sizewise.verdict.wording import say

WORDS = ("today", "again", "urgent", "now", "still", "really", "thanks", "please", "morning", "evening")
SAID = {
    "refund": "my money back for order",
    "delivery": "where is my parcel with number",
    "account": "cannot log in as",
}


@pytest.fixture(autouse=True)
def _plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The slow rung, installed as a package."""
    site = tmp_path / "site"
    about = site / "patient-1.0.dist-info"
    about.mkdir(parents=True)
    shutil.copy(Path(__file__).parents[1] / "plugins" / "patient_rung.py", site / "patient_rung.py")
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: patient\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[sizewise.rungs]\npatient = patient_rung:RUNG\n")
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("PYTHONPATH", str(site), prepend=":")


def written(folder: Path, unclear: float, rows: int = 900, only: int | None = None) -> Path:
    """A log with gold in which a share of the messages says nothing of its label."""
    draw = random.Random(0)
    lines = []
    for number in range(rows):
        gold = draw.choice(list(SAID))
        text = SAID[gold] if draw.random() >= unclear else "hello, please help me with this, it is about"
        words = " ".join(draw.sample(WORDS, 3))
        lines.append({"id": f"r{number}", "input": f"{text} {number:x} {words}", "gold": gold})
    path = folder / "log.jsonl"
    path.write_text("".join(json.dumps(line) + "\n" for line in lines[:only]), encoding="utf-8")
    return path


def task_file(folder: Path, log: Path, settings: Mapping[str, Any], minutes: float | None = None) -> Path:
    """``auto`` beside the settings of the slow rung."""
    lines = ["[data]", f'path = "{log}"', "[rungs]"]
    lines += [f"minutes = {minutes}"] if minutes is not None else []
    lines += ["[rungs.auto]", "[rungs.patient]", *(f"{name} = {value}" for name, value in settings.items())]
    path = folder / "task.toml"
    path.write_text("\n".join(lines) + "\n")
    return path


def names(verdict: Verdict) -> list[str]:
    return [rung.name for rung in verdict.rungs]


def codes(verdict: Verdict) -> dict[str, Mapping[str, Any]]:
    return {one.code: one.parameters for one in (*verdict.reasons, *verdict.limit_codes)}


def without_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    """The lower rungs are two, and the slow one is the only one above: the others would take most of the time."""
    monkeypatch.setattr("sizewise.specialists.ladder.LOWER", ("majority", "keywords"))
    for module in ("sizewise.specialists.ladder", "sizewise.stages.climbing"):
        monkeypatch.setattr(f"{module}.BY_NAME_ALONE", ("encoder-tuned", "slm-prompted", "slm-tuned"))


def test_auto_climbs_where_much_is_unclear(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_encoder(monkeypatch)
    verdict = sizewise.decide(written(tmp_path, 0.3), out=tmp_path / "run", rungs=["auto"]).verdict
    assert names(verdict) == ["majority", "keywords", "patient"]
    for rung in verdict.rungs:
        assert None not in (rung.latency_ms, rung.peak_memory_mb, rung.fit_seconds)
    assert "[rungs.auto]" in (tmp_path / "run" / "task.toml").read_text(encoding="utf-8")


def test_auto_stays_where_everything_is_answered_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_encoder(monkeypatch)
    run = sizewise.decide(written(tmp_path, 0.0), out=tmp_path / "run", rungs=["auto"])
    assert run.verdict.decision == "small"
    assert names(run.verdict) == ["majority", "keywords"]
    told = codes(run.verdict)["upper_not_needed"]
    assert told["rung"] == "keywords"
    page = (run.folder / "report.html").read_text(encoding="utf-8")
    assert "No larger rung was fitted unasked" in page
    assert say("upper_not_needed", told, "ru").startswith("Ступени выше без просьбы не обучались")


def test_who_asks_is_given_the_rung_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_encoder(monkeypatch)
    log = written(tmp_path, 0.0)
    for number, rungs in enumerate((["auto", "patient"], ["keywords", "patient"])):
        verdict = sizewise.decide(log, out=tmp_path / f"run{number}", rungs=rungs).verdict
        assert "patient" in names(verdict)


def test_what_would_take_too_long_is_passed_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_encoder(monkeypatch)
    log = written(tmp_path, 0.3)
    run = sizewise.decide(task_file(tmp_path, log, {"planned": 600.0}, minutes=5.0), out=tmp_path / "run")
    assert names(run.verdict) == ["majority", "keywords"]
    told = codes(run.verdict)["upper_out_of_time"]
    assert told == {"rung": "patient", "needs": 10.0, "left": 5.0, "minutes": 5.0}
    assert any("10" in limit and "--minutes" in limit for limit in run.verdict.limits)
    assert "--minutes gives more" in (run.folder / "report.html").read_text(encoding="utf-8")


def test_a_fit_ends_by_itself_when_its_time_is_over(tmp_path: Path) -> None:
    log = written(tmp_path, 0.3)
    settings = {"planned": 1.0, "steps": 1_000, "pause": 0.05}
    made = sizewise.decide(
        task_file(tmp_path, log, settings), out=tmp_path / "run", rungs=["keywords", "patient"], minutes=0.05
    )
    assert "patient" in names(made.verdict)
    fit = next(rung.fit_seconds for rung in made.verdict.rungs if rung.name == "patient")
    assert fit is not None
    assert 2.0 < fit.value < 3.0, "nine tenths of three seconds"


def test_the_time_that_planning_takes_is_part_of_the_budget(tmp_path: Path) -> None:
    log = written(tmp_path, 0.3)
    settings = {"planned": 1.0, "steps": 1_000, "pause": 0.05, "thinks": 1.5}
    file = task_file(tmp_path, log, settings)
    made = sizewise.decide(file, out=tmp_path / "run", rungs=["keywords", "patient"], minutes=0.05)
    fit = next(rung.fit_seconds for rung in made.verdict.rungs if rung.name == "patient")
    assert fit is not None
    assert fit.value < 1.6, "nine tenths of what planning left of three seconds"
    settings |= {"planned": 2.0}
    late = sizewise.decide(
        task_file(tmp_path, log, settings), out=tmp_path / "late", rungs=["keywords", "patient"], minutes=0.05
    )
    assert codes(late.verdict)["upper_out_of_time"]["rung"] == "patient"


def test_a_fit_that_does_not_look_at_the_clock_is_ended(tmp_path: Path) -> None:
    log = written(tmp_path, 0.3)
    settings = {"planned": 1.0, "steps": 1_000, "pause": 0.05, "heeds": 0}
    made = sizewise.decide(
        task_file(tmp_path, log, settings), out=tmp_path / "run", rungs=["keywords", "patient"], minutes=0.03
    )
    assert names(made.verdict) == ["keywords"]
    assert codes(made.verdict)["upper_stopped"]["rung"] == "patient"


def test_a_resumed_run_decides_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed after the lower rungs and the decision: the same command goes on with what was decided."""
    without_encoder(monkeypatch)
    file = task_file(tmp_path, written(tmp_path, 0.3), {"planned": 600.0}, minutes=5.0)

    class Killed(BaseException):
        pass

    def killed(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr("sizewise.pipeline.choose", killed)
        with pytest.raises(Killed):
            sizewise.decide(file, out=tmp_path / "run")
    decided = tmp_path / "run" / ".work" / "climbing.json"
    assert json.loads(decided.read_text())["patient"]["code"] == "upper_out_of_time"
    monkeypatch.setattr("patient_rung.PatientRecipe.plan", lambda *_: (1.0, "now it would be quick"))
    assert names(sizewise.decide(file, out=tmp_path / "run").verdict) == ["majority", "keywords"]


def test_what_is_not_installed_is_said_where_it_may_pay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sizewise.specialists.ladder.LOWER", ("majority", "keywords"))
    needs = {"encoder-tuned": {"train": "no_such_module"}, "slm-tuned": {"train": "no_such_module"}}
    monkeypatch.setattr("sizewise.specialists.ladder.EXTRAS", needs)
    file = task_file(tmp_path, written(tmp_path, 0.3), {"planned": 600.0}, minutes=5.0)
    verdict = sizewise.decide(file, out=tmp_path / "run").verdict
    told = {one.parameters["rung"]: one.parameters for one in verdict.limit_codes if one.code == "upper_not_installed"}
    assert set(told) == {"encoder-tuned", "slm-tuned"}
    assert told["encoder-tuned"]["install"] == 'pip install "sizewise[train]"'
    clear = sizewise.decide(written(tmp_path, 0.0), out=tmp_path / "clear", rungs=["auto"]).verdict
    assert "upper_not_installed" not in codes(clear)
    assert "upper_not_needed" in codes(clear)


def test_labels_with_too_few_rows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_encoder(monkeypatch)
    verdict = sizewise.decide(written(tmp_path, 0.3, only=36), out=tmp_path / "run", rungs=["auto"]).verdict
    assert codes(verdict)["upper_too_few_rows"]["needed"] == 8


def test_the_plan_shows_the_budget_and_what_it_excludes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_encoder(monkeypatch)
    log = written(tmp_path, 0.3)
    told = plan(Task("t", rungs=("auto",), minutes=5.0), [log])
    assert "patient     about 1 s: 2 steps" in told
    assert "only if the rungs below leave enough to gain" in told
    assert "budget      5 min for the rungs above encoder" in told
    settings = {"patient": {"planned": 600.0}}
    told = plan(Task("t", rungs=("auto",), minutes=5.0, rung_settings=settings), [log])
    assert "patient     would be passed over: about 600 s, and 300 s are left" in told


def test_the_task_file_says_it_too(tmp_path: Path) -> None:
    task = read_task(task_file(tmp_path, written(tmp_path, 0.3, only=10), {"steps": 3}, minutes=12.0))
    assert task.rungs == ("auto", "patient")
    assert task.climbing_seconds == 720
    assert Task("t").climbing_seconds is None
    assert Task("t", rungs=("auto",)).climbing_seconds == 1_800
