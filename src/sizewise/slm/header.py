"""What a GGUF file says of itself, read by us before any native code opens it: damage and strangers are refused here.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. Sizes of quantised blocks are those of ggml's own
``type_traits`` table (ggml/src/ggml.c). Arrays, the vocabulary among them, are walked over and not kept.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sizewise.core.errors import ModelReferenceError

#: value type → (struct format, bytes); 8 is a string, 9 an array
_SCALARS = {
    0: ("<B", 1), 1: ("<b", 1), 2: ("<H", 2), 3: ("<h", 2), 4: ("<I", 4), 5: ("<i", 4), 6: ("<f", 4), 7: ("<?", 1),
    10: ("<Q", 8), 11: ("<q", 8), 12: ("<d", 8),
}  # fmt: skip
_STRING, _ARRAY = 8, 9
#: tensor type → (numbers in a block, bytes of a block)
_BLOCKS = {
    0: (1, 4), 1: (1, 2), 2: (32, 18), 3: (32, 20), 6: (32, 22), 7: (32, 24), 8: (32, 34), 9: (32, 36),
    10: (256, 84), 11: (256, 110), 12: (256, 144), 13: (256, 176), 14: (256, 210), 15: (256, 292), 16: (256, 66),
    17: (256, 74), 18: (256, 98), 19: (256, 50), 20: (32, 18), 21: (256, 110), 22: (256, 82), 23: (256, 136),
    24: (1, 1), 25: (1, 2), 26: (1, 4), 27: (1, 8), 28: (1, 8), 29: (256, 56), 30: (1, 2), 34: (256, 54),
    35: (256, 66), 39: (32, 17),
}  # fmt: skip
_VERSIONS = (2, 3)
_MOST_ENTRIES, _MOST_TENSORS, _MOST_KEPT, _DEEPEST = 10_000, 100_000, 1 << 16, 4
_LONGEST_MARKER = 64
TEMPLATE = "tokenizer.chat_template"


@dataclass(frozen=True, slots=True)
class Header:
    """``facts`` holds the scalars and short strings; ``lengths`` how many items each array has; sizes in bytes.

    ``markers`` are the tokens that begin with ``<`` or ``[``: those of every prompt format are among them.
    """

    facts: dict[str, Any]
    lengths: dict[str, int]
    file_bytes: int
    markers: frozenset[str] = frozenset()

    @property
    def architecture(self) -> str:
        return str(self.facts.get("general.architecture", ""))

    @property
    def vocabulary(self) -> int:
        """How many tokens there are."""
        return self.lengths.get("tokenizer.ggml.tokens", 0)

    @property
    def carries_template(self) -> bool:
        """Whether a chat template came with it. It is never run; that it is there says that the model was taught to chat."""
        return TEMPLATE in self.facts

    def number(self, key: str) -> int | None:
        """A whole number of the architecture's own, such as ``block_count``."""
        value = self.facts.get(f"{self.architecture}.{key}")
        return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else None

    def cache_bytes(self, context: int) -> float:
        """Bytes of the cache of keys and values for ``context`` tokens, 16 bits each, no sliding window: an upper bound."""
        layers, heads = self.number("block_count") or 0, self.number("attention.head_count") or 1
        width = self.number("embedding_length") or 0
        groups = self.number("attention.head_count_kv") or heads
        keys = self.number("attention.key_length") or width // heads
        values = self.number("attention.value_length") or keys
        return 2.0 * layers * groups * (keys + values) * context


class _Reader:
    """Walks over the bytes of a file and never beyond its end."""

    def __init__(self, data: mmap.mmap, path: Path) -> None:
        self._data, self._path, self.at, self.end = data, path, 0, len(data)

    def refuse(self, why: str) -> ModelReferenceError:
        return ModelReferenceError(
            f"{self._path} cannot be used: {why}. Fetch it again from its source, or name another model."
        )

    def take(self, size: int) -> bytes:
        if size < 0 or self.at + size > self.end:
            raise self.refuse(f"it is cut short or damaged (it ends at byte {self.end:,})")
        self.at += size
        return self._data[self.at - size : self.at]

    def number(self, layout: str) -> Any:
        return struct.unpack(layout, self.take(struct.calcsize(layout)))[0]

    def string(self) -> bytes:
        size = self.number("<Q")
        if size > self.end - self.at:
            raise self.refuse(f"it is cut short or damaged (a text of {size:,} bytes at byte {self.at:,})")
        return self.take(size)

    def markers(self, count: int) -> Iterator[str]:
        """Walk over ``count`` texts; those that begin like a marker."""
        data, at, end, unpack = self._data, self.at, self.end, struct.Struct("<Q").unpack_from
        for _ in range(count):
            if at + 8 > end:
                break
            size = unpack(data, at)[0]
            at += 8 + size
            if 2 < size < _LONGEST_MARKER and at <= end and data[at - size] in b"<[":
                yield data[at - size : at].decode("utf-8", "replace")
        if at > end or count < 0:
            raise self.refuse(f"it is cut short or damaged (a list of {count:,} texts)")
        self.at = at


def read_header(path: Path) -> Header:
    """The header of the GGUF at ``path``, after every length in it was held against the size of the file.

    Raises ``ModelReferenceError``: not a GGUF, cut short, damaged, or of an unknown kind of tensor.
    """
    try:
        with path.open("rb") as file:
            size = path.stat().st_size
            if size < 24 or file.read(4) != b"GGUF":
                raise ModelReferenceError(f"{path} is not a GGUF file: it does not begin with GGUF.")
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
                return _header(_Reader(data, path))
    except (OSError, ValueError) as error:
        raise ModelReferenceError(f"cannot read {path}: {error}.") from error


def _header(reader: _Reader) -> Header:
    reader.take(4)
    if (version := reader.number("<I")) not in _VERSIONS:
        raise reader.refuse(f"it is GGUF version {version}, and only versions 2 and 3 are read")
    tensors, entries = reader.number("<Q"), reader.number("<Q")
    if tensors > _MOST_TENSORS or entries > _MOST_ENTRIES:
        raise reader.refuse(f"it claims {tensors:,} tensors and {entries:,} entries")
    facts: dict[str, Any] = {}
    lengths: dict[str, int] = {}
    markers: set[str] = set()
    for _ in range(entries):
        key = reader.string().decode("utf-8", "replace")
        kind = reader.number("<I")
        if kind in _SCALARS:
            facts[key] = reader.number(_SCALARS[kind][0])
        elif kind == _STRING:
            facts[key] = reader.string()[:_MOST_KEPT].decode("utf-8", "replace")
        else:
            _skip(reader, kind, key, lengths, markers)
    alignment = facts.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 1 <= alignment <= 1 << 20:
        raise reader.refuse(f"its tensors are aligned to {alignment!r}")
    _check_tensors(reader, tensors, alignment)
    return Header(facts, lengths, reader.end, frozenset(markers))


def _skip(reader: _Reader, kind: int, key: str, lengths: dict[str, int], markers: set[str], depth: int = 0) -> None:
    """Walk over an array, or whatever stands inside one."""
    if kind in _SCALARS:
        reader.number(_SCALARS[kind][0])
    elif kind == _STRING:
        reader.string()
    elif kind == _ARRAY and depth < _DEEPEST:
        inner, count = reader.number("<I"), reader.number("<Q")
        lengths[key] = count
        if inner in _SCALARS:
            reader.take(count * _SCALARS[inner][1])
        elif inner == _STRING:
            found = frozenset(reader.markers(count))
            if key == "tokenizer.ggml.tokens":
                markers.update(found)
        elif count > _MOST_ENTRIES:
            raise reader.refuse(f"{key} is a list of {count:,} lists")
        else:
            for _ in range(count):
                _skip(reader, inner, key, {}, set(), depth + 1)
    else:
        raise reader.refuse(f"{key} is of the unknown type {kind}")


def _check_tensors(reader: _Reader, count: int, alignment: int) -> None:
    """Every tensor must lie within the file."""
    last = 0
    for _ in range(count):
        name = reader.string()[:80].decode("utf-8", "replace")
        dimensions = reader.number("<I")
        if dimensions > 8:
            raise reader.refuse(f"the tensor {name} has {dimensions} dimensions")
        numbers = 1
        for _ in range(dimensions):
            numbers *= reader.number("<Q")
        kind, offset = reader.number("<I"), reader.number("<Q")
        if kind not in _BLOCKS:
            raise reader.refuse(f"the tensor {name} is of the unknown type {kind}")
        block, size = _BLOCKS[kind]
        last = max(last, offset + -(-numbers // block) * size)
    start = -(-reader.at // alignment) * alignment
    if start + last > reader.end:
        raise reader.refuse(f"it is cut short: it has {reader.end:,} bytes of {start + last:,}")
