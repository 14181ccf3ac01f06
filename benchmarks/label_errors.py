"""Ten per cent of banking77's gold in train flipped: how many of the flips are among the tenth most suspected.

Flips are uniform (any other label) or confusions (a label that the rung on the clean rows takes for probable, out of
fold). Only train is used. `--scores` compares ways to rank the rows; the shipped one is `given against the best other`.
"""

from __future__ import annotations

import statistics
import sys
import time
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from cleanlab.rank import get_label_quality_scores
from numpy.typing import NDArray
from shared_data import path, result

from sizewise.core.example import Train
from sizewise.core.task import Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import split
from sizewise.specialists.folds import folds
from sizewise.specialists.ladder import recipes
from sizewise.stages.audit import doubts, suspects, wrong_share

SEEDS = range(3)
SHARE = 0.10
Floats = NDArray[Any]


def positions(train: Train) -> NDArray[np.int64]:
    place = {label: i for i, label in enumerate(train.labels)}
    return np.array([place[target] for target in train.targets])


def out_of_fold(train: Train, seed: int) -> dict[str, Floats]:
    numbers, fitted = folds(train, seed), {}
    for recipe in recipes(Task(name="benchmark", rungs=("keywords", "encoder"), seed=seed)):
        fitted[recipe.name] = recipe.validate(train, numbers, fitted)
    return {name: one.evidence.probabilities for name, one in fitted.items()}


def flipped(train: Train, kind: str, clean: Floats, seed: int) -> tuple[Train, NDArray[np.int64]]:
    random = np.random.default_rng(seed)
    labels, count = positions(train), len(train.labels)
    rows = random.choice(len(train), round(SHARE * len(train)), replace=False)
    for row in rows:
        chances = np.full(count, 1.0) if kind == "uniform" else clean[row].astype(float)
        chances[labels[row]] = 0.0
        labels[row] = random.choice(count, p=chances / chances.sum())
    return replace(train, targets=tuple(train.labels[i] for i in labels), others=()), rows


def scores(train: Train, probabilities: dict[str, Floats]) -> dict[str, Floats]:
    """Ways to rank the rows, the most doubtful lowest, for each rung and for their mean."""
    given = positions(train)
    both = {**probabilities, "mean of both": sum(probabilities.values()) / len(probabilities)}
    found = {}
    for name, table in both.items():
        for method in ("self_confidence", "normalized_margin", "confidence_weighted_entropy"):
            for adjusted in (False, True):
                if adjusted and method == "confidence_weighted_entropy":
                    continue
                found[f"{name}, {method}{', adjusted' if adjusted else ''}"] = get_label_quality_scores(
                    given, np.asarray(table, dtype=float), method=method, adjust_pred_probs=adjusted
                )
        found[f"{name}, given against the best other"] = doubts(given, table)[0]
    return found


def run(kind: Literal["uniform", "confusion"], compared: bool) -> None:
    train = split(check(read([path("banking77_llm_log")])), "gold").train
    clean = out_of_fold(train, 0)["encoder"] if kind == "confusion" else np.zeros((0, 0))
    shares: dict[str, list[float]] = {}
    for seed in SEEDS:
        noisy, rows = flipped(train, kind, clean, seed)
        probabilities = out_of_fold(noisy, seed)
        given, table = positions(noisy), probabilities["encoder"]
        started = time.perf_counter()
        suspected, score = suspects(given, table), doubts(given, table)[0]
        seconds = time.perf_counter() - started
        found = np.isin(rows, np.argsort(score, kind="stable")[: len(rows)])
        wrong = wrong_share(given, table, seed)
        result(
            f"flips, {kind}", seed=seed, rows=len(noisy), flipped=len(rows), found=round(float(found.mean()), 4),
            suspected=len(suspected), of_these_flipped=round(float(np.isin(suspected, rows).mean()), 4),
            estimated_wrong=[round(v or 0, 4) for v in (wrong.value, wrong.low, wrong.high)] if wrong else None, audit_seconds=round(seconds, 2),
        )  # fmt: skip
        shares.setdefault("shipped", []).append(float(found.mean()))
        for name, ranks in scores(noisy, probabilities).items() if compared else ():
            worst = np.argsort(ranks, kind="stable")[: len(rows)]
            shares.setdefault(name, []).append(float(np.isin(rows, worst).mean()))
    for name, values in sorted(shares.items(), key=lambda item: -statistics.mean(item[1])):
        result(
            f"found among the top tenth, {kind}",
            by=name,
            mean=round(statistics.mean(values), 4),
            values=[round(v, 4) for v in values],
        )


if __name__ == "__main__":
    for wanted in ("uniform", "confusion"):
        run("uniform" if wanted == "uniform" else "confusion", "--scores" in sys.argv)
