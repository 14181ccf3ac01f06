"""Russian intents; test rows whose input occurs in train, case ignored, are removed.

Twice an encoder: with calibrate carved from train, as `decide` fits it, and with every train row (a specialist's
accuracy needs no calibrate rows).
"""

from __future__ import annotations

import sys
import tempfile
from dataclasses import replace
from pathlib import Path

from shared_data import result, rows, write

from sizewise.core.example import Train
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import Splits, split
from sizewise.evaluate.intervals import share
from sizewise.models.catalogue import DEFAULT_ENCODER
from sizewise.specialists.encoder import EncoderRecipe


def main(encoders: list[str]) -> None:
    everything = rows("ru_intents")
    train = {row["input"].casefold() for row in everything if row["split"] == "train"}
    kept = [row for row in everything if row["split"] == "train" or row["input"].casefold() not in train]
    carved, whole = _split(kept), _split([*kept, *_stand_in(kept)])
    for encoder in encoders:
        _measure(encoder, "calibrate carved from train", carved.train, carved)
        _measure(encoder, "every train row", whole.train, carved)


def _measure(encoder: str, how: str, train: Train, splits: Splits) -> None:
    specialist = replace(EncoderRecipe(), encoder=encoder).fit(train)
    said = [a.value for a in specialist.cached().answer([e.input for e in splits.test.examples])]
    measured = share(sum(a == e.gold for a, e in zip(said, splits.test.examples, strict=True)), len(said))
    assert measured is not None
    result(f"ru_intents, {encoder}, {how}", train=len(train), accuracy=measured.value, low=measured.low,
           high=measured.high, n=measured.n)  # fmt: skip


def _split(log: list[dict[str, str]]) -> Splits:
    with tempfile.TemporaryDirectory() as folder:
        return split(check(read([write(Path(folder) / "russian.jsonl", log)])), "gold")


def _stand_in(kept: list[dict[str, str]]) -> list[dict[str, str]]:
    """A calibrate split that nothing reads, so that none is carved."""
    return [row | {"split": "calibrate", "id": f"stand-in-{i}"} for i, row in enumerate(kept[:50])]


if __name__ == "__main__":
    main(sys.argv[1:] or [DEFAULT_ENCODER])
