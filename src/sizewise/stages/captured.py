"""The gateway's capture as a log: which exchanges can be learned from, each as a record that the chat-log reader knows.

Left out, counted and said: what the LLM did not answer, or not to its end, and what only the LLM was asked because a
specialist that was serving was unsure. The last are a selected sample, the hard part of the traffic; a verdict on them
would be one about other traffic than the person has.
"""

from __future__ import annotations

import hashlib
import json
import re
import sqlite3
import weakref
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from sizewise.core.errors import DataError
from sizewise.core.exchange import Exchange
from sizewise.data.formats.messages import Unusable, answer_of
from sizewise.data.formats.source import Record, Source

if TYPE_CHECKING:
    from sizewise.store.traffic import TrafficStore

#: paths of requests that are one text and one answer
CHATS = ("/chat/completions", "/completions", "/responses", "/messages")
_CUT = frozenset({"length", "max_tokens", "max_output_tokens", "content_filter", "incomplete", "refusal"})
_COLUMNS = ("task", "latency_ms", "prompt_tokens", "cached_tokens", "completion_tokens", "cost_usd", "subject")
_FURTHER = ("finish_reason", "route", "mode", "run_id", "confidence", "small_answer", "agreed", "failure", "status")
_SQLITE = b"SQLite format 3\x00"


def sources(paths: Sequence[str | Path]) -> list[Source]:
    """Each of ``paths`` as it is to be read: a traffic store (an address, or its file) or a file of another kind."""
    return [Captured(str(path)) if is_store(path) else Path(path) for path in paths]


def is_store(path: str | Path) -> bool:
    """Whether ``path`` is the address of a traffic store, or a file of SQLite's that holds one."""
    if isinstance(path, str) and "://" in path:
        return path.partition(":")[0].partition("+")[0] in ("sqlite", "postgresql", "postgres")
    try:
        if not Path(path).is_file():  # a pipe would be waited for
            return False
        with Path(path).open("rb") as file:
            if file.read(len(_SQLITE)) != _SQLITE:
                return False
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as database:
            return bool(database.execute("SELECT 1 FROM sqlite_master WHERE name = 'exchanges'").fetchall())
    except (OSError, ValueError):
        return False
    except sqlite3.Error:  # it may only be read: the log's shared memory cannot be made
        return b"CREATE TABLE exchanges" in Path(path).read_bytes()[: 1 << 16]


def without_password(text: str) -> str:
    """``text`` without the password of an address in it.

    >>> without_password("postgresql://anna:secret@host/db")
    'postgresql://anna:***@host/db'
    """
    return re.sub(r"(://[^/@:]*:)[^/@]*@", r"\1***@", text)


def release(paths: Sequence[Source]) -> None:
    """Let go of the stores among ``paths``, once they have been read."""
    for path in paths:
        if isinstance(path, Captured):
            path.close()


class Captured:
    """A traffic store as a log: what it held when it was first read, until it is closed. Opened read-only."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._store: TrafficStore | None = None
        self._hash: bytes | None = None
        self._left_out: Counter[str] = Counter()
        self._used = 0

    def __str__(self) -> str:
        """The path of an SQLite file, or an address without its password."""
        return re.sub(r"^sqlite[^:]*:///", "", without_password(self._url))

    @property
    def name(self) -> str:
        """What its rows are said to stand in."""
        return str(self).rsplit("/", 1)[-1]

    @property
    def found(self) -> Sequence[str]:
        """What was left out of it, and why."""
        self.sha256()
        said = f"{self.name} is read as: what the gateway recorded, {exchanges(self._used)}"
        if not self._left_out:
            return (said,)
        return (said, f"left out of it: {exchanges(self._left_out.total())}, {_listed(self._left_out)}")

    def sha256(self) -> bytes:
        """Of every record, in order. Raises ``DataError`` where no exchange can be used."""
        if self._hash is None:
            self._left_out.clear()
            digest = hashlib.sha256()
            self._used = 0
            for exchange in self._exchanges():
                if why := left_out(exchange):
                    self._left_out[why] += 1
                    continue
                self._used += 1
                for part in (repr((exchange.id, exchange.at, *_columns(exchange).items())).encode("utf-8", "replace"),
                             exchange.request, exchange.response):  # fmt: skip
                    digest.update(len(part).to_bytes(8, "big") + part)
            if not self._used:
                held = f": it holds {exchanges(n)}, {_listed(self._left_out)}" if (n := self._left_out.total()) else ""
                raise DataError(f"{self}: no exchange can be used{held}. Let the gateway record some traffic first.")
            self._hash = digest.digest()
        return self._hash

    def records(self) -> Iterator[Record]:
        """Every exchange that can be learned from, as a record of a chat log."""
        number = 0
        for exchange in self._exchanges():
            if left_out(exchange) is None:
                number += 1
                asked, got = _object(exchange.request), _object(exchange.response)
                raw = b" ".join((exchange.id.encode(), exchange.request, exchange.response))
                text = raw.decode("utf-8", "backslashreplace")
                if isinstance(asked, str) or isinstance(got, str):
                    yield number, text, f"the request or the response is {asked if isinstance(asked, str) else got}"
                else:
                    yield number, text, _record(exchange, asked, got)

    def close(self) -> None:
        """Let go of the store, so that its log can be emptied; read again, it may hold more."""
        if self._store is not None:
            self._store.close()
            self._store = None

    def _exchanges(self) -> Iterator[Exchange]:
        from sizewise.store.traffic import open_traffic  # SQLAlchemy is loaded by those who need it

        if self._store is None:
            self._store = open_traffic(self._url, read_only=True)
            weakref.finalize(self, self._store.close)  # for those who forget
        return self._store.exchanges()


def exchanges(count: int) -> str:
    """So many of them.

    >>> exchanges(1), exchanges(2_000)
    ('1 exchange', '2,000 exchanges')
    """
    return f"{count:,} exchange" + "s" * (count != 1)


def left_out(exchange: Exchange) -> str | None:
    """Why an exchange is nothing to learn from, ``None`` where it is."""
    if not exchange.path.rstrip("/").endswith(CHATS):
        return "no chat request (embeddings, files and the like)"
    if exchange.route in ("small", "abstain"):
        return "answered by the specialist"
    if exchange.failure is not None:
        return "not finished"
    if exchange.status != 200:
        return "answered with an error"
    if exchange.finish_reason in _CUT:
        return "cut at the longest answer, or refused"
    if exchange.mode == "live" and exchange.task is not None:
        return "asked of the LLM because the specialist was unsure (a selected sample)"
    return None


def exported(exchange: Exchange) -> dict[str, Any]:
    """``exchange`` as a row of the data contract where its input is known, else as a record of a chat log.

    ``answer`` is what the LLM said; where the specialist answered alone, what it said stands in ``small_answer``.
    """
    known = {name: value for name, value in _columns(exchange).items() if value is not None}
    row: dict[str, Any] = {"id": exchange.id, "at": exchange.at.isoformat()}
    further = {name: getattr(exchange, name) for name in _FURTHER}
    further = {name: value for name, value in further.items() if value is not None}
    got = _object(exchange.response)
    if exchange.input is None:
        asked = _object(exchange.request)
        texts = {"request": asked, "response": got}
        if not isinstance(asked, str) and not isinstance(got, str):
            texts = {name: _record(exchange, asked, got)[name] for name in texts}
        return row | texts | known | further
    said: dict[str, Any] = {}
    if exchange.route not in ("small", "abstain") and not isinstance(got, str):
        with suppress(Unusable):
            said = {"answer": answer_of(got)}
    return row | {"input": exchange.input} | said | known | further


def _columns(exchange: Exchange) -> dict[str, Any]:
    model = exchange.answered_by or exchange.model
    return {name: getattr(exchange, name) for name in _COLUMNS} | {"model": model}


def _object(body: bytes) -> dict[str, Any] | str:
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return "not JSON"
    return value if isinstance(value, dict) else "no JSON object"


def _record(exchange: Exchange, asked: Mapping[str, Any], got: Mapping[str, Any]) -> dict[str, Any]:
    """The exchange as a record that the chat-log reader knows."""
    messages = next((asked[name] for name in ("messages", "input", "prompt") if asked.get(name) is not None), None)
    if isinstance(messages, str):
        messages = [{"role": "user", "content": messages}]
    known = {name: value for name, value in _columns(exchange).items() if value is not None}
    beside = ("system", "instructions", "response_format", "tools")
    options = {name: asked[name] for name in beside if asked.get(name)}
    return known | {
        "id": exchange.id,
        "at": exchange.at.isoformat(),
        "request": {"messages": messages, "model": exchange.model} | options,
        "response": {name: value for name, value in got.items() if name not in ("usage", "id", "created")},
    }


def _listed(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{count:,} {why}" for why, count in sorted(reasons.items(), key=lambda item: -item[1]))
