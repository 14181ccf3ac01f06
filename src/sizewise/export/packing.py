"""A fitted rung as arrays and files that its exported code reads, at full precision or in one byte a weight."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.cascade.confidence import Confidence
from sizewise.core.errors import RunError
from sizewise.core.model import Specialist
from sizewise.export.publish import Content
from sizewise.export.standalone.encoder import ENCODER
from sizewise.export.standalone.keywords import NGRAMS
from sizewise.models.catalogue import prefix
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.heads import Mixture
from sizewise.specialists.keywords import KeywordsSpecialist
from sizewise.specialists.majority import MajoritySpecialist
from sizewise.specialists.packed_rows import packed
from sizewise.specialists.rounded_encoder import rounded
from sizewise.specialists.sentence_vectors import MODEL, TOKENIZER

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Packed:
    """What goes into an exported model's folder: ``arrays`` into one file, ``files`` beside it, ``about`` as JSON.

    ``requires`` are the libraries that the rung needs to answer.
    """

    arrays: Arrays
    files: Mapping[str, Content]
    about: Mapping[str, Any]
    requires: tuple[str, ...]


NUMPY = ("numpy>=2.1",)
ONNX = ("onnxruntime>=1.20", "tokenizers>=0.21")
ROUNDED = ("onnxruntime>=1.22", *ONNX[1:])  # the first that multiplies weights of 8 bits in blocks


def pack(specialist: Specialist, small: bool) -> Packed:
    """The arrays and files of a fitted rung. ``small``: one byte a weight where that keeps the answers."""
    if isinstance(specialist, MajoritySpecialist):
        return Packed({"shares": specialist.shares}, {}, {}, NUMPY)
    if isinstance(specialist, KeywordsSpecialist):
        return _keywords(specialist, small)
    if isinstance(specialist, EncoderSpecialist):
        return _encoder(specialist, small)
    raise RunError(f"the rung {specialist.name} cannot be put into a folder or a wheel.")


def pack_confidence(confidence: Confidence) -> tuple[Arrays, dict[str, Any]]:
    """The confidence's arrays, and its plain numbers."""
    rated = confidence.reliability
    arrays = {
        "low": confidence.low, "high": confidence.high, "mean": confidence.mean, "scale": confidence.scale,
        "weights": confidence.weights, "labels": rated.labels, "pairs": rated.pairs, "pair_offsets": rated.pair_offsets,
    }  # fmt: skip
    about = {"names": list(confidence.names), "bias": confidence.bias, "gate": confidence.gate}
    return {f"confidence/{name}": array for name, array in arrays.items()}, about


def _keywords(specialist: KeywordsSpecialist, small: bool) -> Packed:
    vocabularies = [list(vocabulary) for vocabulary in specialist.ngrams.vocabularies]
    ngrams = json.dumps(vocabularies, ensure_ascii=False, separators=(",", ":")).encode()
    heads = _mixtures(first=specialist.first, second=specialist.second)
    arrays = {"idf": specialist.ngrams.idf} | _stored("keywords", heads, small)
    return Packed(arrays, {NGRAMS: ngrams}, {}, NUMPY)


def _encoder(specialist: EncoderSpecialist, small: bool) -> Packed:
    lower = _keywords(specialist.keywords, small)
    arrays = {"centre": specialist.views.centre, "anchors": specialist.views.anchors}
    arrays |= _mixtures(first=specialist.first, joint=specialist.joint, second=specialist.second)
    files: dict[str, Content] = dict(specialist.encoder.files.paths)
    if small:
        files = {TOKENIZER: files[TOKENIZER], MODEL: rounded(specialist.encoder.files.paths[MODEL]).SerializeToString()}
    files = {f"{ENCODER}/{name}": content for name, content in files.items()}
    reference = specialist.encoder.files.reference
    about = {"reference": reference, "prefix": prefix(reference), "tuned": specialist.views.tuned}
    stored = lower.arrays | _stored("encoder", arrays, small)
    return Packed(
        stored, {**lower.files, **files}, {"encoder": about}, (*NUMPY, *(ROUNDED if small or specialist.own else ONNX))
    )


def _mixtures(**mixtures: Mixture | None) -> Arrays:
    """The arrays of all heads, by the names of their mixtures."""
    arrays: Arrays = {}
    for name, mixture in mixtures.items():
        arrays |= {} if mixture is None else mixture.arrays(name)
    return arrays


def _stored(prefix: str, arrays: Arrays, small: bool) -> Arrays:
    """``arrays`` as they are kept: tables of weights as they are, or in a byte a weight."""
    kept: Arrays = {}
    for name, array in arrays.items():
        if small and (name.endswith(".weights") or name == "anchors"):
            rows = packed(np.asarray(array, dtype=np.float32))
            kept |= {f"{prefix}/{name}": rows.table, f"{prefix}/{name}.scale": rows.scale}
        else:
            kept[f"{prefix}/{name}"] = array
    return kept
