"""The rung ``encoder`` out of an exported folder: onnxruntime and tokenizers beside numpy."""

from __future__ import annotations

from typing import Any

import numpy as np

from sizewise.export.standalone.contents import Contents, part
from sizewise.export.standalone.keywords import opened
from sizewise.export.standalone.keywords import specialist as keywords_specialist
from sizewise.models.reference import ModelFiles
from sizewise.specialists.encoder_specialist import HEADS, JOINT_PARTS, EncoderSpecialist
from sizewise.specialists.encoder_views import Views
from sizewise.specialists.heads import Mixture
from sizewise.specialists.keywords import BLOCKS
from sizewise.specialists.packed_rows import PackedRows
from sizewise.specialists.sentence_vectors import SentenceEncoder

ENCODER = "encoder"


def specialist(contents: Contents) -> EncoderSpecialist:
    """The n-grams, the encoder's files, and the heads on what both see."""
    arrays = {name: _whole(name, array) for name, array in opened(part(contents.arrays, "encoder")).items()}
    first = Mixture.from_arrays("first", arrays, HEADS)
    if first is None:
        raise LookupError("there are no heads")
    return EncoderSpecialist(
        keywords=keywords_specialist(contents),
        encoder=SentenceEncoder(
            _files(contents), prefix=contents.about["encoder"]["prefix"], most=len(arrays["centre"])
        ),
        views=Views(arrays["centre"], arrays["anchors"], contents.about["encoder"]["tuned"]),
        first=first,
        joint=Mixture.from_arrays("joint", arrays, JOINT_PARTS),
        second=Mixture.from_arrays("second", arrays, HEADS),
        name=contents.about["rung"],
    ).turned()


def _whole(name: str, array: Any) -> Any:
    """What reads whole vectors as an array in memory; what reads n-grams stays on disk, row by row."""
    if set(name.split(".")) & set(BLOCKS):
        return array
    return array[:] if isinstance(array, PackedRows) else np.asarray(array)


def _files(contents: Contents) -> ModelFiles:
    """The encoder's files, whose hashes were checked when the folder was read."""
    promised = {
        name.removeprefix(f"{ENCODER}/"): sha256
        for name, sha256 in contents.about["sha256"].items()
        if name.startswith(f"{ENCODER}/")
    }
    paths = {name: contents.folder / ENCODER / name for name in promised}
    return ModelFiles(contents.about["encoder"]["reference"], paths, promised)
