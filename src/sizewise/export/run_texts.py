"""Texts of a run, which keeps none: read again from its log, and only from the very log it was made from."""

from __future__ import annotations

from pathlib import Path

from sizewise.core.errors import DataError
from sizewise.core.record import Prediction, RunRecord
from sizewise.core.task import Task
from sizewise.data.answers import read_log
from sizewise.data.read import Log
from sizewise.data.task_file import read_task
from sizewise.store.predictions import read_predictions


def source_log(run: Path, record: RunRecord, source: Path | None) -> tuple[Task, Log]:
    """The run's task and its log, from ``source`` or from where it lay.

    Raises ``DataError`` where it is gone, or is not the one that the run was made from.
    """
    task = read_task(run / "task.toml")
    paths = [source] if source else [Path(name) for name in record.data_check.sources]
    log = read_log(task, paths)
    if log.sha256 != record.verdict.data.sha256:
        raise DataError(
            f"{paths[0]} is not the log that the run was made from (its SHA-256 is another one). "
            "Name that log with --source, or make the run again."
        )
    return task, log


def test_inputs(
    run: Path, record: RunRecord, source: Path | None, most: int
) -> tuple[list[str], list[Prediction]] | None:
    """Inputs of the run's test rows and what it said of them, evenly picked; ``None`` where there is no log.

    A log that is named (``source``) must be the run's; one that is merely gone from its place is gone without.
    """
    try:
        _, log = source_log(run, record, source)
    except DataError:
        if source is not None:
            raise
        return None
    texts = {example.id: example.input for example in log.examples}
    told = [p for p in read_predictions(run) if p.id in texts]
    told = told[:: max(1, -(-len(told) // most))]
    return ([texts[p.id] for p in told], told) if told else None
