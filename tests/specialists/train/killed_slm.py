"""A process that tunes a tiny local model and may be killed: ``python killed_slm.py FOLDER STOP_AFTER``.

It keeps its state after every step. At step STOP_AFTER it kills itself as nobody can prevent; without a stop it saves the
specialist to FOLDER/specialist.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from tiny_models import lesson  # type: ignore[import-not-found]

import sizewise.specialists.train.checkpoints as checkpoints
from sizewise.specialists.slm_tuned import SlmTunedRecipe


def main(folder: Path, stop: int) -> None:
    checkpoints.Checkpoints.due = lambda self: self.folder is not None  # type: ignore[method-assign]
    done = 0

    def told(_: int, __: int) -> None:
        nonlocal done
        done += 1
        if done == stop:
            os.kill(os.getpid(), signal.SIGKILL)

    recipe = SlmTunedRecipe(
        model=f"file:{folder / 'chatml.gguf'}", epochs=3, rate=1e-2, batch=8, input_tokens=64, taught_tokens=48, threads=1,
        progress=told, work=folder / "work",
    )  # fmt: skip
    specialist = recipe.fit(lesson())
    (folder / "specialist").mkdir()
    specialist.save(folder / "specialist")
    specialist.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
