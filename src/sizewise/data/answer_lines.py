"""Rows that want an answer: JSON lines in, JSON lines out, the same order, one line for each."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from sizewise.core.answer import Answer
from sizewise.data.formats.json_lines import unreadable
from sizewise.data.formats.rows import within
from sizewise.data.formats.source import LONGEST_ROW, lines
from sizewise.data.text import harmless, readable

BATCH = 256
LONG = 1 << 20  # bytes: after a line as long as this the batch is answered, to hold little at a time


def answered(
    source: io.BufferedReader, names: Mapping[str, str], answer: Callable[[Sequence[str]], Sequence[Answer]]
) -> Iterator[list[bytes]]:
    """Batches of lines to write, one line a row of ``source``: id, answer, confidence, route; or id and error.

    ``names`` says under which keys ``input`` and ``id`` stand. A row without an id has its line's number for one.
    """
    for batch in _batches(source, names):
        answers = iter(answer([row["input"] for row in batch if "error" not in row]))
        yield [_encoded(row if "error" in row else _line(row["id"], next(answers))) for row in batch]


def _encoded(line: dict[str, Any]) -> bytes:
    """UTF-8 whatever the terminal speaks; what is no text in UTF-8 (a lone surrogate in an id) stays escaped."""
    try:
        text = json.dumps(line, ensure_ascii=False, allow_nan=False)
    except (ValueError, RecursionError):
        text = json.dumps(line | {"id": None, "error": "the id is no JSON value that can be written again"})
    return (harmless(text) + "\n").encode()


def _line(identifier: Any, answer: Answer) -> dict[str, Any]:
    return {"id": identifier, "answer": answer.value, "confidence": answer.confidence, "route": answer.route}


def _batches(source: io.BufferedReader, names: Mapping[str, str]) -> Iterator[list[dict[str, Any]]]:
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


def _row(number: int, raw: bytes, names: Mapping[str, str]) -> dict[str, Any]:
    """The row's id and readable input, or its id (``null`` where unknown) and what is wrong with it."""
    try:
        row = json.loads(raw.decode("utf-8-sig"))
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        return {"id": None, "error": f"line {number}: not JSON: {error}"}
    except (ValueError, RecursionError) as error:
        return {"id": None, "error": f"line {number}: not JSON: {unreadable(error)}"}
    if not isinstance(row, dict):
        return {"id": None, "error": f"line {number}: not an object but {type(row).__name__}"}
    identifier = within(row, names["id"]) if names["id"] in row or "." in names["id"] else number
    text = within(row, names["input"])
    if not isinstance(text, str):
        what = "no input" if text is None else f"input is not text but {type(text).__name__}"
        return {"id": identifier, "error": f"line {number}: {what}"}
    return {"id": identifier, "input": readable(text)}
