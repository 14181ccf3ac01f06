"""The rung ``encoder`` out of an exported folder: onnxruntime and tokenizers beside numpy."""

from __future__ import annotations

import numpy as np

from sizewise.export.standalone.contents import Contents, part
from sizewise.export.standalone.keywords import specialist as keywords_specialist
from sizewise.models.reference import ModelFiles
from sizewise.specialists.encoder import HEADS, EncoderSpecialist, Views
from sizewise.specialists.heads import Mixture
from sizewise.specialists.sentence_vectors import SentenceEncoder

ENCODER = "encoder"


def specialist(contents: Contents) -> EncoderSpecialist:
    """The n-grams, the encoder's files, and the heads on what both see."""
    arrays = {name: np.asarray(array) for name, array in part(contents.arrays, "encoder").items()}
    first = Mixture.from_arrays("first", arrays, HEADS)
    if first is None:
        raise LookupError("there are no heads")
    return EncoderSpecialist(
        keywords_specialist(contents),
        SentenceEncoder(_files(contents), prefix=contents.about["encoder"]["prefix"]),
        Views(np.asarray(contents.arrays["centre"]), np.asarray(contents.arrays["anchors"])),
        first,
        Mixture.from_arrays("second", arrays, HEADS),
    )


def _files(contents: Contents) -> ModelFiles:
    """The encoder's files, whose hashes were checked when the folder was read."""
    promised = {
        name.removeprefix(f"{ENCODER}/"): sha256
        for name, sha256 in contents.about["sha256"].items()
        if name.startswith(f"{ENCODER}/")
    }
    paths = {name: contents.folder / ENCODER / name for name in promised}
    return ModelFiles(contents.about["encoder"]["reference"], paths, promised)
