"""JSON lines: one object a line. A broken line costs itself only."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Sequence
from typing import Any

from sizewise.data.formats.source import LONGEST_ROW, Record, cut_raw, lines, raw_text

BOM = b"\xef\xbb\xbf"


class RepeatedKey(ValueError):
    """One object names one key twice: which of the two values is meant, nobody can say (RFC 8259, section 4)."""


def unreadable(error: ValueError | RecursionError) -> str:
    """What Python cannot hold, in words for a person."""
    return "nested too deeply" if isinstance(error, RecursionError) else "a whole number of thousands of digits"


def _without_repeats(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        names = [name for name, _ in pairs]
        repeated = next(name for name in names if names.count(name) > 1)
        raise RepeatedKey(f"it names the key {repeated[:40]!r} twice")
    return found


DECODER = json.JSONDecoder(object_pairs_hook=_without_repeats)


def json_lines(file: io.BufferedReader) -> Iterator[Record]:
    """Every line that is not blank, in order."""
    for number, raw, length in lines(file):
        line = raw
        while line.startswith(BOM):  # also in the middle: files were put together
            line = line.removeprefix(BOM)
        if not line.strip():
            continue
        if length > LONGEST_ROW:
            yield number, raw_text(line) + f"… ({length:,} bytes)", f"longer than {LONGEST_ROW:,} bytes"
            continue
        try:
            text = line.decode("utf-8").rstrip("\r\n")
        except UnicodeDecodeError as error:
            yield number, raw_text(line), f"not UTF-8 at byte {error.start}"
            continue
        row = parsed(text)
        yield number, text if isinstance(row, dict) else cut_raw(text), row


def parsed(text: str) -> dict[str, Any] | str:
    """The object in ``text``, or why there is none."""
    try:
        row = DECODER.decode(text)
    except RepeatedKey as error:
        return str(error)
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg}"
    except (ValueError, RecursionError) as error:
        return f"not JSON: {unreadable(error)}"
    return row if isinstance(row, dict) else f"not an object but {type(row).__name__}"
