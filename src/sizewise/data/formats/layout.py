"""How the rows of one file are to be read: what they are wrapped in, and which of their columns is which of ours."""

from __future__ import annotations

import contextlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sizewise.core.errors import DataError
from sizewise.data.formats.exports import CHAT, Shape, is_batch_request, shape_of
from sizewise.data.formats.files import Kind, kind_of, records
from sizewise.data.formats.rows import COLUMNS
from sizewise.data.formats.source import Source

LOOKED_AT, MOST_CHARACTERS = 200, 1 << 20

#: what our columns are called elsewhere; used where there is no column of our name and exactly one of these
SYNONYMS: Mapping[str, Sequence[str]] = {
    "input": ("text", "prompt", "question", "message", "query", "utterance", "sentence"),
    "gold": ("label", "category", "intent", "class", "target", "ground_truth"),
    "answer": ("response", "output", "completion", "prediction", "predicted"),
    "at": ("timestamp", "created_at"),
    "model": ("model_name",),
    "id": ("request_id",),
    "prompt_tokens": ("input_tokens",),
    "completion_tokens": ("output_tokens",),
}


@dataclass(frozen=True, slots=True)
class Layout:
    """``shape`` is ``None`` for plain rows; ``names`` maps ours to the file's; ``found`` says what was concluded."""

    path: Source
    kind: Kind
    shape: Shape | None
    names: Mapping[str, str]
    found: tuple[str, ...] = ()
    is_batch_input: bool = field(default=False)


def layout(path: Source, columns: Mapping[str, str]) -> Layout:
    """Look at the first rows of ``path``. ``columns`` is what the person said, and always wins.

    Raises ``DataError`` where two columns could both be one of ours.
    """
    kind = kind_of(path)
    if kind == "recorded":
        return Layout(path, kind, CHAT, dict(columns))
    first = _first(path, kind)
    shape = None if "input" in columns or _is_ours(first) else shape_of(first)
    if shape is not None:
        # an export says what was asked and answered; the truth is what somebody wrote beside it
        guessed = _guessed(path, columns, {name for row in first for name in row}, ("gold",))
        said = (f"{path.name} is read as: {shape.name}", *_told(path, guessed))
        is_input = bool(first) and is_batch_request(first[0])
        names = guessed | dict(columns)
        return Layout(path, kind, shape, names, said, shape.name == "OpenAI batch" and is_input)
    guessed = _guessed(path, columns, {name for row in first for name in row}, tuple(SYNONYMS))
    return Layout(path, kind, None, guessed | dict(columns), _told(path, guessed))


def _told(path: Source, guessed: Mapping[str, str]) -> tuple[str, ...]:
    listed = ", ".join(f"{ours}={theirs}" for ours, theirs in guessed.items())
    return (f"columns of {path.name} taken by their names: {listed} (--columns says otherwise)",) if listed else ()


def _first(path: Source, kind: Kind) -> list[Mapping[str, Any]]:
    rows: list[Mapping[str, Any]] = []
    with contextlib.closing(records(path, kind)) as found:
        characters = 0
        for number, (_, raw, row) in enumerate(found):
            characters += len(raw)
            if isinstance(row, Mapping):
                rows.append(row)
            if len(rows) >= LOOKED_AT or number >= 10 * LOOKED_AT or characters > MOST_CHARACTERS:
                break
    return rows


def _is_ours(rows: Sequence[Mapping[str, Any]]) -> bool:
    """Whether most rows are by our own contract already."""
    ours = sum(isinstance(row.get("input"), str) and ("answer" in row or "gold" in row) for row in rows)
    return bool(rows) and 2 * ours > len(rows)


def _guessed(path: Source, columns: Mapping[str, str], there: set[str], wanted: Sequence[str]) -> dict[str, str]:
    taken = set(columns.values()) | set(COLUMNS)
    folded = {name.strip().casefold(): name for name in sorted(there)}
    found = {}
    for ours in wanted:
        if ours in columns or ours in there:
            continue
        candidates = [folded[name] for name in (ours, *SYNONYMS[ours]) if name in folded and folded[name] not in taken]
        if len(candidates) > 1:
            raise DataError(
                f"{path}: both {' and '.join(map(repr, candidates))} could be the column `{ours}`. "
                f"Say which: --columns {ours}={candidates[0]}."
            )
        if candidates:
            found[ours] = candidates[0]
    return found
