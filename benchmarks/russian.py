"""Russian intents; test rows whose input occurs in train, case ignored, are removed."""

from __future__ import annotations

import tempfile
from pathlib import Path

from fitted import fitted
from shared_data import result, rows, write

from sizewise.cascade.cascade import chosen_labels
from sizewise.evaluate.intervals import share


def main() -> None:
    everything = rows("ru_intents")
    train = {row["input"].casefold() for row in everything if row["split"] == "train"}
    kept = [row for row in everything if row["split"] == "train" or row["input"].casefold() not in train]
    with tempfile.TemporaryDirectory() as folder:
        rung, splits = fitted(write(Path(folder) / "russian.jsonl", kept), "gold")
        said = chosen_labels(rung.specialist.evidence([e.input for e in splits.test.examples]))
        right = sum(a == e.gold for a, e in zip(said, splits.test.examples, strict=True))
        measured = share(right, len(said))
        assert measured is not None
        result("ru_intents, default encoder, calibrate carved from train", train=len(splits.train), accuracy=measured.value,
               low=measured.low, high=measured.high, n=measured.n)  # fmt: skip


if __name__ == "__main__":
    main()
