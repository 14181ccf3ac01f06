"""The rung ``keywords`` out of an exported folder: numpy alone."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.export.standalone.contents import Contents, part
from sizewise.specialists.heads import Mixture
from sizewise.specialists.keywords import BLOCKS, KeywordsSpecialist
from sizewise.specialists.ngrams import NGrams
from sizewise.specialists.packed_rows import PackedRows

NGRAMS = "ngrams.json"


def specialist(contents: Contents) -> KeywordsSpecialist:
    """N-grams and their heads. Weights stay on disk until a text calls for their rows."""
    words, characters = json.loads((contents.folder / NGRAMS).read_text(encoding="utf-8"))
    vocabularies = (
        {gram: place for place, gram in enumerate(words)},
        {gram: place for place, gram in enumerate(characters, len(words))},
    )
    heads = opened(part(contents.arrays, "keywords"))
    first = Mixture.from_arrays("first", heads, BLOCKS)
    if first is None:
        raise LookupError("there are no heads")
    return KeywordsSpecialist(
        tuple(contents.about["labels"]),
        NGrams(vocabularies, np.asarray(contents.arrays["idf"])),
        first,
        Mixture.from_arrays("second", heads, BLOCKS),
    )


def opened(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """The arrays of heads, those that were packed into one byte a weight read as if they had not been."""
    scales = {name.removesuffix(".scale"): array for name, array in arrays.items() if name.endswith(".scale")}
    return {
        name: PackedRows(array, scales[name]) if name in scales else array
        for name, array in arrays.items()
        if not name.endswith(".scale")
    }
