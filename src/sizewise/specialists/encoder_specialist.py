"""The rung ``encoder`` as it is served, saved and loaded: n-grams, an encoder, and heads on what both see."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.errors import RunError
from sizewise.core.model import Evidence
from sizewise.specialists.encoder_views import TUNED, Views
from sizewise.specialists.encoders import open_encoder
from sizewise.specialists.heads import Mixture, Singles
from sizewise.specialists.keywords import BLOCKS as NGRAM_HEADS
from sizewise.specialists.keywords import KeywordsSpecialist
from sizewise.specialists.opinions import judged, most_probable
from sizewise.specialists.sentence_vectors import Progress, SentenceEncoder, TextEncoder
from sizewise.specialists.vector_cache import CachedEncoder, VectorCache
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json
from sizewise.store.disk import copy_whole

JOINT = "joint"
OWN = "encoder"  # the folder of an encoder that is kept with the specialist
HEADS = ("components", "anchors", "names", TUNED, *NGRAM_HEADS, JOINT)
JOINT_PARTS = ("anchors", *NGRAM_HEADS)
DENSE = ("components", "anchors", "names", TUNED)  # the heads that read the encoder


@dataclass(frozen=True, slots=True)
class EncoderSpecialist:
    """The ``keywords`` specialist, an encoder, and heads on what the encoder sees.

    ``joint`` is the head that reads two kinds of views at once; ``second`` is there where the log had two references:
    heads taught on the other one, for confidence only. ``own`` says that the encoder was tuned for this task: nobody
    else has it, and it is saved along.
    """

    keywords: KeywordsSpecialist
    encoder: TextEncoder
    views: Views
    first: Mixture
    joint: Mixture | None = None
    second: Mixture | None = None
    own: bool = False
    name: str = "encoder"

    @property
    def exports(self) -> tuple[str, ...]:
        """What it can be exported to: nothing, where its encoder brings an engine of its own."""
        return ("folder", "wheel", "onnx") if isinstance(self.encoder, SentenceEncoder) else ()

    @property
    def labels(self) -> tuple[str, ...]:
        return self.keywords.labels

    def scores(
        self, inputs: Sequence[str]
    ) -> tuple[dict[str, Singles], NDArray[np.float64], dict[str, Singles] | None]:
        """Each head's (n, labels) scores, the share of each input's n-grams that train knew, and second scores."""
        if not inputs:
            empty = {name: np.zeros((0, len(self.labels)), dtype=np.float32) for name in self.first.shares}
            return empty, np.zeros(0), empty
        read = self.keywords.read(inputs)
        seen: dict[str, Any] = {**self.views(self.encoder.encode(inputs)), **read.views}
        first = self.first.scores(seen) | self.keywords.first.scores(seen)
        if self.joint is not None:
            first[JOINT] = self.joint.joined(self.joint.scores(seen))
        if self.second is None or self.keywords.second is None:
            return first, read.known, None
        return first, read.known, self.second.scores(seen) | self.keywords.second.scores(seen)

    def judged(
        self, scores: Mapping[str, Singles], known: NDArray[np.float64], second: Mapping[str, Singles] | None = None
    ) -> Evidence:
        """Evidence from the heads' scores."""
        return judged(self.labels, (self.first, self.second), (scores, second), known)

    def evidence(self, inputs: Sequence[str]) -> Evidence:
        """Probabilities, what the heads think of one another's answers, and how unlike train the input looks."""
        return self.judged(*self.scores(inputs))

    def cached(self, progress: Progress | None = None) -> EncoderSpecialist:
        """The same specialist, its encoder looking into the cache first: within a run, not for serving."""
        return replace(self, encoder=CachedEncoder(self.encoder, VectorCache(), progress))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input."""
        return most_probable(self.evidence(inputs))

    def save(self, folder: Path) -> None:
        """Write all but the encoder, which stays where it is: the manifest names it by reference and hash. One that was
        tuned is written too."""
        self.keywords.save(folder)
        arrays = {"centre": self.views.centre, "anchors": self.views.anchors} | self.first.arrays("first")
        for prefix, mixture in (("joint", self.joint), ("second", self.second)):
            arrays |= {} if mixture is None else mixture.arrays(prefix)
        save_arrays(folder / "encoder.safetensors", arrays)
        about = {"reference": self.encoder.files.reference, "sha256": self.encoder.files.sha256, "own": self.own}
        save_json(folder / "encoder.json", about)
        for name, path in self.encoder.files.paths.items() if self.own else ():
            (folder / OWN / name).parent.mkdir(parents=True, exist_ok=True)
            copy_whole(path, folder / OWN / name)

    @classmethod
    def load(cls, folder: Path) -> EncoderSpecialist:
        """Read what ``save`` wrote; the encoder's files are checked against their hashes."""
        about, arrays = load_json(folder / "encoder.json"), load_arrays(folder / "encoder.safetensors")
        place = f"file:{folder / OWN}" if (folder / OWN).is_dir() else None
        first = Mixture.from_arrays("first", arrays, HEADS)
        if first is None:
            raise RunError(f"{folder / 'encoder.safetensors'} holds no heads: it is damaged. Make the run again.")
        return cls(
            KeywordsSpecialist.load(folder),
            open_encoder(about["reference"], about["sha256"], place, len(arrays["centre"])),
            Views(arrays["centre"], arrays["anchors"], bool(about.get("own"))),
            first,
            Mixture.from_arrays("joint", arrays, JOINT_PARTS),
            Mixture.from_arrays("second", arrays, HEADS),
            bool(about.get("own")),
        ).turned()

    def turned(self) -> EncoderSpecialist:
        """The same specialist, its heads turned to read single rows: how it is served."""
        joint, second = (None if m is None else m.turned(DENSE) for m in (self.joint, self.second))
        return replace(self, first=self.first.turned(DENSE), joint=joint, second=second)
