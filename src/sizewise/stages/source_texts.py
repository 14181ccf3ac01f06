"""Inputs for a report that may show them: a run keeps none, so its log is read again."""

from __future__ import annotations

import tomllib

from sizewise.core.errors import DataError, RunError
from sizewise.data.read import read
from sizewise.run import Run
from sizewise.stages.captured import release, sources


def source_texts(run: Run) -> dict[str, str]:
    """The inputs of the rows that the report names, by id.

    Raises ``DataError`` where the log is gone or is no longer the one that the run was made from.
    """
    task = run.folder / "task.toml"
    try:
        data = tomllib.loads(task.read_text(encoding="utf-8")).get("data", {})
    except (OSError, ValueError) as error:
        raise RunError(f"{task} is missing or damaged ({error}): the report can be written without --texts.") from error
    paths = sources(run.record.data_check.sources)
    log = read(paths, data.get("columns"), data.get("only"), data.get("template"))
    release(paths)
    if log.sha256 != run.verdict.data.sha256:
        raise DataError(f"{paths[0]} has changed since the run was made: its texts are not shown.")
    wanted = {d.id for d in run.record.disagreements}
    return {e.id: e.input for e in log.examples if e.id in wanted}
