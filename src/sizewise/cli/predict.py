"""``sizewise predict``: JSON lines in, JSON lines out, the same order, a line for each."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any, cast

import typer

BATCH = 256
LONG = 1 << 20  # bytes: after a line as long as this the batch is answered, to hold little at a time


def predict(
    run: Annotated[Path, typer.Argument(help="A finished run's folder.")],
    file: Annotated[str, typer.Argument(help="JSON lines with `input` (and `id`), or - for standard input.")] = "-",
    columns: Annotated[
        str | None, typer.Option("--columns", help="Where columns have other names: input=text.")
    ] = None,
) -> None:
    """Answer rows with the specialist of a run: id, answer, confidence, route."""
    from sizewise.cli.options import pairs
    from sizewise.core.errors import DataError
    from sizewise.data.task_file import read_task
    from sizewise.run import load

    model = load(run)
    task = read_task(run / "task.toml")
    names = {"input": "input", "id": "id", **task.columns, **pairs("--columns", columns)}
    try:
        source = nullcontext(cast("io.BufferedReader", sys.stdin.buffer)) if file == "-" else Path(file).open("rb")  # noqa: SIM115
    except OSError as error:
        raise DataError(f"cannot read {file}: {error.strerror}.") from error
    with source as lines:
        for batch in _batches(lines, names):
            answers = iter(model.answer([row["input"] for row in batch if "error" not in row]))
            for row in batch:
                line = row if "error" in row else _line(row["id"], next(answers))
                sys.stdout.buffer.write(_encoded(line))
            sys.stdout.buffer.flush()


def _encoded(line: dict[str, Any]) -> bytes:
    """UTF-8 whatever the terminal speaks; what is no text in UTF-8 (a lone surrogate in an id) stays escaped."""
    from sizewise.cli.terminal_text import harmless

    try:
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        text = json.dumps(line | {"id": None, "error": "the id is no JSON value that can be written again"})
    return (harmless(text) + "\n").encode()


def _line(identifier: Any, answer: Any) -> dict[str, Any]:
    return {"id": identifier, "answer": answer.value, "confidence": answer.confidence, "route": answer.route}


def _batches(source: io.BufferedReader, names: dict[str, str]) -> Iterator[list[dict[str, Any]]]:
    from sizewise.data.formats.source import LONGEST_ROW, lines

    batch: list[dict[str, Any]] = []
    for number, raw, length in lines(source):
        if not raw.strip():
            continue
        too_long = {"id": None, "error": f"line {number}: longer than {LONGEST_ROW:,} bytes"}
        batch.append(_row(number, raw, names) if length <= LONGEST_ROW else too_long)
        if len(batch) == BATCH or length > LONG:
            yield batch
            batch = []
    if batch:
        yield batch


def _row(number: int, raw: bytes, names: dict[str, str]) -> dict[str, Any]:
    """The row's id and readable input, or its id (``null`` where unknown) and what is wrong with it."""
    from sizewise.data.text import readable

    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"line {number}: not JSON: {error}"}
    if not isinstance(row, dict):
        return {"id": None, "error": f"line {number}: not an object but {type(row).__name__}"}
    identifier = row.get(names["id"], number)
    text = row.get(names["input"])
    if not isinstance(text, str):
        what = "no input" if text is None else f"input is not text but {type(text).__name__}"
        return {"id": identifier, "error": f"line {number}: {what}"}
    return {"id": identifier, "input": readable(text)}
