"""Arrays and JSON in a folder, by safetensors: nothing that runs code when it is opened."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from sizewise.core.errors import RunError
from sizewise.store.disk import write_whole

Array = NDArray[Any]
_KINDS = {"F64": "<f8", "F32": "<f4", "I64": "<i8", "I32": "<i4", "I8": "|i1", "BOOL": "?"}


def save_arrays(path: Path, arrays: Mapping[str, Array]) -> None:
    """Write named arrays into one ``.safetensors`` file."""
    write_whole(path, save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def load_arrays(path: Path) -> dict[str, Array]:
    """Read what ``save_arrays`` wrote. Raises ``RunError`` where the file is missing or damaged."""
    try:
        return dict(load_file(path))
    except (OSError, SafetensorError) as error:
        raise RunError(f"{path} is missing or damaged ({error}). Make the run again.") from error


def map_arrays(path: Path) -> dict[str, Array]:
    """As ``load_arrays``, read-only, and read from disk only where they are looked at: for tables as large as memory."""
    try:
        with path.open("rb") as file:
            size = int.from_bytes(file.read(8), "little")
            header = json.loads(file.read(size))
        header.pop("__metadata__", None)
        return {name: _mapped(path, 8 + size, **about) for name, about in header.items()}
    except (OSError, ValueError, LookupError, TypeError, MemoryError, OverflowError) as error:
        raise RunError(f"{path} is missing or damaged ({error}). Make the run again.") from error


def _mapped(path: Path, start: int, dtype: str, shape: list[int], data_offsets: list[int]) -> Array:
    kind = np.dtype(_KINDS[dtype])
    if data_offsets[0] == data_offsets[1]:
        return np.zeros(shape, dtype=kind)
    return np.memmap(path, dtype=kind, mode="r", offset=start + data_offsets[0], shape=tuple(shape))


def save_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented UTF-8 JSON."""
    write_whole(path, json.dumps(value, ensure_ascii=False, indent=1) + "\n")


def load_json(path: Path) -> Any:
    """Read JSON. Raises ``RunError`` where the file is missing or damaged."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged ({error}). Make the run again.") from error
