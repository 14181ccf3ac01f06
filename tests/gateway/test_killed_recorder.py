"""Kill -9 while exchanges are written: what was said to be durable is in the store, once, and the store opens."""

from __future__ import annotations

import os
import random
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from sizewise.store.traffic import open_traffic

WRITER = Path(__file__).parent / "writing_process.py"


def killed_while_writing(store: Path, name: str, draw: random.Random) -> list[str]:
    """Two processes that write to one store, killed at a random moment; the ids that they were told are durable."""
    writers = [
        subprocess.Popen(
            [sys.executable, "-W", "error", str(WRITER), str(store), f"{name}{n}"],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
        )
        for n in range(2)
    ]  # fmt: skip
    said = []
    for writer in writers:
        assert writer.stdout is not None
        said.append(writer.stdout.readline())  # it writes by now
    time.sleep(draw.uniform(0, 0.3))
    for writer in writers:
        writer.kill()
    for place, writer in enumerate(writers):
        rest, complaint = writer.communicate(timeout=20)
        assert complaint == b""
        said[place] += rest
    return [line for text in said for line in text.decode().split("\n")[:-1]]


def check_kills(store: Path, times: int) -> None:
    draw = random.Random(os.urandom(8))
    promised: list[str] = []
    for number in range(times):
        promised += killed_while_writing(store, f"r{number}", draw)
        with open_traffic(str(store)) as opened:
            assert opened.count() >= len(promised)
        kept = ids(store)
        assert len(kept) == len(set(kept))
        assert set(promised) <= set(kept)
    assert len(promised) > 20 * times
    with closing(sqlite3.connect(store)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def ids(store: Path) -> list[str]:
    with closing(sqlite3.connect(store)) as raw:
        return [found for (found,) in raw.execute("SELECT id FROM exchanges")]


def test_five_kills(tmp_path: Path) -> None:
    check_kills(tmp_path / "traffic.db", 5)


@pytest.mark.faults
def test_fifty_kills(tmp_path: Path) -> None:
    check_kills(tmp_path / "traffic.db", 50)
