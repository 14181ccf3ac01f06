"""``sizewise predict``: JSON lines in, JSON lines out, the same order, a line for each."""

from __future__ import annotations

import io
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, cast

import typer


def predict(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    file: Annotated[
        str, typer.Argument(help="JSON lines (also .gz) with `input` (and `id`), or - for standard input.")
    ] = "-",
    columns: Annotated[
        str | None, typer.Option("--columns", help="Where columns have other names: input=text.")
    ] = None,
) -> None:
    """Answer rows with the specialist of a run: id, answer, confidence, route."""
    from sizewise.cli.options import pairs
    from sizewise.core.errors import DataError
    from sizewise.data.answer_lines import answered
    from sizewise.data.formats.parquet import MAGIC
    from sizewise.data.formats.source import unpacked
    from sizewise.data.task_file import read_task
    from sizewise.run import load

    model = load(run)
    task = read_task(run / "task.toml")
    names = {"input": "input", "id": "id", **task.columns, **pairs("--columns", columns)}
    try:
        source = nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if file == "-" else Path(file).open("rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}.") from error
    with source as opened:
        if file != "-":
            if opened.peek(4)[:4] == MAGIC:
                raise DataError(f"{file} is a Parquet file; predict reads JSON lines (also .gz).")
            opened = unpacked(opened)
        for lines in _readable(answered(opened, names, model.answer), file):
            sys.stdout.buffer.writelines(lines)
            sys.stdout.buffer.flush()


def _readable(batches: Iterator[list[bytes]], file: str) -> Iterator[list[bytes]]:
    from sizewise.data.formats.files import explained

    with explained(file):
        yield from batches
