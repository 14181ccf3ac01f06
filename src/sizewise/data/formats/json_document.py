"""A whole-file JSON document read as a stream: an array of rows, or an object that wraps one.

An array may stand at the top, or under one of the keys that exports wrap their rows in. Only one row is held at a
time. A document that is broken anywhere is refused: what follows the break cannot be told apart.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from typing import Any

from sizewise.core.errors import DataError
from sizewise.data.formats.json_lines import DECODER, RepeatedKey, unreadable
from sizewise.data.formats.source import LONGEST_ROW, Record

#: keys whose array holds the rows: the lists of OpenAI's and Langfuse's APIs, OTLP
WRAPPERS = ("data", "observations", "resourceSpans", "resourceLogs")
OTLP = ("resourceSpans", "resourceLogs")
_AN_ARRAY = re.compile(r"\[\s*\{")
_WRAPPED = re.compile(rf'\{{[^\[{{]{{0,400}}"({"|".join(WRAPPERS)})"\s*:\s*\[')
_SPACE = " \t\r\n"
_CHUNK = 1 << 16
_NEAR_END = 16  # a literal or an escape may be cut in two at the end of what was read so far


def is_document(head: str, whole: bool) -> bool:
    """Whether a file that begins with ``head`` (or, if ``whole``, consists of it) is one document, not JSON lines."""
    text = head.lstrip()
    if not text.startswith(("[", "{")):
        return False
    try:
        value, end = DECODER.raw_decode(text)
    except RepeatedKey:
        return _AN_ARRAY.match(text) is not None
    except json.JSONDecodeError as error:
        cut = (
            not whole and _is_cut(error, text) and (text[0] == "[" or "\n" in text or _WRAPPED.match(text) is not None)
        )
        return cut or _AN_ARRAY.match(text) is not None
    except (ValueError, RecursionError):
        return False
    spread = "\n" in text[:end]
    alone = whole and not text[end:].strip()
    return spread or (alone and (isinstance(value, list) or _wraps(value)))


def _wraps(value: Any) -> bool:
    return isinstance(value, dict) and any(isinstance(value.get(key), list) for key in WRAPPERS)


def _is_cut(error: json.JSONDecodeError, text: str) -> bool:
    return error.msg.startswith("Unterminated string") or error.pos >= len(text) - _NEAR_END


def document_rows(file: io.BufferedReader) -> Iterator[Record]:
    """Every row of the document, with its number. Raises ``DataError`` where the text is no JSON."""
    with io.TextIOWrapper(file, encoding="utf-8-sig", newline="") as text:
        try:
            for number, (raw, row) in enumerate(_Document(text).rows(), 1):
                yield number, raw, row if isinstance(row, dict) else f"not an object but {type(row).__name__}"
        except UnicodeDecodeError as error:
            raise DataError(f"it is not UTF-8 ({error.reason} near byte {text.buffer.tell():,})") from error


class _Document:
    """The text that was read and not yet used."""

    def __init__(self, text: io.TextIOWrapper) -> None:
        self._text, self._buffer, self._at, self._line, self._ended = text, "", 0, 1, False

    def rows(self) -> Iterator[tuple[str, Any]]:
        while character := self._next():
            if character == "[":
                yield from self._array()
            elif character == "{":
                yield from self._object()
            else:
                yield self._value()

    def _array(self) -> Iterator[tuple[str, Any]]:
        self._take("[")
        while self._next() != "]":
            yield self._value()
            if self._next() != "]":
                self._take(",")
                if self._next() == "]":
                    self._refuse("a value is missing after the comma")
        self._take("]")

    def _object(self) -> Iterator[tuple[str, Any]]:
        """The rows in the wrapped array, or the object itself where it wraps none."""
        self._take("{")
        other: dict[str, Any] = {}
        wrapped = False
        while self._next() != "}":
            raw, key = self._value()
            if not isinstance(key, str) or key in other:
                self._refuse(f"the key {raw[:40]} is no text or stands there twice")
            self._take(":")
            if key in WRAPPERS and self._next() == "[":
                wrapped = True
                for text, row in self._array():
                    yield text, {key: [row]} if key in OTLP else row
            else:
                other[key] = self._value()[1]
            if self._next() != "}":
                self._take(",")
        self._take("}")
        if not wrapped:
            yield json.dumps(other, ensure_ascii=False), other

    def _value(self) -> tuple[str, Any]:
        self._next()
        while True:
            try:
                value, end = DECODER.raw_decode(self._buffer, self._at)
            except RepeatedKey as error:
                self._refuse(str(error))
            except json.JSONDecodeError as error:
                if not (_is_cut(error, self._buffer) and self._more()):
                    self._refuse(error.msg)
            except (ValueError, RecursionError) as error:
                self._refuse(unreadable(error))
            else:
                if end < len(self._buffer) or not self._more():  # a number may go on
                    raw = self._buffer[self._at : end]
                    self._line += raw.count("\n")
                    self._at = end
                    return raw, value

    def _next(self) -> str:
        """The next character that is no white space, still to be read; empty at the end."""
        while True:
            while self._at < len(self._buffer):
                if (character := self._buffer[self._at]) not in _SPACE:
                    return character
                self._line += character == "\n"
                self._at += 1
            if not self._more():
                return ""

    def _take(self, wanted: str) -> None:
        if (found := self._next()) != wanted:
            self._refuse(f"{wanted!r} was expected, not {found!r}" if found else "it ends too early: it was cut short")
        self._at += 1

    def _more(self) -> bool:
        """Read on, twice as much each time, so that a long row is not parsed again too often."""
        if self._ended:
            return False
        left = len(self._buffer) - self._at
        if left > LONGEST_ROW:
            self._refuse(f"one row is longer than {LONGEST_ROW:,} characters")
        read = self._text.read(max(_CHUNK, left))
        self._buffer, self._at = self._buffer[self._at :] + read, 0
        self._ended = not read
        return bool(read)

    def _refuse(self, why: str) -> None:
        raise DataError(f"it is not JSON at line {self._line:,}: {why}")
