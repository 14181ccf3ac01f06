"""The Python package that an exported specialist is: the code that answers, what it was taught, and two doors."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save

from sizewise.cascade.cascade import Cascade
from sizewise.core.errors import RunError
from sizewise.data.task_file import read_task
from sizewise.export.carried_code import Name, carried
from sizewise.export.graph import graph_of
from sizewise.export.names import distribution_name, module_name
from sizewise.export.packing import NUMPY, ONNX, ROUNDED, Packed, pack, pack_confidence
from sizewise.export.publish import Content
from sizewise.export.standalone.contents import ABOUT, LATEST, WEIGHTS
from sizewise.export.standalone.onnx_inputs import GRAPH, LABELS, NGRAMS, TOKENIZER
from sizewise.models.catalogue import prefix
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.keywords import KeywordsSpecialist

STANDALONE = "sizewise.export.standalone"
#: the module of ``standalone`` by which a rung answers, where it is not called as the rung is
ANSWERS_AS = {"encoder-tuned": "encoder"}
CALLED = ("main", "answer")
#: sparse tables for many inputs at once: an exported specialist is asked one by one, and needs no scipy for it
LEFT_BEHIND = ("NGrams.matrix", "NGrams.views")
DOOR = '''\
"""A specialist for one task, made by Sizewise: ``answer(inputs)`` gives an answer to each text, in order.

An answer has ``value``, ``confidence`` (the estimated probability that the value equals the reference), ``route``
(small, large or abstain) and, for an input that is no text, ``error``. Nothing is read before the first question.
"""

from __future__ import annotations

from pathlib import Path

from {module}.engine.export.standalone.{rung} import specialist
from {module}.engine.export.standalone.program import Program

__all__ = ["answer", "program"]

program = Program(Path(__file__).parent / "model", specialist)
answer = program.answer
'''
PROGRAM = '''\
"""JSON lines in, JSON lines out: ``python -m {module} [FILE]``."""

import sys

from {module} import program

if __name__ == "__main__":
    sys.exit(program.main("{name}", sys.argv[1:]))
'''


@dataclass(frozen=True, slots=True)
class Package:
    """``files`` by their path, the first part of which is the module's name; ``requires`` as pip reads it."""

    name: str
    module: str
    requires: tuple[str, ...]
    files: Mapping[str, Content]


def package(run: Path, model: Cascade, small: bool) -> Package:
    """The package of a run's specialist. Raises ``RunError`` where its rung cannot be had as one."""
    module = module_name(model.name)
    packed = pack(model.specialist, small)
    name, rung = distribution_name(model.name), model.specialist.name
    about = {
        "format": LATEST, "task": model.name, "rung": rung, "labels": list(model.specialist.labels),
        "threshold": model.threshold, "has_large": model.has_large,
        "columns": {ours: theirs for ours, theirs in read_task(run / "task.toml").columns.items() if ours in ("input", "id")},
    }  # fmt: skip
    contents: dict[str, Content] = {
        "__init__.py": DOOR.format(module=module, rung=ANSWERS_AS.get(rung, rung)).encode(),
        "__main__.py": PROGRAM.format(module=module, name=name).encode(),
    }
    contents |= {f"engine/{path}": code.encode() for path, code in engine(rung, module).items()}
    contents |= {f"model/{path}": content for path, content in _model(model, packed, about).items()}
    return Package(name, module, packed.requires, {f"{module}/{path}": c for path, c in contents.items()})


ONNX_DOOR = """\
from {module}.engine.export.standalone.onnx_inputs import OnnxSpecialist

__all__ = ["OnnxSpecialist"]
"""
EXAMPLE = '''\
"""Texts in, one a line; answers and their probabilities out."""

import sys
from pathlib import Path

from {module} import OnnxSpecialist

model = OnnxSpecialist(Path(__file__).parent)
for line in sys.stdin:
    (said,) = model.answer([line.rstrip("\\r\\n")])
    print(said.value, said.probabilities[said.value], sep="\\t", flush=True)
'''


def graph_package(model: Cascade, small: bool) -> Package:
    """A specialist as one ONNX graph, with what its inputs are made from and a program in Python that makes them."""
    specialist, module = model.specialist, module_name(model.name)
    assert isinstance(specialist, KeywordsSpecialist | EncoderSpecialist)
    keywords = specialist.keywords if isinstance(specialist, EncoderSpecialist) else specialist
    words, characters = (list(vocabulary) for vocabulary in keywords.ngrams.vocabularies)
    about = {"words": words, "characters": characters, "idf": keywords.ngrams.idf.tolist(), "prefix": ""}
    files: dict[str, Content] = {GRAPH: graph_of(specialist, small), LABELS: _json(list(specialist.labels))}
    byte_a_weight = small or (isinstance(specialist, EncoderSpecialist) and specialist.own)
    requires: tuple[str, ...] = (*NUMPY, ROUNDED[0] if byte_a_weight else ONNX[0])
    if isinstance(specialist, EncoderSpecialist):
        about["prefix"] = prefix(specialist.encoder.files.reference)
        files[TOKENIZER] = specialist.encoder.files.paths[TOKENIZER]
        requires = (*requires, ONNX[1])
    code = carried([Name(f"{STANDALONE}.onnx_inputs", "OnnxSpecialist")], CALLED, f"{module}.engine", LEFT_BEHIND)
    files |= {f"{module}/engine/{path}": source.encode() for path, source in code.items()}
    files |= {
        NGRAMS: _json(about),
        "example.py": EXAMPLE.format(module=module).encode(),
        "requirements.txt": "".join(f"{need}\n" for need in requires).encode(),
        f"{module}/__init__.py": ONNX_DOOR.format(module=module).encode(),
    }
    return Package(distribution_name(model.name), module, requires, files)


def _json(value: Any) -> bytes:
    return (json.dumps(value, ensure_ascii=False) + "\n").encode()


def engine(rung: str, module: str) -> dict[str, str]:
    """The part of Sizewise's code by which ``rung`` answers, as the package ``engine`` of ``module``."""
    roots = [Name(f"{STANDALONE}.program", "Program"), Name(f"{STANDALONE}.{ANSWERS_AS.get(rung, rung)}", "specialist")]
    return carried(roots, CALLED, f"{module}.engine", LEFT_BEHIND)


def _model(model: Cascade, packed: Packed, about: Mapping[str, Any]) -> dict[str, Content]:
    arrays, confidence = pack_confidence(model.confidence)
    # safetensors writes an array's memory as it lies there: heads that were turned would come out as other numbers
    whole = {name: np.ascontiguousarray(array) for name, array in (packed.arrays | arrays).items()}
    contents: dict[str, Content] = {WEIGHTS: save(whole), **packed.files}
    hashes = {name: _sha256(content) for name, content in sorted(contents.items())}
    plain = {**about, **packed.about, "confidence": confidence, "sha256": hashes}
    return {ABOUT: (json.dumps(plain, ensure_ascii=False, indent=1) + "\n").encode(), **contents}


def _sha256(content: Content) -> str:
    if isinstance(content, bytes):
        return hashlib.sha256(content).hexdigest()
    try:
        with content.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise RunError(f"cannot read {content}: {error.strerror}.") from error


@cache
def licence() -> bytes:
    """The licence of the code that goes along."""
    return files("sizewise.export").joinpath("LICENSE").read_bytes()
