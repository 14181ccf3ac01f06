"""A sentence encoder of a few hundred bytes: a table of token vectors as an ONNX graph, and its tokenizer."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from tokenizers import Tokenizer, models, pre_tokenizers

WORDS = ("[UNK]", "query", ":", "где", "мой", "вот", "заказ", "деньги", "order", "money", "👍")
DIMENSIONS = 8


def tiny_encoder(folder: Path, seed: int | None = 0) -> str:
    """Write the model's files below ``folder``; its reference. Without ``seed`` every token has the same vector."""
    tokenizer = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (folder / "onnx").mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    table = np.ones((len(WORDS), DIMENSIONS), dtype=np.float32)
    if seed is not None:
        table = np.random.default_rng(seed).normal(size=table.shape).astype(np.float32)
    (folder / "onnx" / "model.onnx").write_bytes(_model(table))
    return f"file:{folder}"


def _model(table: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> bytes:
    """ModelProto by hand: field numbers of onnx.proto3, version 8 of the format, operators of version 17."""
    gather = _text(1, "table") + _text(1, "input_ids") + _text(2, "last_hidden_state") + _text(4, "Gather")
    weights = (
        b"".join(_number(1, n) for n in table.shape) + _number(2, 1) + _text(8, "table") + _bytes(9, table.tobytes())
    )
    graph = _bytes(1, gather) + _text(2, "tiny") + _bytes(5, weights)
    graph += b"".join(_bytes(11, _value(name, 7, ("n", "t"))) for name in ("input_ids", "attention_mask"))
    graph += _bytes(12, _value("last_hidden_state", 1, ("n", "t", "d")))
    return _number(1, 8) + _bytes(7, graph) + _bytes(8, _number(2, 17))


def _value(name: str, kind: int, axes: tuple[str, ...]) -> bytes:
    shape = b"".join(_bytes(1, _text(2, axis)) for axis in axes)
    return _text(1, name) + _bytes(2, _bytes(1, _number(1, kind) + _bytes(2, shape)))


def _text(field: int, value: str) -> bytes:
    return _bytes(field, value.encode())


def _bytes(field: int, value: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(value)) + value


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value)


def _varint(number: int) -> bytes:
    out = bytearray()
    while number > 127:
        out.append(number & 127 | 128)
        number >>= 7
    return bytes([*out, number])
