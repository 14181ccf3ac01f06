"""Kill the run, or let its disk refuse, at every single point at which it changes anything on a disk."""

from __future__ import annotations

import json
import random
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sizewise.run import Run, load

from .conftest import Ended, Obey
from .sameness import essence

RUNGS = ("--rungs", "majority,keywords")
KILLED, FULL, FINISHED = -9, 3, 2
ALL = 10_000


@dataclass(frozen=True, slots=True)
class Whole:
    """A log, what an uninterrupted run of it leaves, the points it passes, and a finished run of another log."""

    log: Path
    essence: dict[str, Any]
    points: int
    older: Path
    older_essence: dict[str, Any]
    points_over_older: int


@pytest.fixture(scope="module")
def whole(obey: Obey, log_rows: list[dict[str, Any]], tmp_path_factory: pytest.TempPathFactory) -> Whole:
    folder = tmp_path_factory.mktemp("whole")
    log, other = folder / "log.jsonl", folder / "other.jsonl"
    for path, rows in ((log, log_rows[:110]), (other, log_rows[150:250])):
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ended = obey("decide", log, "--out", folder / "run", *RUNGS)
    assert ended.status == 0, ended.said
    assert obey("decide", other, "--out", folder / "older", *RUNGS).status == 0
    shutil.copytree(folder / "older", folder / "both")
    over = obey("decide", log, "--out", folder / "both", *RUNGS, "--force")
    assert over.status == 0, over.said
    assert essence(folder / "both") == essence(folder / "run")
    return Whole(
        log, essence(folder / "run"), ended.points, folder / "older", essence(folder / "older"), over.points
    )  # fmt: skip


def some(points: int, most: int) -> list[int]:
    """At most ``most`` of the points, drawn from the whole way."""
    return sorted(random.Random(most).sample(range(1, points + 1), min(most, points)))


def refused(ended: Ended) -> None:
    """A disk that refuses ends with status 3 and one message, unless it was only asked to tidy up."""
    if ended.status == 0:
        return
    assert ended.status == FULL, ended.said
    (message,) = [line for line in ended.said.splitlines() if line.startswith("sizewise: ")]
    assert "What was done is kept" in message
    assert ended.said.rstrip().endswith(message)


def finished(obey: Obey, whole: Whole, out: Path, *options: str) -> None:
    """The same command again ends as an uninterrupted one does (or says that the run had just been finished)."""
    ended = obey("decide", whole.log, "--out", out, *RUNGS, *options)
    assert ended.status in (0, FINISHED), ended.said
    if ended.status == FINISHED:
        assert "holds a finished run" in ended.said
    assert essence(out) == whole.essence
    assert not (out / ".work").exists()
    assert not list(out.rglob("*.part"))
    assert load(out).answer(["верните деньги"])[0].value


@pytest.mark.parametrize("most", [5, pytest.param(ALL, marks=pytest.mark.faults)])
def test_killed_at_a_point_it_goes_on_to_the_same(obey: Obey, whole: Whole, tmp_path: Path, most: int) -> None:
    for point in some(whole.points, most):
        out = tmp_path / f"run {point}"
        assert obey("decide", whole.log, "--out", out, *RUNGS, at=point).status == KILLED
        finished(obey, whole, out)
        shutil.rmtree(out)


@pytest.mark.parametrize(
    ("act", "most"),
    [("ENOSPC", 3), *(pytest.param(a, ALL, marks=pytest.mark.faults) for a in ("ENOSPC", "EDQUOT", "EIO"))],
)
def test_a_disk_that_refuses_at_a_point(obey: Obey, whole: Whole, tmp_path: Path, act: str, most: int) -> None:
    for point in some(whole.points, most):
        out = tmp_path / f"run {point}"
        refused(obey("decide", whole.log, "--out", out, *RUNGS, at=point, act=act))
        finished(obey, whole, out)
        shutil.rmtree(out)


@pytest.mark.parametrize("chains", [1, pytest.param(40, marks=pytest.mark.faults)])
def test_killed_again_and_again_on_the_way(obey: Obey, whole: Whole, tmp_path: Path, chains: int) -> None:
    for seed in range(chains):
        draw, out, deaths = random.Random(seed), tmp_path / f"run {seed}", 0
        for _ in range(4):
            ended = obey("decide", whole.log, "--out", out, *RUNGS, at=draw.randint(1, whole.points // 2))
            deaths += ended.status == KILLED
            if ended.status != KILLED:
                break
        assert deaths
        finished(obey, whole, out)


@pytest.mark.parametrize(
    ("act", "most"), [("kill", 2), *(pytest.param(a, ALL, marks=pytest.mark.faults) for a in ("kill", "ENOSPC"))]
)
def test_a_finished_run_is_not_lost_before_the_forced_one_is_whole(
    obey: Obey, whole: Whole, tmp_path: Path, act: str, most: int
) -> None:
    """At any moment the older run stands whole, or all of the new one is there and the command puts it in place."""
    stood = 0
    for point in some(whole.points_over_older, most):
        out = Path(shutil.copytree(whole.older, tmp_path / f"run {point}"))
        ended = obey("decide", whole.log, "--out", out, *RUNGS, "--force", at=point, act=act)
        assert ended.status == KILLED or act != "kill"
        if Run.open(whole.older).verdict.run_id in (out / "state.json").read_text() and ended.status != 0:
            assert essence(out) == whole.older_essence
            assert load(out).answer(["верните деньги"])[0].value
            stood += 1
        elif ended.status != 0:
            assert all((out / ".work" / rung / "profile.json").exists() for rung in ("majority", "keywords")), (
                "the new one is not whole and the old one is gone"
            )
        finished(obey, whole, out, "--force")
        shutil.rmtree(out)
    assert stood > most // 2 or stood > whole.points // 2
