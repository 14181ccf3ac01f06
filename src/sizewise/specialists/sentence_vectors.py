"""A frozen sentence encoder: ONNX in, vectors out."""

from __future__ import annotations

import hashlib
import os
import re
import threading
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import ModelReferenceError
from sizewise.models.reference import ModelFiles, resolve

Vectors = NDArray[np.float32]
Progress = Callable[[int, int], None]

TUNED = "tuned/last_hidden_state"  # the output of a tuned encoder that shares a graph with the one it was made from
TOKENIZER, MODEL, DATA = "tokenizer.json", "onnx/model.onnx", "onnx/model.onnx_data"
LONGEST_TOKENS = 256
BATCH = 8
MANY_TEXTS = BATCH + 1  # from two batches on each core reads its own, which spares the cores to wait for one another
# How the tokens of which layer are pooled, 0 the last layer, 1 and 2 those before it. New ones go to the end: a
# specialist reads as many as there were when it was fitted.
POOLINGS = (
    ("mean", 0), ("maximum", 0), ("mean", 1), ("mean", 2),
    ("minimum", 0), ("deviation", 0), ("maximum", 2), ("minimum", 2),
)  # fmt: skip


class TextEncoder(Protocol):
    """Anything that turns texts into vectors and knows which model files it rests on.

    A vector is ``views`` poolings side by side; ``fingerprint`` is another one wherever the vectors are.
    """

    @property
    def files(self) -> ModelFiles: ...

    @property
    def fingerprint(self) -> str: ...

    @property
    def views(self) -> int: ...

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of shape (n, views × dimensions), in the order of ``texts``."""
        ...


class SentenceEncoder:
    """Vectors of an ONNX encoder: ``POOLINGS`` of its last layer over the tokens, and of the two layers before it
    where the graph lets them be seen. Safe to call from several threads.

    ``views`` is the number of such poolings, at most ``most`` where that is given. ``prefix`` stands in front of every
    text, where the model was trained with one.
    """

    def __init__(
        self, files: ModelFiles, threads: int | None = None, prefix: str = "", most: int | None = None
    ) -> None:
        from tokenizers import Tokenizer

        self.files = files
        self._prefix = prefix
        _refuse_outside_data(files.paths[MODEL])
        self.tokenizer = Tokenizer.from_file(str(files.paths[TOKENIZER]))
        self.tokenizer.enable_truncation(LONGEST_TOKENS)
        self.tokenizer.no_padding()
        self._threads = threads or min(os.cpu_count() or 1, 4)
        self.poolings, inner = _readable(files.paths[MODEL], most)
        self._inner = inner
        self._session = _opened(files.paths[MODEL], self._threads, inner)
        self._single_threaded: Any = None
        self._lock = threading.Lock()
        self._inputs = {i.name for i in self._session.get_inputs()}
        own = [TUNED] if any(layer > len(inner) for _, layer in self.poolings) else []
        self.outputs = [self._session.get_outputs()[0].name, *inner, *own]
        self.views = len(self.poolings)
        self.fingerprint = fingerprint(files, f"{prefix}\0{self.poolings}")

    @classmethod
    def from_reference(
        cls, reference: str, expected: dict[str, str] | None = None, prefix: str = "", most: int | None = None
    ) -> SentenceEncoder:
        """Load the encoder behind a model reference, its hashes checked."""
        needed = (TOKENIZER, MODEL)
        graph = resolve(reference, (MODEL,), expected).paths[MODEL].read_bytes()
        files = resolve(reference, (*needed, DATA) if Path(DATA).name.encode() in graph else needed, expected)
        return cls(files, prefix=prefix, most=most)

    def encode(self, texts: Sequence[str], progress: Progress | None = None) -> Vectors:
        """Vectors of shape (n, views × dimensions), not normalised, in the order of ``texts``."""
        texts = [self._prefix + text for text in texts] if self._prefix else texts
        encodings = (
            self.tokenizer.encode_batch(list(texts)) if len(texts) > 1 else [self.tokenizer.encode(t) for t in texts]
        )
        order = sorted(range(len(texts)), key=lambda i: len(encodings[i].ids))
        vectors: Vectors | None = None
        batches = [order[start : start + BATCH] for start in range(0, len(order), BATCH)]
        with closing(self._pooled([[encodings[i].ids for i in rows] for rows in batches])) as found:
            for rows, pooled in zip(batches, found, strict=True):
                if vectors is None:
                    vectors = np.empty((len(texts), pooled.shape[1]), dtype=np.float32)
                vectors[rows] = pooled
                if progress:
                    progress(len(rows), len(texts))
        return np.empty((0, 0), dtype=np.float32) if vectors is None else vectors

    def _pooled(self, batches: list[list[list[int]]]) -> Generator[Vectors]:
        """The vectors of each batch, in order; of many batches, several at a time."""
        if self._threads == 1 or len(batches) * BATCH < MANY_TEXTS:
            yield from (self._run(self._session, batch) for batch in batches)
            return
        session = self._one_thread()
        executor = ThreadPoolExecutor(self._threads)
        try:
            yield from executor.map(lambda batch: self._run(session, batch), batches)
        finally:
            executor.shutdown(cancel_futures=True)  # an interrupt waits for what has begun, no longer

    def _one_thread(self) -> Any:
        """A session for batches side by side, opened when it is first needed: serving one by one never does."""
        with self._lock:
            if self._single_threaded is None:
                self._single_threaded = _opened(self.files.paths[MODEL], 1, self._inner)
            return self._single_threaded

    def _run(self, session: Any, ids: list[list[int]]) -> Vectors:
        width = max(map(len, ids), default=1) or 1
        tokens = np.zeros((len(ids), width), dtype=np.int64)
        mask = np.zeros((len(ids), width), dtype=np.int64)
        for row, sequence in enumerate(ids):
            tokens[row, : len(sequence)] = sequence
            mask[row, : len(sequence)] = 1
        feed: dict[str, Any] = {"input_ids": tokens, "attention_mask": mask}
        if "token_type_ids" in self._inputs:
            feed["token_type_ids"] = np.zeros_like(tokens)
        layers = session.run(self.outputs, feed)
        return pooled(layers, self.poolings, mask.astype(bool))


def _readable(model: Path, most: int | None) -> tuple[tuple[tuple[str, int], ...], list[str]]:
    """The first poolings that the graph lets be read, and the names of the inner layers that they need."""
    graph = model.read_bytes()
    inner = _inner_layers(graph)
    own = [("mean", len(inner) + 1)] if TUNED.encode() in graph else []
    poolings = (*((way, layer) for way, layer in POOLINGS if layer <= len(inner)), *own)[:most]
    return poolings, inner[: max(layer for _, layer in poolings)]


def _opened(model: Path, threads: int, inner: Sequence[str]) -> Any:
    """A session with ``inner`` layers as outputs beside the last."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.add_session_config_entry("session.model_external_initializers_file_folder_path", str(model.parent))
    graph = model.read_bytes()
    named = graph + b"".join(map(_graph_output, inner))
    return onnxruntime.InferenceSession(named, options, providers=["CPUExecutionProvider"])


def pooled(layers: Sequence[Vectors], poolings: Sequence[tuple[str, int]], seen: NDArray[np.bool_]) -> Vectors:
    """Poolings (n, poolings × dimensions) of layers (n, tokens, dimensions) over the tokens that are ``seen`` (n, tokens)."""
    seen = seen | ~seen.any(axis=1, keepdims=True)  # a text without tokens: what the model makes of padding
    weights = seen[:, :, None].astype(np.float32)
    count = weights.sum(axis=1)
    all_seen = bool(seen.all())

    def only_seen(values: Vectors, otherwise: float) -> Vectors:
        return values if all_seen else np.where(seen[:, :, None], values, np.float32(otherwise))

    def mean(values: Vectors) -> Vectors:
        return np.asarray((values if all_seen else values * weights).sum(axis=1) / count)

    ways: dict[str, Callable[[Vectors], Vectors]] = {
        "mean": mean,
        "maximum": lambda values: only_seen(values, -np.inf).max(axis=1),
        "minimum": lambda values: only_seen(values, np.inf).min(axis=1),
        "deviation": lambda values: np.sqrt(mean((values - mean(values)[:, None]) ** 2)),
    }
    return np.concatenate([ways[way](layers[layer]) for way, layer in poolings], axis=1).astype(np.float32)


_LAYER_NAMES = (
    rb"/model/layers\.(\d+)/mlp_output_norm_layernorm/output_0",
    rb"/encoder/layer\.(\d+)/output/LayerNorm/Add_1_output_0",
)


def _inner_layers(graph: bytes) -> list[str]:
    """Names of the last two hidden layers before the final one, the later first, where the graph has them."""
    for pattern in _LAYER_NAMES:
        found = {int(match[1]): match[0].decode() for match in re.finditer(pattern, graph)}
        if found:
            return [found[i] for i in (max(found) - 1, max(found) - 2) if i in found]
    return []


def _graph_output(name: str) -> bytes:
    """One more output of an ONNX graph, as bytes to append: protobuf merges repeated fields on reading."""
    encoded = name.encode()
    value = _field(1, encoded) + _field(2, _field(1, b"\x08\x01"))
    return _field(7, _field(12, value))


def _field(number: int, content: bytes) -> bytes:
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])


def _refuse_outside_data(model: Path) -> None:
    """ONNX may name data files anywhere: only plain names beside the model are allowed."""
    for match in re.finditer(rb"\x0a\x08location\x12(.)", model.read_bytes(), re.DOTALL):
        start = match.end()
        name = model.read_bytes()[start : start + match[1][0]].decode("utf-8", "replace")
        if Path(name).name != name or name in ("..", "."):
            raise ModelReferenceError(f"{model} names data outside its own folder ({name!r}): it is not opened.")


def fingerprint(files: ModelFiles, reading: str) -> str:
    """What tells an encoder's vectors from another's: the hashes of its files, and how texts are read and pooled."""
    parts = [f"{name}{sha256}" for name, sha256 in sorted(files.sha256.items())]
    return hashlib.sha256("".join([*parts, reading]).encode()).hexdigest()
