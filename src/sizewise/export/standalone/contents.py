"""What an exported specialist's folder holds, checked against its own hashes before anything of it is used."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade.confidence import Confidence, Reliability
from sizewise.core.errors import RunError
from sizewise.store.arrays import map_arrays

ABOUT, WEIGHTS = "about.json", "weights.safetensors"
LATEST = 1  # the format that this code reads


@dataclass(frozen=True, slots=True)
class Contents:
    """``about`` is plain data, ``arrays`` are read from disk only where they are looked at."""

    folder: Path
    about: Mapping[str, Any]
    arrays: Mapping[str, NDArray[Any]]


def read_contents(folder: Path) -> Contents:
    """Read an exported specialist. Raises ``RunError`` where a file is missing or not the one that was exported."""
    try:
        about = json.loads((folder / ABOUT).read_text(encoding="utf-8"))
        if about["format"] != LATEST:
            raise RunError(f"{folder} was made for other code than this. Install or copy all of it again.")
        for name, promised in about["sha256"].items():
            with (folder / name).open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != promised:
                    raise RunError(f"{folder / name} is not the file that was exported. Install or copy it again.")
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise RunError(f"{folder} is incomplete or damaged ({error}). Install or copy it again.") from error
    return Contents(folder, about, map_arrays(folder / WEIGHTS))


def confidence_of(contents: Contents) -> Confidence:
    """The confidence that was calibrated, its gate included."""
    about = contents.about["confidence"]
    arrays = {name: np.asarray(array) for name, array in part(contents.arrays, "confidence").items()}
    reliability = Reliability(arrays["labels"], arrays["pairs"], arrays["pair_offsets"])
    low, high, mean, scale, weights = (arrays[name] for name in ("low", "high", "mean", "scale", "weights"))
    return Confidence(tuple(about["names"]), low, high, mean, scale, weights, about["bias"], reliability, about["gate"])


def part(arrays: Mapping[str, NDArray[Any]], name: str) -> dict[str, NDArray[Any]]:
    """The arrays whose names begin with ``name`` and a slash, without both."""
    return {key.removeprefix(f"{name}/"): array for key, array in arrays.items() if key.startswith(f"{name}/")}
