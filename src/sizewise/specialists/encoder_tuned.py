"""The sentence encoder itself fine-tuned on the task, beside the frozen one; served as ONNX with one byte a weight.

Train is cut into parts; an encoder is tuned for each part on all others, and scores the rows that it did not see: these
are the out-of-fold results by which heads get their shares, and by which the rung is judged. What ships is the mean of
their weights, rounded, and held against torch before it is saved. It is an ``EncoderSpecialist`` with one more view and
head, whose encoder is its own: served and exported by the same code, without torch.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import ClassVar

from sizewise.core.errors import ModelReferenceError, TaskError
from sizewise.core.example import Train
from sizewise.core.model import Fitted, Rung
from sizewise.models.catalogue import DEFAULT_ENCODER, known_engine
from sizewise.specialists.encoder import EncoderRecipe, Scored
from sizewise.specialists.encoder_specialist import HEADS, EncoderSpecialist
from sizewise.specialists.encoder_views import TUNED
from sizewise.specialists.encoders import BY_LANGUAGE, choose
from sizewise.specialists.folds import folds as folds_of
from sizewise.specialists.heads import Ints, Mixture, Singles, fit_shares, targets_of
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.sentence_vectors import Progress
from sizewise.specialists.train import require, require_settings

NAME = "encoder-tuned"
LEAST = {"epochs": 1, "parts": 2, "batch": 2, "layers": 0, "rate": 1e-12, "seconds": 0}


@dataclass(frozen=True, slots=True)
class EncoderTunedRecipe:
    """``encoder`` is a model reference, or ``by-language``; it is tuned ``epochs`` times over all rows, or as often as
    ``seconds`` allow (0: as often as that). ``way`` is ``labels``, ``pairs``, ``both``, or ``tried``: the best of them on the first part. Of its
    layers ``layers`` are tuned, from the last down (0: half of them); what lies below is computed once for both encoders."""

    encoder: str = BY_LANGUAGE
    layers: int = 0
    epochs: int = 3
    parts: int = 5
    way: str = "both"
    batch: int = 64
    rate: float = 5e-4
    seconds: float = 1_500.0
    seed: int = 0
    keywords: KeywordsRecipe = field(default_factory=KeywordsRecipe)
    progress: Progress | None = None
    found: Callable[[str], None] | None = None
    work: Path | None = None
    name: str = NAME
    slow: ClassVar[bool] = True  # to learn: not done again only to draw a curve

    def fit(self, examples: Train) -> EncoderSpecialist:
        """Tune the encoder, and learn the shares of the heads."""
        specialist = self.validate(examples, folds_of(examples, self.seed), {}).specialist
        assert isinstance(specialist, EncoderSpecialist)
        return specialist

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:
        """Tune an encoder for each part of train on the others, and score it by that one."""
        from sizewise.specialists.train.encoder_parts import Parts

        self._check()
        frozen = EncoderRecipe(self.reference(examples.inputs), seed=self.seed, keywords=self.keywords)
        lower = frozen.scored(examples, folds, below)
        started = time.perf_counter()
        with tempfile.TemporaryDirectory(prefix="sizewise-tuning-") as scratch:
            tuned = Parts(self, examples, folds, self.work or Path(scratch)).tuned()
        specialist = replace(
            lower.specialist, encoder=tuned.encoder, views=lower.specialist.views.beside_tuned(), own=True
        )
        target, other = targets_of(examples)
        scores, second = _in_order({**lower.scores, TUNED: tuned.scores[0]}), None
        heads = {**specialist.first.heads, TUNED: tuned.heads[0]}
        specialist = replace(specialist, first=Mixture(heads, fit_shares(scores, target)), name=NAME)
        if lower.second is not None and specialist.second is not None and other is not None:
            second = _in_order({**lower.second, TUNED: tuned.scores[1]})
            heads = {**specialist.second.heads, TUNED: tuned.heads[1]}
            specialist = replace(specialist, second=Mixture(heads, fit_shares(second, other)))
        seconds = time.perf_counter() - started
        told = (*lower.circumstances, *tuned.circumstances)
        return Scored(
            specialist, scores, second, lower.known, seconds + lower.fit_seconds, seconds + lower.seconds, told
        ).fitted()

    def plan(self, train: Train) -> tuple[float, str]:
        """Seconds for the whole run, from a few steps that are really made, and what would be done."""
        from sizewise.specialists.train.encoder_parts import Parts

        self._check()
        with tempfile.TemporaryDirectory(prefix="sizewise-tuning-") as scratch:
            planned = Parts(self, train, folds_of(train, self.seed), Path(scratch)).plan()
        return planned.seconds, planned.said()

    def reference(self, inputs: Sequence[str]) -> str:
        """The encoder that is tuned. One with an engine of its own cannot be: where the language calls for it, the default
        one takes its place; raises ``ModelReferenceError`` where it was asked for by name."""
        if known_engine(self.encoder):
            raise ModelReferenceError(
                f"{self.encoder} brings an engine of its own: it cannot be tuned. Name another encoder."
            )
        named_ones = choose(self.encoder, inputs).references
        return next((one for one in named_ones if not known_engine(one)), DEFAULT_ENCODER)

    def _check(self) -> None:
        require(NAME)
        from sizewise.specialists.train.encoder_parts import TRIED, WAYS

        if self.way not in (*WAYS, TRIED):
            raise TaskError(f"[rungs.{NAME}] way = {self.way!r}: it is one of {', '.join((*WAYS, TRIED))}.")
        require_settings(NAME, self, LEAST, {})


def _in_order(scores: Mapping[str, Singles]) -> dict[str, Singles]:
    """The scores in the order in which a specialist that was loaded gives them."""
    return {name: scores[name] for name in HEADS if name in scores}


def load(folder: Path) -> EncoderSpecialist:
    """Read what was saved; the encoder's files are checked against their hashes."""
    return replace(EncoderSpecialist.load(folder), name=NAME)


RUNG = Rung(NAME, 30, EncoderTunedRecipe, load)
