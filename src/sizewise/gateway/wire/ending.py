"""Where the last event of a stream begins: from there on it waits until its exchange is stored."""

from __future__ import annotations

import re

#: the lines that begin a last event: chat and legacy completions, Anthropic's messages, the Responses API
_LINES = (
    b"data: [DONE]", b"data:[DONE]", b"event: message_stop", b"event:message_stop",
    b"event: response.completed", b"event: response.failed", b"event: response.incomplete",
)  # fmt: skip
_MARK = re.compile(rb"(?:^|(?<=[\r\n]))(?:" + b"|".join(map(re.escape, _LINES)) + rb")")
_CLOSED = re.compile(rb"\n\n|\r\n\r\n|\r\r")


class Ending:
    """Splits a stream, chunk by chunk, into what may leave at once and what must wait.

    >>> ending = Ending()
    >>> ending.take(b'data: {"a": 1}\\n\\nda')
    b'data: {"a": 1}\\n\\n'
    >>> ending.take(b"ta: [DONE]\\n\\n"), ending.whole, ending.held
    (b'', True, b'data: [DONE]\\n\\n')
    """

    __slots__ = ("_at_line_start", "_found", "held", "whole")

    def __init__(self) -> None:
        self.held = b""
        self.whole = False
        self._found = False
        self._at_line_start = True

    def take(self, chunk: bytes) -> bytes:
        """What of everything so far may leave now; ``held`` is the rest, ``whole`` says that the last event is in it."""
        if self._found:
            self.held += chunk
            self.whole = _CLOSED.search(self.held) is not None
            return b""
        data = self.held + chunk if self.held else chunk
        begins = _first(data, self._at_line_start)
        if begins is not None:
            self._found = True
            self.held = data[begins:]
            self.whole = _CLOSED.search(self.held) is not None
            return data[:begins]
        cut = self._open_line(data)
        self.held = data[cut:]
        if cut:
            self._at_line_start = data[cut - 1] in b"\r\n"
        return data[:cut] if self.held else data

    def _open_line(self, data: bytes) -> int:
        """Where an unfinished line begins that may yet become the last event's; else the end of ``data``."""
        start = max(data.rfind(b"\n"), data.rfind(b"\r")) + 1
        if start == len(data) or (start == 0 and not self._at_line_start):
            return len(data)
        line = data[start:]
        return start if any(mark.startswith(line) for mark in _LINES) else len(data)


def _first(data: bytes, at_line_start: bool) -> int | None:
    if b"[DONE]" not in data and b"message_stop" not in data and b"event: response." not in data:
        return None
    found = _MARK.search(data)
    if found is not None and found.start() == 0 and not at_line_start:
        found = _MARK.search(data, 1)
    return None if found is None else found.start()
