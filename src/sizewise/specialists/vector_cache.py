"""Vectors computed once and kept on disk by content hash."""

from __future__ import annotations

import hashlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np

from sizewise.models.cache_folder import cache_folder
from sizewise.specialists.sentence_vectors import Progress, TextEncoder, Vectors

CHUNK = 1_024
WAIT = 10.0  # seconds for another process to let go of the cache
log = logging.getLogger(__name__)


class VectorCache:
    """Vectors on disk, one SQLite file, keyed by encoder and text. A cache that cannot be used is done without."""

    def __init__(self, path: Path | None = None) -> None:
        self.path = path or cache_folder() / "vectors.sqlite"
        self._usable = True

    def encode(self, encoder: TextEncoder, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """``encoder.encode(texts)``, computing only what is not on disk yet; an interrupt keeps what was done."""
        try:
            return self._encoded(encoder, texts, progress)
        except _DamagedRows as error:
            self._give_up("read", error)
            return self._encoded(encoder, texts, progress)

    def _encoded(self, encoder: TextEncoder, texts: Sequence[str], progress: Progress | None) -> Vectors:
        keys = _keys(encoder, texts)
        place = {key: row for row, key in enumerate(keys.values())}
        table = _Table(len(place))
        for key, vector in self._read(list(place)):
            table.put(place[key], vector)
        missing = sorted((text for text, key in keys.items() if not table.filled[place[key]]), key=len)
        if progress:
            progress(len(place) - len(missing), len(place))
        for start in range(0, len(missing), CHUNK):
            chunk = missing[start : start + CHUNK]
            vectors = encoder.encode(chunk, (lambda done, _: progress(done, len(place))) if progress else None)
            self._write([(keys[text], vector) for text, vector in zip(chunk, vectors, strict=True)])
            for text, vector in zip(chunk, vectors, strict=True):
                table.put(place[keys[text]], vector)
        if len(place) == len(texts):
            return table.rows
        return table.rows[[place[keys[text]] for text in texts]]

    def _read(self, keys: Sequence[bytes]) -> Iterator[tuple[bytes, Vectors]]:
        try:
            if not self._usable or not self.path.exists():
                return
            with closing(sqlite3.connect(self.path, timeout=WAIT)) as database:
                for part in _parts(keys, 500):
                    marks = ",".join("?" * len(part))
                    rows = database.execute(f"SELECT key, vector FROM vectors WHERE key IN ({marks})", part)  # noqa: S608
                    for key, vector in rows:
                        yield key, _vector(vector)
        except (sqlite3.Error, OSError) as error:
            self._give_up("read", error)

    def _write(self, vectors: Sequence[tuple[bytes, Vectors]]) -> None:
        if not self._usable:
            return
        try:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=WAIT)) as database, database:
                database.execute("PRAGMA journal_mode=WAL")
                database.execute("CREATE TABLE IF NOT EXISTS vectors (key BLOB PRIMARY KEY, vector BLOB) WITHOUT ROWID")
                database.executemany(
                    "INSERT OR IGNORE INTO vectors VALUES (?, ?)", ((key, v.tobytes()) for key, v in vectors)
                )
        except (sqlite3.Error, OSError) as error:
            self._give_up("written", error)

    def _give_up(self, what: str, error: Exception) -> None:
        """Do without the cache from here on: to try again at every chunk may mean to wait for a lock at every chunk."""
        self._usable = False
        log.warning(
            "the vector cache %s cannot be %s (%s): going on without it. If that happens again, remove the file.",
            self.path, what, error,
        )  # fmt: skip


class _DamagedRows(ValueError):
    """What the cache holds are no vectors, or not all from one encoder."""


def _vector(stored: object) -> Vectors:
    if not isinstance(stored, bytes) or not stored or len(stored) % 4:
        raise _DamagedRows("a row is no vector")
    return np.frombuffer(stored, dtype=np.float32)


def _keys(encoder: TextEncoder, texts: Sequence[str]) -> dict[str, bytes]:
    salt = encoder.fingerprint[:32].encode()
    return {t: hashlib.blake2b(t.encode(), digest_size=20, key=salt).digest() for t in dict.fromkeys(texts)}


class _Table:
    """Rows of vectors that come in any order: filled in place, so that they stand in memory once."""

    def __init__(self, size: int) -> None:
        self.rows: Vectors = np.empty((size, 0), dtype=np.float32)
        self.filled = np.zeros(size, dtype=bool)

    def put(self, row: int, vector: Vectors) -> None:
        """Set one row; the first one tells how long rows are."""
        if not self.filled.any():
            self.rows = np.empty((len(self.filled), len(vector)), dtype=np.float32)
        elif len(vector) != self.rows.shape[1]:
            raise _DamagedRows(f"rows of {self.rows.shape[1]} and of {len(vector)} numbers")
        self.rows[row] = vector
        self.filled[row] = True


class CachedEncoder:
    """An encoder that looks into the cache first: for a run that sees the same texts again, not for serving."""

    def __init__(self, encoder: TextEncoder, cache: VectorCache, progress: Progress | None = None) -> None:
        self.files, self.fingerprint, self.views = encoder.files, encoder.fingerprint, encoder.views
        self._encoder, self._cache, self._progress = encoder, cache, progress

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """The encoder's own ``encode``, computing only what is not on disk yet."""
        return self._cache.encode(self._encoder, texts, progress or self._progress)


class RememberedEncoder:
    """An encoder that keeps in memory what it was asked for: where many specialists are fitted on the same texts."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.files, self.fingerprint, self.views = encoder.files, encoder.fingerprint, encoder.views
        self._encoder = encoder
        self._known: dict[str, Vectors] = {}

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """The encoder's own ``encode``, asking only for what it was not asked for before."""
        missing = [text for text in dict.fromkeys(texts) if text not in self._known]
        if missing:
            self._known.update(zip(missing, self._encoder.encode(missing, progress), strict=True))
        if not texts:
            return self._encoder.encode(texts)
        return np.stack([self._known[text] for text in texts])


def _parts(keys: Sequence[bytes], size: int) -> Iterator[Sequence[bytes]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
