"""The test rows of a run as it answered them, read back."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sizewise.core.errors import RunError
from sizewise.core.record import Prediction


def read_predictions(run: Path) -> list[Prediction]:
    """Every row of ``predictions.jsonl``. Raises ``RunError`` where the file is missing or damaged."""
    path = run / "predictions.jsonl"
    decoder = msgspec.json.Decoder(Prediction)
    try:
        return [decoder.decode(line) for line in path.read_bytes().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise RunError(f"{path} is missing or damaged ({error}). Make the run again with --force.") from error
