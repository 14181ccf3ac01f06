"""A cache that is damaged, locked, read-only or in the way: the run goes on and the vectors are right."""

from __future__ import annotations

import logging
import sqlite3
import time
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from sizewise.models.reference import ModelFiles
from sizewise.specialists import vector_cache
from sizewise.specialists.sentence_vectors import Progress, Vectors
from sizewise.specialists.vector_cache import VectorCache

TEXTS = [f"текст {i} 👍" for i in range(30)]


class Lengths:
    """An encoder whose vectors tell the length of the text, and which counts what it is asked."""

    files = ModelFiles("file:none", {}, {})
    fingerprint = "f" * 64
    views = 1
    asked = 0

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        self.asked += len(texts)
        return np.array([[len(t), len(t.encode()), 1, 2] for t in texts], dtype=np.float32).reshape(len(texts), 4)


def remove(path: Path) -> None:
    path.unlink()


def text(path: Path) -> None:
    path.write_text("this is no database " * 100)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def folder(path: Path) -> None:
    path.unlink()
    path.mkdir()


def changed(sql: str) -> Callable[[Path], None]:
    def change(path: Path) -> None:
        with closing(sqlite3.connect(path)) as database, database:
            database.execute(sql)

    return change


HARM = {
    "removed": remove, "text": text, "cut": cut, "a folder": folder,
    "no table": changed("DROP TABLE vectors"), "another table": changed("ALTER TABLE vectors RENAME vector TO v"),
    "short rows": changed("UPDATE vectors SET vector = substr(vector, 1, 7)"),
    "one short row": changed(
        "UPDATE vectors SET vector = substr(vector, 1, 8) WHERE key = (SELECT max(key) FROM vectors)"
    ),
    "texts": changed("UPDATE vectors SET vector = 'x'"), "nothing": changed("UPDATE vectors SET vector = NULL"),
    "empty rows": changed("UPDATE vectors SET vector = x''"),
}  # fmt: skip


@pytest.mark.parametrize("harm", HARM)
def test_a_harmed_cache(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "vectors.sqlite"
    first = Lengths()
    expected = VectorCache(path).encode(first, TEXTS)
    assert (first.asked, VectorCache(path).encode(first, TEXTS).tolist()) == (len(TEXTS), expected.tolist())
    assert first.asked == len(TEXTS), "the second time nothing was computed"
    HARM[harm](path)
    again = VectorCache(path)
    assert again.encode(first, TEXTS).tolist() == expected.tolist()
    assert again.encode(first, TEXTS[:3]).tolist() == expected[:3].tolist()


def test_a_locked_cache_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "vectors.sqlite"
    VectorCache(path).encode(Lengths(), TEXTS[:2])
    monkeypatch.setattr(vector_cache, "CHUNK", 2)
    monkeypatch.setattr(vector_cache, "WAIT", 0.3)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN EXCLUSIVE")
        started = time.monotonic()
        with caplog.at_level(logging.WARNING):
            VectorCache(path).encode(Lengths(), TEXTS)
        assert time.monotonic() - started < 3
    assert len(caplog.records) == 1


def test_a_cache_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    assert len(VectorCache(tmp_path / "file" / "vectors.sqlite").encode(Lengths(), TEXTS)) == len(TEXTS)
    assert len(VectorCache(Path("/proc/none/vectors.sqlite")).encode(Lengths(), TEXTS)) == len(TEXTS)
    assert (tmp_path / "file").read_text() == "mine"
