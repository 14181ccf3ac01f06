"""What was asked and what it cost, on disk before it is sent and as soon as it is answered.

A file of JSON lines that is only ever added to, and synced to the disk in groups. The first line names the format;
``{"r": 7, "usd": x}`` reserves x dollars for attempt 7 before it is sent; ``{"s": 7, "usd": y, "k": key, "reply": {…}}``
settles it (without ``k`` where the attempt brought nothing); ``{"b": id, …}`` is a batch that a provider works on.
An attempt that was never settled, because the process was killed, counts as spent in full: nobody can know.
No prompt, no input and no key is in it; answers are.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from sizewise.core.errors import LimitReached, RunError
from sizewise.llm.request import Reply

FORMAT = {"sizewise-journal": 1}
_ENCODER = msgspec.json.Encoder()
_DECODER = msgspec.json.Decoder()


class Journal:
    """The journal at ``path``, locked against every other process until it is closed.

    ``replies`` are the final answers by key, ``spent`` the dollars that are gone or may be, ``batches`` what a provider
    was left to work on. Raises ``RunError`` where another process holds the file or it is no journal.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.replies: dict[str, Reply] = {}
        self.batches: dict[str, dict[str, Any]] = {}
        self.notes: dict[str, Any] = {}
        self.spent = 0.0
        self.doubtful = 0
        self._attempts = 0
        self._file = self._open()
        self._dirty = False
        self._waiting: list[asyncio.Future[None]] = []
        self._syncing: asyncio.Task[None] | None = None

    def _open(self) -> int:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            file = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise RunError(f"cannot open {self.path}: {error.strerror}.") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise RunError(f"another process is writing {self.path}. Let it finish, or choose another --out.") from None
        except OSError:
            pass  # a file system that knows no locks is gone without
        try:
            self._read(file)
        except BaseException:
            os.close(file)
            raise
        return file

    def _read(self, file: int) -> None:
        with os.fdopen(os.dup(file), "rb") as lines:
            lines.seek(0)
            whole = 0
            open_attempts: dict[int, float] = {}
            for number, line in enumerate(lines):
                if not line.endswith(b"\n"):
                    break  # the end of a write that was cut: its attempt was not sent, or stays open
                try:
                    self._take(_DECODER.decode(line), number, open_attempts)
                except (ValueError, TypeError, KeyError):
                    raise RunError(
                        f"{self.path} is no journal of Sizewise (line {number + 1}). Choose another --out."
                    ) from None
                whole += len(line)
        os.ftruncate(file, whole)
        if whole == 0:
            os.write(file, _ENCODER.encode(FORMAT) + b"\n")
        self.doubtful = len(open_attempts)
        self.spent += sum(open_attempts.values())

    def _take(self, entry: Any, number: int, open_attempts: dict[int, float]) -> None:
        if number == 0:
            if entry != FORMAT:
                raise ValueError
        elif "r" in entry:
            open_attempts[entry["r"]] = entry["usd"]
            self._attempts = max(self._attempts, entry["r"])
        elif "s" in entry:
            open_attempts.pop(entry["s"], None)
            self.spent += entry["usd"]
            self._keep(entry.get("k"), entry.get("reply"))
        elif "b" in entry:
            self.batches[entry["b"]] = entry
        elif "note" in entry:
            self.notes[entry["note"]] = entry["value"]
        else:
            raise ValueError

    def _keep(self, key: str | None, reply: Mapping[str, Any] | None) -> None:
        if key is not None and reply is not None:
            self.replies[key] = msgspec.convert(reply, Reply)

    async def reserve(self, dollars: float) -> int:
        """Write down that ``dollars`` may be spent, wait until it is on the disk, and give the attempt's number."""
        self._attempts += 1
        attempt = self._attempts
        self._write({"r": attempt, "usd": dollars})
        try:
            await self._synced()
        except asyncio.CancelledError:
            self.settle(attempt, 0.0)  # it is not going to be sent
            raise
        return attempt

    def settle(self, attempt: int, dollars: float, key: str | None = None, reply: Reply | None = None) -> None:
        """Write down what the attempt cost, and what it brought where that is final."""
        self.spent += dollars
        entry: dict[str, Any] = {"s": attempt, "usd": dollars}
        if key is not None and reply is not None:
            self.replies[key] = reply
            entry |= {"k": key, "reply": _plain(reply)}
        self._write(entry)

    def batch(self, entry: dict[str, Any]) -> None:
        """Write down a batch, or what became of it, on the disk at once."""
        self.batches[entry["b"]] = entry
        self._write(entry)
        self.sync()

    def note(self, name: str, value: Any) -> None:
        """Remember ``value`` under ``name``, on the disk at once."""
        self.notes[name] = value
        self._write({"note": name, "value": value})
        self.sync()

    def sync(self) -> None:
        """Wait until everything that was written is on the disk."""
        if self._dirty:
            self._dirty = False
            os.fdatasync(self._file)

    def close(self) -> None:
        """Write out what is left and let go of the file."""
        if self._file < 0:
            return
        with contextlib.suppress(OSError):
            self.sync()
        with contextlib.suppress(OSError):  # closing alone would hold it for as long as a sync is under way in a thread
            fcntl.flock(self._file, fcntl.LOCK_UN)
        os.close(self._file)
        self._file = -1

    def _write(self, entry: dict[str, Any]) -> None:
        data = _encoded(entry) + b"\n"
        try:
            if os.write(self._file, data) != len(data):
                raise LimitReached(f"no space left on the disk at {self.path}. What was answered is kept.")
        except OSError as error:
            raise LimitReached(f"cannot write {self.path}: {error.strerror}. What was answered is kept.") from error
        self._dirty = True

    async def _synced(self) -> None:
        """Wait for the next sync; all who wait share one."""
        done = asyncio.get_running_loop().create_future()
        self._waiting.append(done)
        if self._syncing is None or self._syncing.done():
            self._syncing = asyncio.create_task(self._sync_groups())
        await done

    async def _sync_groups(self) -> None:
        while self._waiting:
            group, self._waiting = self._waiting, []
            self._dirty = False
            failure = None
            try:
                await asyncio.to_thread(os.fdatasync, self._file)
            except OSError as error:
                failure = LimitReached(f"cannot write {self.path}: {error.strerror}. What was answered is kept.")
            for waiter in group:
                if waiter.done():
                    continue
                if failure is None:
                    waiter.set_result(None)
                else:
                    waiter.set_exception(failure)


def _plain(reply: Reply) -> dict[str, Any]:
    """The reply without what is not set."""
    held: dict[str, Any] = msgspec.to_builtins(reply)
    usage = {name: value for name, value in held.pop("usage").items() if value is not None}
    kept = {name: value for name, value in held.items() if value is not None and name != "final"}
    return kept | ({"usage": usage} if usage else {})


def _encoded(entry: dict[str, Any]) -> bytes:
    try:
        return _ENCODER.encode(entry)
    except (UnicodeEncodeError, msgspec.EncodeError):
        return json.dumps(entry).encode()
