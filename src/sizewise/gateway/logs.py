"""The gateway's log: one JSON object a line, without a text, a key, a header or a model's name.

Whoever writes only appends to a queue; a thread of its own formats and writes several times a second, at once where something
is wrong. So a log that nobody reads (a full pipe) delays no answer: lines beyond ``CAPACITY`` are dropped and counted.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal, Self

import msgspec

from sizewise.core.exchange import Exchange

Level = Literal["debug", "info", "warning", "error", "off"]
Fact = str | int | float | bool | None

ORDER: Mapping[Level, int] = {"debug": 10, "info": 20, "warning": 30, "error": 40, "off": 100}
CAPACITY = 20_000
FLUSH_SECONDS = 0.2
#: a warning that comes again within this time is counted and told with the next one, so that a failing disk fills no other
QUIET_SECONDS = 1.0
#: a path is the client's text: this much of it is shown, and nothing after a question mark
PATH_LENGTH = 100
_JSON = msgspec.json.Encoder()


class Log:
    """Lines at ``level`` and above to the file descriptor ``to`` (standard error unless told otherwise).

    Starts with the first line, ends with ``close``, which writes what is left; a context manager.
    """

    def __init__(self, level: Level = "info", to: int | None = None) -> None:
        self.level = level
        self._least = ORDER[level]
        self._to = sys.stderr.fileno() if to is None else to
        self._lines: deque[tuple[float, Level, str, Mapping[str, Fact] | Exchange]] = deque()
        self._dropped = 0
        self._told: dict[str, tuple[float, int]] = {}
        self._wake, self._closing = threading.Event(), threading.Event()
        self._thread: threading.Thread | None = None
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def debug(self, event: str, **facts: Fact) -> None:
        self.tell("debug", event, facts)

    def info(self, event: str, **facts: Fact) -> None:
        self.tell("info", event, facts)

    def warning(self, event: str, **facts: Fact) -> None:
        self.tell("warning", event, facts)

    def error(self, event: str, **facts: Fact) -> None:
        self.tell("error", event, facts)

    def fault(self, event: str, error: BaseException) -> None:
        """An exception of ours: its kind and where it was raised; its message may quote a request and is not told."""
        frames = traceback.extract_tb(error.__traceback__)[-4:]
        where = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
        self.tell("error", event, {"error": type(error).__name__, "where": where})

    def request(self, exchange: Exchange) -> None:
        """The one line of a request that has ended; at ``info``, at ``warning`` where it failed."""
        if self._least <= ORDER["info"]:
            self._put("info" if exchange.failure is None else "warning", "request", exchange)
        elif exchange.failure is not None:
            self.tell("warning", "request", msgspec.to_builtins(_told(exchange)))

    def tell(self, level: Level, event: str, facts: Mapping[str, Fact]) -> None:
        """One line: when, how grave, what happened (a constant of the code), and what is known of it."""
        if ORDER[level] < self._least:
            return
        if ORDER[level] >= ORDER["warning"]:
            now = time.monotonic()
            last, again = self._told.get(event, (0.0, 0))
            if last and now - last < QUIET_SECONDS:
                self._told[event] = (last, again + 1)
                return
            self._told[event] = (now, 0)
            facts = {**facts, "repeated": again} if again else facts
        self._put(level, event, facts)
        if ORDER[level] >= ORDER["warning"]:
            self._wake.set()

    def _put(self, level: Level, event: str, what: Mapping[str, Fact] | Exchange) -> None:
        if len(self._lines) >= CAPACITY:
            self._dropped += 1
            return
        self._lines.append((time.time(), level, event, what))
        if self._thread is None:
            self._start()

    def _start(self) -> None:
        with self._starting:
            if self._thread is None and not self._closing.is_set():
                self._thread = threading.Thread(target=self._write, name="sizewise-log", daemon=True)
                self._thread.start()

    def _write(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(FLUSH_SECONDS)
            self._wake.clear()
            self._drain()

    def _drain(self) -> None:
        lines = []
        while self._lines:
            lines.append(_line(*self._lines.popleft()))
        dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(_line(time.time(), "warning", "log lines dropped", {"count": dropped}))
        left = memoryview(b"".join(lines))
        try:
            while left:
                left = left[os.write(self._to, left) :]
        except OSError:
            self._dropped += len(
                lines
            )  # nobody can be told; the next line that can be written says how many are missing

    def close(self) -> None:
        """Write what is left; lines told afterwards are lost. Waits five seconds for a log that nobody reads."""
        self._closing.set()
        self._wake.set()
        if self._thread is not None:
            self._thread.join(5)
            if self._thread.is_alive():
                return
        self._drain()


class LibraryMessages(logging.Handler):
    """What the libraries underneath say (uvicorn, alembic …), told by our log: the name and place, no message.

    A library's message may quote a request, so only those of ``quoted`` (its logger's name) are shown as they are.
    """

    def __init__(self, log: Log, quoted: frozenset[str] = frozenset({"uvicorn.error"})) -> None:
        super().__init__()
        self._log, self._quoted = log, quoted

    def emit(self, record: logging.LogRecord) -> None:
        """Pass one message on."""
        level: Level = "error" if record.levelno >= 40 else "warning" if record.levelno >= 30 else "debug"
        if record.exc_info and record.exc_info[1] is not None:
            self._log.fault(f"{record.name} failed", record.exc_info[1])
            return
        facts: dict[str, Fact] = {"where": f"{record.filename}:{record.lineno}"}
        if record.name in self._quoted and not record.args:
            facts["message"] = str(record.msg)
        self._log.tell(level, record.name, facts)


class _Told(msgspec.Struct, omit_defaults=True, gc=False):
    """What a line says of a request."""

    id: str
    method: str
    path: str
    status: int | None = None
    ms: float | None = None
    first_byte_ms: float | None = None
    stream: bool | None = None
    task: str | None = None
    mode: str | None = None
    route: str | None = None
    confidence: float | None = None
    agreed: bool | None = None
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cost_usd: float | None = None
    failure: str | None = None


def _told(exchange: Exchange) -> _Told:
    path = exchange.path if len(exchange.path) <= PATH_LENGTH else exchange.path[:PATH_LENGTH]
    return _Told(
        exchange.id, exchange.method, path.partition("?")[0], exchange.status, _rounded(exchange.latency_ms),
        _rounded(exchange.first_byte_ms), exchange.streamed or None, exchange.task, exchange.mode, exchange.route,
        _rounded(exchange.confidence), exchange.agreed, exchange.prompt_tokens, exchange.completion_tokens,
        exchange.cost_usd, exchange.failure,
    )  # fmt: skip


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 3)


@lru_cache(4)
def _second(at: int) -> str:
    return datetime.fromtimestamp(at, UTC).isoformat().removesuffix("+00:00")


def _line(at: float, level: Level, event: str, what: Mapping[str, Fact] | Exchange) -> bytes:
    when = f"{_second(int(at))}.{int(at % 1 * 1000):03d}Z"
    facts = _JSON.encode(_told(what) if isinstance(what, Exchange) else what)
    head = _JSON.encode({"at": when, "level": level, "event": event})
    return head + b"\n" if facts == b"{}" else head[:-1] + b"," + facts[1:] + b"\n"
