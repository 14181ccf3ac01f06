"""A process that tunes a tiny encoder and may be killed: ``python killed_tuning.py FOLDER STOP_AFTER``.

It keeps its state after every step. At step STOP_AFTER of the first part it kills itself as nobody can prevent; without a
stop it writes what it found to FOLDER/found.safetensors.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import sizewise.specialists.train.checkpoints as checkpoints
from sizewise.core.example import Train
from sizewise.specialists.encoder_tuned import EncoderTunedRecipe
from sizewise.specialists.folds import folds
from sizewise.store.arrays import save_arrays

LABELS = ("refund", "delivery")
TEXTS = ("give the money back for order", "where is the parcel of order")


def examples(rows: int = 60) -> Train:
    inputs = tuple(f"{TEXTS[i % 2]} {i % 7} {i % 11}" for i in range(rows))
    return Train(
        tuple(map(str, range(rows))), inputs, tuple(LABELS[i % 2] for i in range(rows)), tuple(range(rows)), LABELS
    )


def main(folder: Path, stop: int) -> None:
    checkpoints.EVERY = 0.0
    checkpoints.Checkpoints.due = lambda self: self.folder is not None  # type: ignore[method-assign]
    done = 0

    def told(_: int, __: int) -> None:
        nonlocal done
        done += 1
        if done == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    train = examples()
    recipe = EncoderTunedRecipe(
        encoder=f"file:{folder / 'base'}", epochs=3, parts=2, batch=8, rate=1e-3, progress=told, work=folder / "work"
    )
    fitted = recipe.validate(train, folds(train, 0), {})
    save_arrays(folder / "found.safetensors", {"probabilities": fitted.specialist.evidence(train.inputs).probabilities,
                                               "out_of_fold": fitted.evidence.probabilities})  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
