"""A store that fails while the server answers: a full disk, a database that somebody else holds locked."""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, chat, serving

Breaking = Callable[[Path], AbstractContextManager[None]]


@pytest.fixture
def small_store(tmp_path: Path) -> Iterator[Path]:
    """A file system of 4 MB for the store, where this machine lets us mount one."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "none", str(folder)]
    if os.name != "posix" or os.geteuid() != 0 or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("a small disk needs root and a mount of tmpfs")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextlib.contextmanager
def full_disk(store: Path) -> Iterator[None]:
    filler = store.parent / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(b"x" * 4096)
    yield
    filler.unlink()


@contextlib.contextmanager
def locked_database(store: Path) -> Iterator[None]:
    with contextlib.closing(sqlite3.connect(store, isolation_level=None)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        yield
        holder.execute("ROLLBACK")


def ask(served: Served, first: int, last: int) -> dict[str, str]:
    """Ask in turn; the id of each answer → its text."""
    found = {}
    for number in range(first, last):
        text = f"{'long ' * 400} {number}"
        status, headers, body = served.post(chat(text))
        assert status == 200, body
        found[headers["x-sizewise-id"]] = text
    return found


@pytest.mark.parametrize("breaking", [full_disk, locked_database])
def test_serving_goes_on(small_store: Path, tmp_path: Path, upstream: ScriptedUpstream, breaking: Breaking) -> None:
    store = small_store / "traffic.db"
    with serving(tmp_path, "--on-full", "serve", upstream=f"{upstream.url}/v1", store=store) as served:
        durable = ask(served, 0, 20)
        with breaking(store):
            began = time.monotonic()
            during = ask(served, 20, 60)
            assert time.monotonic() - began < 20
            counted = served.counted()
            waiting = counted["sizewise_queue_depth",]
            assert waiting > 0
            assert any(line["level"] in ("warning", "error") for line in served.log_lines())
        served.until(lambda: served.counted()["sizewise_queue_depth",] == 0, 30)
        after = ask(served, 60, 70)
        counted = served.counted()
        lost = counted.get(("sizewise_records_lost_total",), 0)
        stored = {exchange.id for exchange in served.exchanges()}
        assert set(durable) | set(after) <= stored
        assert len(set(during) - stored) <= lost
        assert counted["sizewise_records_written_total",] == len(stored)
        assert served.stop() == 0
    with contextlib.closing(sqlite3.connect(store)) as database:
        assert database.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


@pytest.mark.parametrize("breaking", [full_disk, locked_database])
def test_refusing_until_it_can_be_written(
    small_store: Path, tmp_path: Path, upstream: ScriptedUpstream, breaking: Breaking
) -> None:
    store = small_store / "traffic.db"
    with serving(tmp_path, "--on-full", "refuse", upstream=f"{upstream.url}/v1", store=store) as served:
        seen = ask(served, 0, 5)
        with breaking(store):
            refused = None
            for number in range(100):
                status, headers, body = served.post(chat(f"{'long ' * 400} during {number}"), timeout=60)
                if status == 503:
                    refused = headers, json.loads(body)["error"]
                    break
                assert status == 200
                seen[headers["x-sizewise-id"]] = ""
            assert refused is not None
            assert int(refused[0]["retry-after"]) > 0
            assert refused[1]["code"]
            served.until(lambda: served.get("/readyz")[0] == 503)  # as soon as the writer has given up waiting
            assert served.get("/healthz")[0] == 200
        served.until(lambda: served.get("/readyz")[0] == 200, 30)
        seen |= ask(served, 5, 10)
        assert set(seen) <= {exchange.id for exchange in served.exchanges()}
