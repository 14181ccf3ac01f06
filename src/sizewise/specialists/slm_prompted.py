"""A local SLM with instructions and examples in its prompt; it can say nothing but a label.

A label's probability is the walk's (``prompted.label_tree``), corrected for what the model says too readily: divided by
what it gives the label on average over unlabelled train rows (batch calibration, Zhou et al. 2023) and multiplied by
the label's share of train. Seconds an answer instead of milliseconds: it is judged on stated samples.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.errors import SizewiseError, TaskError
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance
from sizewise.core.model import Evidence, Fitted, Rung
from sizewise.core.wording import Wording
from sizewise.data.personal import masked
from sizewise.models.local_slm import DEFAULT_SLM, local_slm
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.specialists.opinions import most_probable
from sizewise.specialists.prompted.asking import Asking
from sizewise.specialists.prompted.examples import central_examples
from sizewise.specialists.prompted.prompt import layout
from sizewise.specialists.sentence_vectors import Progress
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
NAME = "slm-prompted"
PARTS = 3  # a sample of train, of calibrate and of test
TIMED_ROWS, FEWEST_ROWS = 8, 30
PRIOR_ROWS = 5.0  # as if so many rows more had been seen, every label alike
MOST_CHARACTERS = 6_000  # of all examples together
BYTES_A_TOKEN = 2.5


@dataclass(frozen=True, slots=True)
class Prompting:
    """All that makes up the prompt and the engine: what is saved. ``examples`` are (input, label)."""

    model: str
    sha256: str
    labels: tuple[str, ...]
    wording: Wording
    examples: tuple[tuple[str, str], ...]
    input_tokens: int
    context: int
    rows: int


@dataclass(frozen=True, slots=True)
class SlmPromptedRecipe:
    """``examples`` of each label stand in the prompt; at most ``rows`` of each split are asked, in about ``seconds``."""

    model: str = DEFAULT_SLM
    examples: int = 1
    rows: int = 200
    seconds: float = 900.0
    input_tokens: int = 256
    threads: int = 0
    seed: int = 0
    instructions: str | None = None
    progress: Progress | None = None
    found: Callable[[str], None] | None = None
    name: str = NAME

    def fit(self, examples: Train) -> SlmPrompted:
        """Choose the prompt on ``examples``, and learn what the model says too readily from a sample of them."""
        return self._fitted(examples)[0]

    def validate(self, examples: Train, folds: Ints, below: Mapping[str, Fitted]) -> Fitted:  # noqa: ARG002
        """Evidence for a sample of rows, none of which, nor a near-duplicate of which, stands in the prompt."""
        started = time.perf_counter()
        specialist, rows, raw, fit_seconds = self._fitted(examples)
        parts, shares = folds[rows], _shares(examples)
        probabilities = np.zeros_like(raw)
        for fold in np.unique(parts):
            held = parts == fold
            probabilities[held] = corrected(raw[held], correction(raw[~held], shares))
        evidence = specialist.judged(probabilities)
        told = [Circumstance("sampled", {"rung": NAME, "rows": len(rows)})]
        if specialist.prompting.examples:
            told.append(Circumstance("prompt_holds_examples", {"rung": NAME, "n": len(specialist.prompting.examples)}))
        logits = np.log(np.maximum(probabilities, 1e-9)).astype(np.float32)[None]
        return Fitted(
            specialist,
            evidence,
            logits,
            fit_seconds,
            time.perf_counter() - started,
            circumstances=tuple(told),
            rows=rows,
        )

    def plan(self, train: Train) -> tuple[float, str]:
        """Seconds of asking in all, timed on a few rows, and how many rows of what would be asked."""
        chosen = central_examples(train, self.examples, MOST_CHARACTERS)
        order = np.random.default_rng(self.seed).permutation(len(train))
        with SlmPrompted(self._prompting(train, chosen), threads=self.threads) as asked:
            pace, rows = self._paced(asked, train, order)
            return PARTS * pace * len(rows), self._planned(asked, pace, len(rows), len(train))

    def _fitted(self, examples: Train) -> tuple[SlmPrompted, Ints, Floats, float]:
        """The specialist, the sampled rows, their (rows, labels) raw probabilities, and the seconds without the sample."""
        if len(examples.labels) < 2:
            raise TaskError(f"{NAME} needs at least two labels.")
        started = time.perf_counter()
        chosen = central_examples(examples, self.examples, MOST_CHARACTERS)
        prompting = self._prompting(examples, chosen)
        shown = {examples.groups[row] for row in chosen}
        free = [row for row in range(len(examples)) if examples.groups[row] not in shown] or list(range(len(examples)))
        order = np.random.default_rng(self.seed).permutation(np.array(free, dtype=np.int64))
        with SlmPrompted(prompting, threads=self.threads) as asked:
            prepared = time.perf_counter() - started
            rows = self._affordable(asked, examples, order)
            raw = asked.raw([examples.inputs[row] for row in rows], self._told)
        prompting = replace(prompting, rows=len(rows))
        return SlmPrompted(prompting, correction(raw, _shares(examples)), self.threads), rows, raw, prepared

    def _affordable(self, asked: SlmPrompted, examples: Train, order: Ints) -> Ints:
        """So many rows of ``order`` that three samples of them take about ``seconds``; the plan is told first."""
        pace, rows = self._paced(asked, examples, order)
        if self.found:
            self.found(f"{NAME}: {self._planned(asked, pace, len(rows), len(examples))}")
        return np.sort(rows)

    def _paced(self, asked: SlmPrompted, examples: Train, order: Ints) -> tuple[float, Ints]:
        """Seconds an answer, and the first rows of ``order`` that can be afforded."""
        wanted = order[: self.rows]
        timed = [examples.inputs[row] for row in wanted[: 2 * TIMED_ROWS]]
        asked.raw(timed[:TIMED_ROWS])  # the engine reads the prompt once
        started = time.perf_counter()
        asked.raw(timed[TIMED_ROWS:] or timed)
        pace = (time.perf_counter() - started) / len(timed[TIMED_ROWS:] or timed)
        return pace, wanted[: max(FEWEST_ROWS, int(self.seconds / (PARTS * pace)))]

    def _planned(self, asked: SlmPrompted, pace: float, rows: int, of: int) -> str:
        about = asked.asking()
        return (
            f"{about.engine.name} with a prompt of {about.prefix_tokens:,} tokens, {len(asked.prompting.examples)} examples "
            f"in it, takes {pace:.2f} s an answer; asked are {rows:,} rows of train (of {of:,}) and at most as many of "
            f"calibrate and of test: at most {PARTS * pace * rows / 60:.1f} min"
        )

    def _told(self, done: int, total: int) -> None:
        if self.progress:
            self.progress(done, total)

    def _prompting(self, examples: Train, chosen: Sequence[int]) -> Prompting:
        model = local_slm(self.model)
        covered = {examples.targets[row] for row in chosen}
        wording = Wording(listed=covered != set(examples.labels))
        if self.instructions:
            wording = replace(wording, instructions=self.instructions, listed=True)
        shown = tuple((masked(examples.inputs[row]), examples.targets[row]) for row in chosen)
        size = sum(len(f"{text}{label}".encode()) + 40 for text, label in shown)
        size += sum(len(label.encode()) + 4 for label in examples.labels) + len(wording.instructions.encode()) + 100
        context = -(-(int(size / BYTES_A_TOKEN) + self.input_tokens + 96) // 256) * 256
        return Prompting(
            self.model, model.sha256, examples.labels, wording, shown, self.input_tokens, context, self.rows
        )


class SlmPrompted:
    """The prompt and its engine, which is opened when it is first asked and closed with this. Safe from several threads."""

    name = NAME

    def __init__(self, prompting: Prompting, shift: Floats | None = None, threads: int = 0) -> None:
        self.prompting = prompting
        #: (labels,) added to the logarithms of the raw probabilities
        self.shift = np.zeros(len(prompting.labels)) if shift is None else shift
        self._threads, self._lock = threads, threading.Lock()
        self._asking: Asking | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        return self.prompting.labels

    @property
    def most_rows(self) -> int:
        """How many rows of a split it can be asked in the time that it was given."""
        return self.prompting.rows

    def asking(self, wording: Wording | None = None) -> Asking:
        """The prompt in ``wording`` (else its own), ready to be asked; the engine is opened if need be."""
        with self._lock:
            if self._asking is None or not self._asking.engine.alive:
                model = local_slm(self.prompting.model, self.prompting.sha256)
                settings = EngineSettings(self.prompting.context, threads=self._threads, exact=True)
                engine = Engine(model, settings)
                try:
                    self._asking = self._asked(engine, self.prompting.wording)
                except BaseException:
                    engine.close()
                    raise
            return self._asking if wording is None else self._asked(self._asking.engine, wording)

    def _asked(self, engine: Engine, wording: Wording) -> Asking:
        made = layout(engine.format, wording, self.labels, self.prompting.examples)
        return Asking(engine, made, self.prompting.input_tokens)

    def raw(self, inputs: Sequence[str], progress: Progress | None = None, wording: Wording | None = None) -> Floats:
        """(n, labels) probabilities as the model gives them. Raises what failed first."""
        rows = self.asking(wording).probabilities(inputs, progress) if inputs else []
        failed = next((row for row in rows if isinstance(row, SizewiseError)), None)
        if failed is not None:
            raise failed
        return np.array(rows, dtype=np.float64).reshape(len(inputs), len(self.labels))

    def judged(self, probabilities: Floats) -> Evidence:
        """Evidence from (n, labels) corrected probabilities."""
        return Evidence(self.labels, probabilities, {}, np.zeros(len(probabilities)))

    def evidence(self, inputs: Sequence[str], wording: Wording | None = None) -> Evidence:
        """The corrected probabilities, asked in ``wording`` (else its own). Raises ``EngineError`` where that fails."""
        return self.judged(corrected(self.raw(inputs, wording=wording), self.shift))

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input; what fails is an answer with ``error``."""
        rows = self.asking().probabilities(inputs) if inputs else []
        answers = []
        for row in rows:
            if isinstance(row, SizewiseError):
                answers.append(Answer(None, error=str(row)))
            else:
                answers += most_probable(self.judged(corrected(row[None], self.shift)))
        return answers

    def save(self, folder: Path) -> None:
        """Write the prompt and the correction; the model itself stays where its reference says."""
        about = self.prompting
        save_json(folder / "labels.json", list(self.labels))
        save_json(
            folder / "prompt.json",
            {
                "model": about.model, "sha256": about.sha256, "wording": _fields(about.wording),
                "examples": [list(example) for example in about.examples], "input_tokens": about.input_tokens,
                "context": about.context, "rows": about.rows,
            },
        )  # fmt: skip
        save_arrays(folder / "correction.safetensors", {"shift": self.shift})

    @classmethod
    def load(cls, folder: Path) -> SlmPrompted:
        """Read what ``save`` wrote."""
        about: dict[str, Any] = load_json(folder / "prompt.json")
        prompting = Prompting(
            **about | {
                "labels": tuple(load_json(folder / "labels.json")),
                "wording": Wording(**about["wording"]),
                "examples": tuple((str(text), str(label)) for text, label in about["examples"]),
            }
        )  # fmt: skip
        return cls(prompting, load_arrays(folder / "correction.safetensors")["shift"])

    def close(self) -> None:
        """End the engine and free its memory; it is opened again when it is asked again."""
        with self._lock:
            if self._asking is not None:
                self._asking.engine.close()
            self._asking = None

    def __enter__(self) -> SlmPrompted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _fields(wording: Wording) -> dict[str, Any]:
    return {name: getattr(wording, name) for name in wording.__dataclass_fields__}


def _shares(examples: Train) -> Floats:
    """Each label's share of train, as if every label stood there once more."""
    place = {label: i for i, label in enumerate(examples.labels)}
    counts = np.bincount([place[t] for t in examples.targets], minlength=len(place)) + 1.0
    return np.asarray(counts / counts.sum())


def correction(raw: Floats, shares: Floats) -> Floats:
    """(labels,) what is to be added to logarithms so that labels come about as often as in train."""
    mean = (raw.sum(axis=0) + PRIOR_ROWS * shares) / (len(raw) + PRIOR_ROWS)
    return np.asarray(np.log(shares) - np.log(mean))


def corrected(raw: Floats, shift: Floats) -> Floats:
    """(n, labels) probabilities after the correction; rows sum to one."""
    scores = np.log(np.maximum(raw, 1e-12)) + shift
    scores = np.exp(scores - scores.max(axis=1, keepdims=True, initial=-np.inf))
    return np.asarray(scores / scores.sum(axis=1, keepdims=True))


RUNG = Rung("slm-prompted", 40, SlmPromptedRecipe, SlmPrompted.load)
