"""Russian intents by encoder; test rows whose input occurs in train, case ignored, are removed."""

from __future__ import annotations

import sys
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from shared_data import result, rows, write

from sizewise.cascade.cascade import chosen_labels
from sizewise.core.task import Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import Splits, split
from sizewise.evaluate.intervals import share
from sizewise.models.catalogue import DEFAULT_ENCODER, MULTILINGUAL_ENCODER
from sizewise.specialists.folds import folds
from sizewise.specialists.ladder import recipes

ENCODERS = {"default": DEFAULT_ENCODER, "multilingual": MULTILINGUAL_ENCODER}


def kept() -> list[dict[str, Any]]:
    """The rows, without the test rows that occur in train."""
    everything = rows("ru_intents")
    train = {row["input"].casefold() for row in everything if row["split"] == "train"}
    return [row for row in everything if row["split"] == "train" or row["input"].casefold() not in train]


def splits_of(items: list[dict[str, Any]]) -> Splits:
    with tempfile.TemporaryDirectory() as folder:
        return split(check(read([write(Path(folder) / "russian.jsonl", items)])), "gold", seed=0)


def measured(name: str, how: str, splits: Splits) -> None:
    task = Task(name="benchmark", rungs=("encoder",), rung_settings={"encoder": {"encoder": ENCODERS[name]}})
    (recipe,) = recipes(task)
    fitted = recipe.validate(splits.train, folds(splits.train, 0), {})
    position = {label: i for i, label in enumerate(splits.train.labels)}
    numbers = [position[t] for t in splits.train.targets]
    right = share(int((fitted.evidence.probabilities.argmax(axis=1) == numbers).sum()), len(numbers))
    examples = [*splits.calibrate.examples, *splits.test.examples] if how == "all of train" else splits.test.examples
    said = chosen_labels(fitted.specialist.evidence([e.input for e in examples]))
    tested = share(sum(a == e.gold for a, e in zip(said, examples, strict=True)), len(said))
    assert right is not None
    assert tested is not None
    result(
        f"ru_intents, encoder {name}, {how}", train=len(splits.train), out_of_fold=asdict(right), accuracy=asdict(tested),
        fit_seconds=round(fitted.fit_seconds, 1),
    )  # fmt: skip


def main(wanted: list[str]) -> None:
    items = kept()
    carved = splits_of(items)
    # No row is carved from train where some rows are given as calibrate: these are test rows, which no fit sees.
    given = iter(range(10**9))
    whole = splits_of([r | {"split": "calibrate"} if r["split"] == "test" and next(given) < 500 else r for r in items])
    for name in wanted:
        measured(name, "calibrate carved from train", carved)
        measured(name, "all of train", whole)


if __name__ == "__main__":
    main(sys.argv[1:] or list(ENCODERS))
