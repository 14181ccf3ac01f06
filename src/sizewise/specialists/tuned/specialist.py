"""A local SLM with an adapter, fitted: it answers from the base that all such specialists in the process share."""

from __future__ import annotations

import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.answer import Answer
from sizewise.core.errors import ContextOverflow, EngineError, ModelReferenceError, RunError, SizewiseError
from sizewise.core.model import Evidence, Specialist
from sizewise.models.local_slm import local_slm
from sizewise.models.reference import file_sha256
from sizewise.slm.calls import answered
from sizewise.slm.pool import Seat, pool
from sizewise.specialists.opinions import agreement, most_probable
from sizewise.specialists.sentence_vectors import Progress
from sizewise.specialists.tuned.asking import Prompts
from sizewise.specialists.tuned.join import Join, logarithms, normalised
from sizewise.specialists.tuned.reading import Head, Tree
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json
from sizewise.store.disk import copy_whole

Floats = NDArray[np.float64]
NAME = "slm-tuned"
ADAPTER, LOWER = "adapter.gguf", "lower"


@dataclass(frozen=True, slots=True)
class Tuning:
    """What answering needs beside the adapter: the base by reference and hash, and how an answer is read."""

    model: str
    sha256: str
    adapter_sha256: str
    labels: tuple[str, ...]
    reading: Head | Tree
    input_tokens: int
    context: int
    join: Join = field(default_factory=Join)


class SlmTuned:
    """Its engine is opened when it is first asked; closing it gives its seat back. Safe from several threads."""

    name = NAME
    exports = ("gguf",)

    def __init__(self, tuning: Tuning, adapter: Path, lower: Specialist | None = None, threads: int = 0) -> None:
        self.tuning, self.adapter, self.lower = tuning, adapter, lower
        self._threads, self._lock = threads, threading.Lock()
        self._seat: Seat | None = None
        self._prompts: tuple[Any, Prompts] | None = None

    @property
    def labels(self) -> tuple[str, ...]:
        return self.tuning.labels

    def seat(self) -> Seat:
        """Its place on the base, which is looked up and checked by its hash when it is first asked for."""
        with self._lock:
            if self._seat is None:
                model = local_slm(self.tuning.model, self.tuning.sha256)
                require_base(model.sha256, self.adapter)
                self._seat = pool().join(model, self.adapter, self.tuning.context, self._threads)
                weakref.finalize(self, self._seat.leave)  # whoever forgets to close it
            return self._seat

    def prompts(self) -> Prompts:
        """Texts as prompts, by the engine that is open now."""
        engine = self.seat().engine()
        if self._prompts is None or self._prompts[0] is not engine:
            self._prompts = engine, Prompts(engine, self.tuning.input_tokens)
        return self._prompts[1]

    def own(self, inputs: Sequence[str], progress: Progress | None = None) -> Floats:
        """(n, labels) the SLM's own probabilities, the lower rung left out. Raises what failed first."""
        rows = self._rows(inputs, progress)
        if failed := next((row for row in rows if isinstance(row, SizewiseError)), None):
            raise failed
        return np.array(rows, dtype=np.float64).reshape(len(inputs), len(self.labels))

    def _rows(self, inputs: Sequence[str], progress: Progress | None = None) -> list[Floats | SizewiseError]:
        """Each input's (labels,) probabilities, in order; what fails is its error. An interrupt is passed on at once."""
        found: dict[int, Floats | SizewiseError] = {}
        for done, (place, row) in enumerate(answered(self._one, inputs, 1, self._unheard), 1):
            found[place] = row
            if progress:
                progress(done, len(inputs))
        return [found[place] for place in range(len(inputs))]

    def _one(self, text: str) -> Floats | SizewiseError:
        try:
            seat = self.seat()
            prompt = self.prompts()(text)
            return np.asarray(normalised(self.tuning.reading.scores(prompt, seat.shares)[None])[0])
        except (EngineError, ContextOverflow) as error:
            return error

    def _unheard(self) -> None:
        """End the request that runs, if it was the person who stopped all: the engine is others' too."""
        if isinstance(sys.exception(), KeyboardInterrupt) and self._seat is not None:
            self._seat.base.interrupt()

    def joined(self, join: Join, lower: Specialist | None) -> None:
        """Join ``lower`` from now on, or nothing, by ``join``."""
        self.tuning, self.lower = replace(self.tuning, join=join), lower

    def judged(self, own: Floats, lower: Evidence | None) -> Evidence:
        """Evidence from (n, labels) probabilities of the SLM, and what the lower rung knows."""
        joined = self.tuning.join(own, None if lower is None else np.asarray(lower.probabilities, dtype=np.float64))
        best = joined.argmax(axis=1) if len(joined) else np.zeros(0, dtype=np.int64)
        parts = {"slm": logarithms(own).astype(np.float32)}
        if lower is None:
            return Evidence(self.labels, normalised(joined), agreement(parts, best), np.zeros(len(own)))
        parts["lower"] = logarithms(np.asarray(lower.probabilities, dtype=np.float64)).astype(np.float32)
        features = {**lower.features, **agreement(parts, best)}
        return Evidence(self.labels, normalised(joined), features, lower.outlyingness, lower.second_opinion)

    def evidence(self, inputs: Sequence[str], progress: Progress | None = None) -> Evidence:
        """Joined probabilities, and what both think of the answer. Raises ``EngineError`` where the engine fails."""
        lower = None if self.lower is None else self.lower.evidence(inputs)
        return self.judged(self.own(inputs, progress), lower)

    def answer(self, inputs: Sequence[str]) -> list[Answer]:
        """The most probable label of each input; what fails is an answer with ``error``."""
        rows = self._rows(inputs)
        good = [row for row, one in enumerate(rows) if not isinstance(one, SizewiseError)]
        own = np.array([rows[row] for row in good], dtype=np.float64).reshape(len(good), len(self.labels))
        lower = None if self.lower is None else self.lower.evidence([inputs[row] for row in good])
        said = iter(most_probable(self.judged(own, lower)))
        return [Answer(None, error=str(one)) if isinstance(one, SizewiseError) else next(said) for one in rows]

    def save(self, folder: Path) -> None:
        """Write the adapter, the reading and the lower rung; the base stays where its reference says."""
        about, reading = self.tuning, self.tuning.reading
        said: dict[str, Any] = {
            "model": about.model, "sha256": about.sha256, "adapter_sha256": about.adapter_sha256,
            "input_tokens": about.input_tokens, "context": about.context,
            "join": {"own": about.join.own, "lower": about.join.lower},
            "lower": None if self.lower is None else self.lower.name,
        }  # fmt: skip
        if isinstance(reading, Head):
            said |= {"reading": "head", "words": list(reading.words)}
            save_arrays(folder / "head.safetensors", {"mix": reading.mix, "bias": reading.bias})
        else:
            said |= {"reading": "tree", "label_tokens": [list(label) for label in reading.labels]}
        save_json(folder / "labels.json", list(self.labels))
        save_json(folder / "tuned.json", said)
        copy_whole(self.adapter, folder / ADAPTER)
        if self.lower is not None:
            (folder / LOWER).mkdir(exist_ok=True)
            self.lower.save(folder / LOWER)

    @classmethod
    def load(cls, folder: Path, open_lower: Callable[[str, Path], Specialist] | None = None) -> SlmTuned:
        """Read what ``save`` wrote. Raises ``RunError`` where the adapter is not the one that was saved."""
        about: dict[str, Any] = load_json(folder / "tuned.json")
        adapter = folder / ADAPTER
        if not adapter.is_file() or file_sha256(adapter) != about["adapter_sha256"]:
            raise RunError(f"{adapter} is missing or is not the adapter that was saved. Make the run again.")
        if about["reading"] == "head":
            arrays = load_arrays(folder / "head.safetensors")
            reading: Head | Tree = Head(tuple(about["words"]), arrays["mix"], arrays["bias"])
        else:
            reading = Tree(tuple(tuple(label) for label in about["label_tokens"]))
        tuning = Tuning(
            about["model"], about["sha256"], about["adapter_sha256"], tuple(load_json(folder / "labels.json")), reading,
            about["input_tokens"], about["context"], Join(**about["join"]),
        )  # fmt: skip
        lower = about["lower"]
        if lower is None:
            return cls(tuning, adapter)
        assert open_lower
        return cls(tuning, adapter, open_lower(lower, folder / LOWER))

    def close(self) -> None:
        """Give the seat back; the engine ends with the last one. It is taken again when it is asked again."""
        with self._lock:
            if self._seat is not None:
                self._seat.leave()
            self._seat, self._prompts = None, None

    def __enter__(self) -> SlmTuned:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def require_base(model_sha256: str, adapter: Path) -> None:
    """Raise ``ModelReferenceError`` where an adapter says that it was learned on another base."""
    import gguf

    known = gguf.GGUFReader(adapter).fields.get("sizewise.base.sha256")
    if known is not None and known.contents() != model_sha256:
        raise ModelReferenceError(
            f"{adapter} was learned on another base (SHA-256 {str(known.contents())[:16]}… instead of {model_sha256[:16]}…). "
            "Give it the base that it was learned on, or tune it again."
        )
