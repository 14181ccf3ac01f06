"""A local SLM with a low-rank adapter, learned on the base that serves it, and read by a small head or label by label.

About an eighth of train is set aside: by it the training is stopped, on it the lower rung is joined, and on it the
rung is judged, by the very engine and adapter that serve. Nothing is learned again afterwards.
"""

from __future__ import annotations

import shutil
import tempfile
import time
import weakref
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import InputError, RunError, SizewiseError, TaskError
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance
from sizewise.core.model import Evidence, Fitted, Rung
from sizewise.models.listing import listing
from sizewise.models.local_slm import DEFAULT_SLM, LocalSlm, local_slm
from sizewise.models.reference import file_sha256
from sizewise.specialists.folds import folds as folds_of
from sizewise.specialists.sentence_vectors import Progress
from sizewise.specialists.train import require, require_settings
from sizewise.specialists.tuned.join import GAIN, fit_join, loss, normalised
from sizewise.specialists.tuned.specialist import ADAPTER, NAME, SlmTuned, Tuning
from sizewise.store.arrays import load_json, save_json
from sizewise.store.disk import explained

if TYPE_CHECKING:
    from sizewise.specialists.train.decoder.lesson import Lesson

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
PLAN = "plan.json"
FEWEST_ROWS = 40
#: the adapter is refused where llama.cpp gives fewer than this share of the answers that torch gave
SAME = 0.95
LEAST = {
    "epochs": 1, "batch": 1, "rate": 1e-12, "rank": 1, "input_tokens": 8, "taught_tokens": 8, "aside": 0.01, "soft": 0,
    "reasons": 0, "threads": 0, "seconds": 0,
}  # fmt: skip
MOST = {"aside": 0.5, "soft": 1}
LOWER_RUNGS = ("encoder-tuned", "encoder", "keywords")
READINGS, DIFFERING, USES = ("head", "tree"), ("reference", "halves", "drop"), ("commercial", "research")


@dataclass(frozen=True, slots=True)
class SlmTunedRecipe:
    """``model`` is the base's reference. ``reading`` is ``head`` (one request an answer) or ``tree`` (the labels' tokens).

    ``soft`` is the share of a row's target that the LLM's own probabilities give where the log has them, ``reasons`` the
    weight of its rationales as a second task, ``differing`` what becomes of rows where the LLM and the truth differ and
    the LLM is the reference: ``reference``, ``halves`` or ``drop``. ``lower`` says whether a lower rung may be joined.
    ``use`` is ``commercial`` or ``research``: some bases may be tuned for research alone. Train is gone over ``epochs``
    times, or as often as ``seconds`` of training allow; an epoch that would not fit any more is not begun.
    """

    model: str = DEFAULT_SLM
    reading: str = "head"
    epochs: int = 4
    batch: int = 32
    rate: float = 1e-3
    rank: int = 16
    input_tokens: int = 256
    taught_tokens: int = 128
    aside: float = 0.12
    soft: float = 0.5
    reasons: float = 0.2
    differing: str = "reference"
    lower: str = "joined"
    use: str = "commercial"
    threads: int = 0
    seconds: float = 3_600.0
    seed: int = 0
    progress: Progress | None = None
    found: Callable[[str], None] | None = None
    work: Path | None = None
    name: str = NAME
    slow: ClassVar[bool] = True  # to learn: not done again only to draw a curve

    def fit(self, examples: Train) -> SlmTuned:
        """Tune, with nothing joined."""
        specialist = self.validate(examples, folds_of(examples, self.seed), {}).specialist
        assert isinstance(specialist, SlmTuned)
        return specialist

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:
        """Tune, and give evidence for the rows that were set aside. Raises ``TaskError``, ``LimitReached`` before it starts."""
        started = time.perf_counter()
        lesson = self._lesson(examples)
        tuned, seconds = self._tuned(lesson)
        own = tuned.own([examples.inputs[row] for row in lesson.aside], self._asked)
        self._require_same(lesson, own)
        evidence = self._joined(tuned, examples, folds, below, lesson.aside, own)
        tuned.close()  # its memory is needed by what comes next
        logits = np.log(np.maximum(evidence.probabilities, 1e-9)).astype(np.float32)[None]
        told = (Circumstance("set_aside", {"rung": NAME, "rows": len(lesson.aside)}),)
        spent = seconds + time.perf_counter() - started
        return Fitted(tuned, evidence, logits, spent, spent, circumstances=told, rows=lesson.aside)

    def plan(self, train: Train) -> tuple[float, str]:
        """Seconds of tuning, by a few steps that are thrown away, and what would be done."""
        lesson = self._lesson(train)
        planned, need = lesson.planned(self), lesson.memory()
        said = (
            f"{lesson.base.name} with adapters of rank {self.rank} on {len(lesson.taught):,} rows, {planned.said()}: "
            f"{planned.steps:,} steps of about {planned.pace:.1f} s, {planned.seconds / 60:.0f} min, {need:,.0f} MiB"
        )
        return planned.seconds, said

    def _lesson(self, examples: Train) -> Lesson:
        """What is taught, when all that can be refused at once has been looked at."""
        require(NAME)
        from sizewise.specialists.train.decoder.lesson import Lesson

        return Lesson.of(self, self._base(examples), examples)

    def _base(self, examples: Train) -> LocalSlm:
        if len(examples.labels) < 2 or len(examples) < FEWEST_ROWS:
            raise TaskError(f"{NAME} needs at least two labels and {FEWEST_ROWS} rows of train.")
        for name, allowed in (
            ("reading", READINGS),
            ("differing", DIFFERING),
            ("use", USES),
            ("lower", ("joined", "none")),
        ):
            if getattr(self, name) not in allowed:
                raise TaskError(f"[rungs.{NAME}] {name} = {getattr(self, name)!r}: it is one of {', '.join(allowed)}.")
        require_settings(NAME, self, LEAST, MOST)
        base = local_slm(self.model)
        if told := require_licence(base, self.use):
            self._found(told)
        return base

    def _tuned(self, lesson: Lesson) -> tuple[SlmTuned, float]:
        """The specialist without what is joined, and the seconds of training that an earlier process spent on it."""
        from sizewise.specialists.train.checkpoints import Checkpoints, fingerprint
        from sizewise.specialists.train.decoder.adapter import write_adapter

        epochs = self._epochs(lesson)
        lesson.schedule = replace(lesson.schedule, epochs=epochs)
        settings = {name: getattr(self, name) for name in self.__dataclass_fields__ if name not in _NO_MATTER}
        settings |= {"base": lesson.base.sha256, "epochs": epochs}
        kept = Checkpoints(self.work, fingerprint(lesson.train, **settings))
        before = kept.load()
        learner = lesson.learner(self)
        learned = learner.learn(lesson.taught, lesson.aside, kept, self._left, self._found)
        learner.put(learned.arrays)
        lesson.said = learner.said([lesson.material.prompts[row] for row in lesson.aside])
        self._found(
            f"{learned.tokens:,} tokens in {learned.seconds / 60:.1f} min; after the best of {learned.epochs} epochs right on "
            f"{100 * learned.right:.1f} % of the rows set aside"
        )
        place = Path(tempfile.mkdtemp(prefix="sizewise-adapter-"))
        adapter = place / ADAPTER
        write_adapter(
            adapter, learned.arrays, lesson.schedule.alpha, lesson.weights.facts.architecture, lesson.base.sha256
        )
        reading = learner.end.reading(learned.arrays)
        context = lesson.context(self)
        tuning = Tuning(
            self.model, lesson.base.sha256, file_sha256(adapter), lesson.train.labels, reading, self.input_tokens,
            -(-context // 64) * 64,
        )  # fmt: skip
        tuned = SlmTuned(tuning, adapter, threads=self.threads)
        weakref.finalize(tuned, shutil.rmtree, place, ignore_errors=True)
        return tuned, 0.0 if before is None else float(before.about["seconds"])

    def _epochs(self, lesson: Lesson) -> int:
        """How often train is gone over: decided once, and kept, whatever a resumed run's pace is."""
        asked = {"epochs": self.epochs, "rows": len(lesson.taught), "batch": self.batch}
        path = None if self.work is None else self.work / PLAN
        if path is not None and path.exists():
            with suppress(RunError, LookupError, TypeError, ValueError):
                kept = load_json(path)
                if kept["asked"] == asked:
                    return int(kept["epochs"])
        planned = lesson.planned(self)
        if planned.epochs < self.epochs:
            self._found(f"{planned.said()} (seconds = {self.seconds:g})")
        if path is not None:
            with explained(path.parent):
                path.parent.mkdir(parents=True, exist_ok=True)
            save_json(path, {"asked": asked, "epochs": planned.epochs})
        return planned.epochs

    def _require_same(self, lesson: Lesson, own: Floats) -> None:
        same = float((own.argmax(axis=1) == lesson.said).mean())
        self._found(f"llama.cpp gives the answer that torch gave to {100 * same:.1f} % of {len(own):,} rows")
        if same < SAME:
            raise SizewiseError(
                f"{NAME}: llama.cpp gives the answer that torch gave to {100 * same:.1f} % of {len(own):,} rows only, and "
                f"{100 * SAME:.0f} % are asked for. Nothing was saved. Lower rate, or name a base that is less quantised."
            )

    def _joined(
        self, tuned: SlmTuned, examples: Train, folds: Ints, below: Mapping[str, Fitted], rows: Ints, own: Floats
    ) -> Evidence:
        """Join a lower rung where that foresees the rows set aside better; evidence for them, by cross-fitted weights."""
        place = {label: i for i, label in enumerate(examples.labels)}
        targets = np.array([place[examples.targets[row]] for row in rows], dtype=np.int64)
        alone = _cross_joined(own, None, targets, folds[rows])
        best: tuple[str, Floats] | None = None
        least = loss(np.log(alone), targets) - GAIN
        for name in LOWER_RUNGS if self.lower == "joined" else ():
            found = below.get(name)
            if found is None or found.rows is not None:
                continue
            together = _cross_joined(
                own, np.asarray(found.evidence.probabilities[rows], np.float64), targets, folds[rows]
            )
            if (cost := loss(np.log(together), targets)) < least:
                best, least = (name, together), cost
        lower = None if best is None else below[best[0]]
        probabilities = None if lower is None else np.asarray(lower.evidence.probabilities[rows], np.float64)
        tuned.joined(fit_join(own, probabilities, targets), None if lower is None else lower.specialist)
        if best is not None:
            join = tuned.tuning.join
            self._found(f"joined with {best[0]} (powers {join.own:.2f} and {join.lower:.2f})")
        judged = tuned.judged(own, None if lower is None else _at(lower.evidence, rows))
        return replace(judged, probabilities=alone if best is None else best[1])

    def _found(self, what: str) -> None:
        if self.found:
            self.found(f"{NAME}: {what}")

    def _asked(self, done: int, total: int) -> None:
        if self.progress:
            self.progress(done, total)

    def _left(self, spent: float, left: float) -> None:
        if self.progress:
            self.progress(round(spent), round(spent + left))


#: settings that change nothing of what is learned
_NO_MATTER = ("progress", "found", "work", "name", "threads", "lower", "use", "slow", "seconds")


def require_licence(base: LocalSlm, use: str) -> str | None:
    """What the base's licence says of what is derived from it, where the catalogue knows; raise ``InputError`` where it
    forbids what is asked."""
    licence = base.known.licence if base.known else "unknown"
    terms = None if licence == "unknown" else listing().terms.get(licence.value.casefold())
    if terms is None:
        return None
    told = {}
    for name, asked in (("derived", True), ("commercial", use == "commercial")):
        condition = getattr(terms, name)
        source = listing().sources[condition.source]
        told[name] = f"{base.name} is under the {terms.name}: {condition.en} ({source.url}, read on {source.seen})"
        if asked and condition.answer == "forbidden":
            hint = f'For research alone: use = "research" in [rungs.{NAME}]. ' if name == "commercial" else ""
            raise InputError(f"{told[name]}. {hint}Or name another model.")
    return told["derived"]


def _cross_joined(own: Floats, lower: Floats | None, targets: Ints, folds: Ints) -> Floats:
    """(n, labels) joined probabilities of each row by weights that its fold had no part in."""
    made = np.zeros_like(own)
    for fold in np.unique(folds):
        held = folds == fold
        rest = ~held if (~held).any() else held
        join = fit_join(own[rest], None if lower is None else lower[rest], targets[rest])
        made[held] = normalised(join(own[held], None if lower is None else lower[held]))
    return made


def _at(evidence: Evidence, rows: Ints) -> Evidence:
    """Some rows of evidence."""
    opinion = None if evidence.second_opinion is None else evidence.second_opinion[rows]
    features = {name: np.asarray(column)[rows] for name, column in evidence.features.items()}
    return Evidence(evidence.labels, evidence.probabilities[rows], features, evidence.outlyingness[rows], opinion)


def _load(folder: Path) -> SlmTuned:
    from sizewise.specialists.ladder import load_specialist

    return SlmTuned.load(folder, load_specialist)


RUNG = Rung(NAME, 50, SlmTunedRecipe, _load)
