"""What a command is given: a task file, data files, traffic stores."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sizewise.core.errors import TaskError
from sizewise.core.task import Task
from sizewise.data.formats.source import Source
from sizewise.data.task_file import read_task
from sizewise.stages.captured import sources as data_sources


def resolve(sources: Sequence[str | Path]) -> tuple[Task, list[Source]]:
    """The task that ``sources`` describe, and the data files and traffic stores to read."""
    tasks = [Path(source) for source in sources if str(source).casefold().endswith(".toml")]
    data = data_sources([source for source in sources if Path(source) not in tasks])
    if not sources:
        raise TaskError("no source: name a log (JSON, CSV, Parquet or an export) or a task file (.toml).")
    if len(tasks) > 1:
        raise TaskError("more than one task file: one run decides one task.")
    task = read_task(tasks[0]) if tasks else Task(name=_name(data[0].name), path=_place(data[0]))
    if not data and not task.path:
        raise TaskError(f'{tasks[0]}: no data. Add [data] path = "log.jsonl", or name the log after the task file.')
    return task, data or data_sources([str(task.path)])


def _place(source: Source) -> str:
    return str(source) if "://" in str(source) else str(Path(str(source)).resolve())


def _name(name: str) -> str:
    """A file's name without its endings."""
    return name.split(".")[0] or "task"
