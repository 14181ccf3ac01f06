"""The weights of a quantised GGUF, made plain once and kept as safetensors in the cache, by the file's hash.

The table of tokens is not among them: it is by far the largest tensor of a small model, and training looks at few of its
rows, which are made plain when they are asked for.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import LimitReached, ModelReferenceError
from sizewise.models.cache_folder import cache_folder
from sizewise.models.local_slm import LocalSlm
from sizewise.slm.header import read_header
from sizewise.specialists.train.decoder.facts import Facts, facts_of

Singles = NDArray[np.float32]
TOKENS, OUTPUT = "token_embd.weight", "output.weight"
#: what changes when the files in the cache are written otherwise
VERSION = 2
WRITTEN = "sha256"  # of the numbers, in the file's own header
#: weights are kept in float32 as long as they take no more than this; else in bfloat16, half of it
MOST_EXACT = 4 << 30  # bytes
SPARE = 64 << 20  # bytes of disk beside the file


@dataclass(frozen=True, slots=True)
class Weights:
    """``path`` is the file in the cache; ``model`` the GGUF that rows of the tables of tokens are read from."""

    model: LocalSlm
    facts: Facts
    path: Path

    def rows(self, tokens: Sequence[int], output: bool = False) -> Singles:
        """(tokens, width) rows of the table that is read, or of the one that is said, which is often the same."""
        import gguf

        named = {tensor.name: tensor for tensor in gguf.GGUFReader(self.model.path).tensors}
        table = named[OUTPUT] if output and OUTPUT in named else named[TOKENS]
        chosen = table.data[np.asarray(tokens, dtype=np.int64)]
        return np.asarray(gguf.dequantize(chosen, table.tensor_type), dtype=np.float32)

    def __len__(self) -> int:
        """How many numbers there are, the tables of tokens left out."""
        return sum(int(np.prod(shape)) for shape in self.shapes().values())

    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The shape of each tensor, outputs first, as torch has them."""
        with self.path.open("rb") as file:
            header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return {name: tuple(about["shape"]) for name, about in header.items() if name != "__metadata__"}


def open_weights(model: LocalSlm) -> Weights:
    """The weights of ``model``, from the cache, where they are whole there, or made plain now.

    Raises ``ModelReferenceError`` where the model cannot be tuned, ``LimitReached`` where the disk has no room.
    """
    facts = facts_of(read_header(model.path), model.name)
    path = cache_folder() / "weights" / f"{model.sha256}.{VERSION}.safetensors"
    if not _whole(path):
        _write(model, path)
    return Weights(model, facts, path)


def _whole(path: Path) -> bool:
    """Whether the file in the cache holds the numbers that were written."""
    with suppress(OSError, ValueError, LookupError, TypeError), path.open("rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        return bool(hashlib.file_digest(file, "sha256").hexdigest() == header["__metadata__"][WRITTEN])
    return False


def _write(model: LocalSlm, path: Path) -> None:
    """Tensor by tensor, so that no more than one is plain in memory at a time."""
    import gguf

    tensors = [tensor for tensor in gguf.GGUFReader(model.path).tensors if tensor.name not in (TOKENS, OUTPUT)]
    count = sum(int(tensor.n_elements) for tensor in tensors)
    exact = count * 4 <= MOST_EXACT
    size = 4 if exact else 2
    _require_disk(model, path.parent, count * size)
    header: dict[str, Any] = {"__metadata__": {WRITTEN: "0" * 64}}
    at, written = 0, hashlib.sha256()
    for tensor in tensors:
        length = int(tensor.n_elements) * size
        shape = [int(side) for side in reversed(tensor.shape)]
        header[tensor.name] = {"dtype": "F32" if exact else "BF16", "shape": shape, "data_offsets": [at, at + length]}
        at += length
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            said = _said(header)
            file.write(said)
            for values in _plain(tensors):
                numbers = (values if exact else _halved(values)).tobytes()
                written.update(numbers)
                file.write(numbers)
            header["__metadata__"][WRITTEN] = written.hexdigest()
            file.seek(0)
            file.write(_said(header))
            file.flush()
            os.fsync(file.fileno())
        beside.replace(path)
    except OSError as error:
        raise LimitReached(
            f"the plain weights of {model.name} ({at / 2**20:,.0f} MiB) cannot be kept in {path.parent} ({error.strerror}). "
            "Free some space, or let SIZEWISE_CACHE name a folder with room."
        ) from error
    finally:
        beside.unlink(missing_ok=True)


def _said(header: dict[str, Any]) -> bytes:
    said = json.dumps(header).encode()
    said += b" " * (-len(said) % 8)
    return len(said).to_bytes(8, "little") + said


def _plain(tensors: Sequence[Any]) -> Iterator[Singles]:
    import gguf

    for tensor in tensors:
        try:
            yield np.asarray(gguf.dequantize(tensor.data, tensor.tensor_type), dtype=np.float32)
        except (NotImplementedError, ValueError) as error:
            raise ModelReferenceError(
                f"the tensor {tensor.name} cannot be made plain ({error}). Name a GGUF in Q4_K_M, Q8_0, F16 or BF16."
            ) from error


def _halved(values: Singles) -> NDArray[np.uint16]:
    """As bfloat16, rounded to the nearest and ties to even."""
    bits = values.view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(np.uint16)


def _require_disk(model: LocalSlm, folder: Path, need: int) -> None:
    with suppress(OSError):
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not folder.is_dir():
        raise LimitReached(f"{folder} cannot be made. Let SIZEWISE_CACHE name a folder that can be written.")
    free = shutil.disk_usage(folder).free
    if free < need + SPARE:
        raise LimitReached(
            f"the plain weights of {model.name} take {need / 2**20:,.0f} MiB of disk, and {folder} has {free / 2**20:,.0f} MiB "
            "free. Free some space, or let SIZEWISE_CACHE name a folder with room."
        )
