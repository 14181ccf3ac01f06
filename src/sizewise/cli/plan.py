"""``decide --dry-run``: what would be done, and about how long it would take on this machine."""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np

from sizewise.core.example import Train
from sizewise.core.model import Planned, Recipe
from sizewise.core.task import Task
from sizewise.data.answers import read_log
from sizewise.data.check import check
from sizewise.data.formats.source import Source
from sizewise.data.split import split
from sizewise.specialists import closed_form
from sizewise.specialists.encoders import BY_LANGUAGE, choose, open_encoder
from sizewise.specialists.folds import FOLDS, folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ladder import is_upper, recipes
from sizewise.specialists.majority import MajorityRecipe
from sizewise.specialists.ngrams import NGrams
from sizewise.stages.climbing import within
from sizewise.verdict.wording import reason

PROBED_ROWS = 800
PROBED_TEXTS = 64
#: of the features that heads are fitted on
DIMENSIONS = {"keywords": (512, 768), "encoder": (512, 1_500)}


def plan(task: Task, paths: Sequence[Source]) -> str:
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
    left = task.climbing_seconds
    for recipe in recipes(task):
        if is_upper(recipe.name) and left is not None:
            seconds, line = _upper(recipe, task, train, left)
            left, total = left - seconds, total + seconds
            lines.append(line)
            continue
        if isinstance(recipe, Planned):
            seconds, how = recipe.plan(train)
            total += seconds
            lines.append(f"{recipe.name:<11} about {seconds:.0f} s: {how}")
            continue
        seconds = _expected(recipe.name, task, train, texts)
        total += seconds
        how = "once a fold in closed form" if _closed(recipe.name, train) else f"{FOLDS + 1} times"
        lines.append(f"{recipe.name:<11} about {seconds:.0f} s, fitted {how}")
        if recipe.name == "encoder":
            choice = choose(_named(task), train.inputs)
            lines += [f"encoder     {reference}" for reference in choice.references]
            lines += [f"note        {reason(c.code, **c.parameters).text}" for c in choice.circumstances]
    if task.climbing_seconds is not None:
        lines.append(f"budget      {task.climbing_seconds / 60:g} min for the rungs above encoder together (--minutes)")
    lines.append(f"in all      about {total:.0f} s on this machine; nothing leaves it, and no run was written")
    return "\n".join(lines)


def _upper(recipe: Recipe, task: Task, train: Train, left: float) -> tuple[float, str]:
    """Seconds of a rung that keeps to a budget of which ``left`` seconds are left, and its line."""
    timed = within(recipe, left)
    if not isinstance(timed, Planned):
        if not hasattr(timed, "seconds"):
            return 0.0, f"{recipe.name:<11} would be passed over: it cannot say how long it takes"
        return left, f"{recipe.name:<11} at most {left:.0f} s"
    seconds, how = timed.plan(train)
    if seconds > left:
        return 0.0, f"{recipe.name:<11} would be passed over: about {seconds:.0f} s, and {left:.0f} s are left: {how}"
    asked = "" if recipe.name in task.rungs else "; fitted only if the rungs below leave enough to gain"
    return seconds, f"{recipe.name:<11} about {seconds:.0f} s: {how}{asked}"


def _named(task: Task) -> str:
    return str(task.rung_settings.get("encoder", {}).get("encoder", BY_LANGUAGE))


def _closed(name: str, train: Train) -> bool:
    return any(closed_form.called_for(len(train), len(train.labels), size) for size in DIMENSIONS.get(name, ()))


def _expected(name: str, task: Task, train: Train, texts: int) -> float:
    """Seconds for one rung: timed on at most 800 train rows and scaled by rows; encoding timed on 64 texts."""
    part = train.subset(range(0, len(train), max(1, len(train) // PROBED_ROWS)))
    scale = len(train) / len(part)
    started = time.perf_counter()
    if name == "majority":
        MajorityRecipe().validate(part, folds(part, task.seed), {})
        return (time.perf_counter() - started) * scale
    if _closed(name, train):
        NGrams.fit(part.inputs, part.groups).matrix(part.inputs)
        heads = (time.perf_counter() - started) * scale
        heads += sum(_products(len(train), len(train.labels), size) for size in DIMENSIONS[name]) / _products_a_second()
    else:  # the heads of ``encoder`` take about as long as those of ``keywords``
        KeywordsRecipe(seed=task.seed).validate(part, folds(part, task.seed), {})
        heads = (time.perf_counter() - started) * scale
    return heads + (_encoding(task, part, texts) if name == "encoder" else 0.0)


def _encoding(task: Task, part: Train, texts: int) -> float:
    """Seconds until every text has its vectors, from every encoder that is tried."""
    seconds = 0.0
    for reference in choose(_named(task), part.inputs).references:
        encoder = open_encoder(reference)
        started = time.perf_counter()
        encoder.encode(part.inputs[:PROBED_TEXTS])
        seconds += (time.perf_counter() - started) / min(PROBED_TEXTS, len(part)) * texts
    return seconds


def _products(rows: int, labels: int, size: int) -> float:
    """Multiplications of one head in closed form: sums and scores over rows, and a solution for each fold."""
    return rows * size * (size + 2 * labels) + (FOLDS + 1) * size * size * (size + labels)


def _products_a_second() -> float:
    """What this machine does in single precision, less than half of it being reached in practice."""
    one, other = np.ones((2_048, 1_024), dtype=np.float32), np.ones((1_024, 1_024), dtype=np.float32)
    started = time.perf_counter()
    one @ other
    return 0.4 * one.size * other.shape[1] / (time.perf_counter() - started)
