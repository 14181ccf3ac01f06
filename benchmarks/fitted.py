"""One rung fitted as `decide` fits it, for benchmarks that need its insides."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Literal

from sizewise.core.task import Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import Splits, split
from sizewise.specialists.ladder import recipes
from sizewise.stages.contest import Contestant, contest
from sizewise.stages.listener import Silence


def fitted(log: Path, reference: Literal["gold", "llm"], seed: int = 0) -> tuple[Contestant, Splits]:
    """The ``encoder`` rung after the contest on ``log``, and the splits."""
    task = Task(name="benchmark", rungs=("keywords", "encoder"), seed=seed)
    splits = split(check(read([log])), reference, seed=seed)
    work = Path(tempfile.mkdtemp(prefix="sizewise-benchmark-"))
    return contest(recipes(task), splits.train, seed, work, Silence())[-1], splits
