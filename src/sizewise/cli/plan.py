"""``decide --dry-run``: what would be done, and about how long it would take on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from sizewise.core.example import Train
from sizewise.core.task import Task
from sizewise.data.answers import read_log
from sizewise.data.check import check
from sizewise.data.split import split
from sizewise.specialists.encoders import BY_LANGUAGE, choose, open_encoder
from sizewise.specialists.folds import FOLDS, folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ladder import recipes
from sizewise.specialists.majority import MajorityRecipe

PROBED_ROWS = 800
PROBED_TEXTS = 64


def plan(task: Task, paths: Sequence[Path]) -> str:
    """The plan as text. The data is read for real; each rung is timed on a small part of it."""
    started = time.perf_counter()
    log = read_log(task, paths)
    checked = check(log, task.labels, task.strict_labels)
    splits = split(checked, task.reference, task.labels, task.seed)
    reading = time.perf_counter() - started
    train, texts = splits.train, len(log.examples)
    lines = [
        f"task        {task.name}, reference {splits.reference}, {len(splits.labels)} labels",
        f"rows        {texts:,}: train {len(train):,}, calibrate {len(splits.calibrate):,}, test {len(splits.test):,}"
        f" (split by {splits.division.how})",
        f"read, check about {reading:.0f} s",
    ]
    total = reading
    for recipe in recipes(task):
        seconds = _expected(recipe.name, task, train, texts)
        total += seconds
        lines.append(f"{recipe.name:<11} about {seconds:.0f} s, fitted {FOLDS + 1} times")
    lines.append(f"in all      about {total:.0f} s on this machine; nothing leaves it, nothing was written")
    return "\n".join(lines)


def _expected(name: str, task: Task, train: Train, texts: int) -> float:
    """Seconds for one rung: timed on at most 800 train rows and scaled by rows; encoding timed on 64 texts.

    The heads of ``encoder`` take about as long as those of ``keywords``, which is what is timed for both.
    """
    part = train.subset(range(0, len(train), max(1, len(train) // PROBED_ROWS)))
    encoding = 0.0
    started = time.perf_counter()
    if name == "majority":
        MajorityRecipe().validate(part, folds(part, task.seed), {})
    else:
        KeywordsRecipe(seed=task.seed).validate(part, folds(part, task.seed), {})
    heads = (time.perf_counter() - started) * len(train) / len(part)
    if name == "encoder":
        reference = task.rung_settings.get(name, {}).get("encoder", BY_LANGUAGE)
        encoder = open_encoder(choose(reference, train.inputs).references[0])
        started = time.perf_counter()
        encoder.encode(part.inputs[:PROBED_TEXTS])
        encoding = (time.perf_counter() - started) / min(PROBED_TEXTS, len(part)) * texts
    return heads + encoding
