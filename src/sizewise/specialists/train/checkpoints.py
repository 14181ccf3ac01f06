"""Checkpoints of a training: one file of arrays with its JSON, replaced whole, so that a kill leaves the last or the next.

A checkpoint belongs to what is trained: data, settings and base together make a fingerprint, and one of another
fingerprint, or a damaged one, is as good as none.
"""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from sizewise.core.example import Train
from sizewise.store.disk import explained, write_whole

NAME = "training.safetensors"
EVERY = 60.0  # seconds


@dataclass(frozen=True, slots=True)
class State:
    """All that going on needs: ``arrays`` by name, and ``about``, whatever JSON can hold."""

    arrays: Mapping[str, NDArray[Any]]
    about: Mapping[str, Any]


@dataclass(slots=True)
class Checkpoints:
    """Keeps one state in ``folder`` (``None``: keeps nothing), written at most once in ``every`` seconds."""

    folder: Path | None
    fingerprint: str
    every: float = EVERY
    _last: float = field(default_factory=time.monotonic)

    def due(self) -> bool:
        """Whether it is time to keep a state again."""
        return self.folder is not None and time.monotonic() - self._last >= self.every

    def save(self, state: State) -> None:
        """Keep ``state`` in the place of the one before. Raises ``LimitReached`` where the disk is full."""
        if self.folder is None:
            return
        with explained(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        said = json.dumps({"fingerprint": self.fingerprint, "about": dict(state.about)})
        arrays = {name: np.ascontiguousarray(array) for name, array in state.arrays.items()}
        write_whole(self.folder / NAME, save(arrays, {"state": said}))
        self._last = time.monotonic()

    def kept(self, state: Callable[[], State]) -> None:
        """Keep what ``state`` gives, if it is time to."""
        if self.due():
            self.save(state())

    def load(self) -> State | None:
        """The state that was kept for the same fingerprint; ``None`` where there is none that can be read."""
        if self.folder is None or not (self.folder / NAME).exists():
            return None
        try:
            with safe_open(self.folder / NAME, "numpy") as file:
                told = json.loads((file.metadata() or {})["state"])
                if told["fingerprint"] != self.fingerprint:
                    return None
                return State({name: file.get_tensor(name) for name in file.keys()}, told["about"])  # noqa: SIM118
        except (OSError, SafetensorError, ValueError, LookupError, TypeError):
            return None

    def drop(self) -> None:
        """Forget what was kept: what it was for is done."""
        if self.folder is not None:
            (self.folder / NAME).unlink(missing_ok=True)


def fingerprint(train: Train, **settings: Any) -> str:
    """What is trained, as a hash: every row with its target, and the settings (JSON, or whatever has a ``repr``).

    >>> rows = Train(("1",), ("text",), ("a",), (0,), ("a", "b"))
    >>> fingerprint(rows, rate=0.1) == fingerprint(rows, rate=0.1), fingerprint(rows, rate=0.1) == fingerprint(rows, rate=0.2)
    (True, False)
    """
    said = [train.inputs, train.targets, train.labels, train.others, [dict(s) if s else None for s in train.soft],
            train.rationales, train.written, settings]  # fmt: skip
    return hashlib.sha256(json.dumps(said, sort_keys=True, default=repr).encode("utf-8", "replace")).hexdigest()
