"""The rung `encoder-tuned` on the banking log, as `decide` fits it: accuracy, certified coverage, time, latency, rounding.

``encoder_tuned.py WHAT ... [--seed N] [--work FOLDER]``; WHAT is ``gold``, ``llm`` (the LLM's answers are learned, and gold
beside them as a second opinion), ``alone`` (the LLM's answers and nothing else), ``flipped`` (gold, 10 % of train's labels
made wrong) or ``rounding`` (one byte a weight against full precision, on what ``gold`` trained). What was trained is kept in the work folder and not trained again.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from shared_data import path, result, rows

from sizewise.cascade.cascade import chosen_labels, equal
from sizewise.core.example import Train
from sizewise.core.task import Bar, Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import Splits, split
from sizewise.evaluate.intervals import share
from sizewise.models.catalogue import prefix
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.folds import folds
from sizewise.specialists.ladder import recipes
from sizewise.specialists.train.encoder_parts import Parts
from sizewise.specialists.train.tuned_graph import mean_weights, unrounded
from sizewise.stages.calibration import Calibrated, calibrate, excess_on_train, judge
from sizewise.stages.contest import CHECKPOINTS, Contestant, contest
from sizewise.stages.listener import Silence

LOG = "banking77_llm_log"
RUNGS = ("keywords", "encoder-tuned")
TIMED = 300


class Said(Silence):
    """What the contest finds, on the terminal."""

    def found(self, message: str) -> None:
        result("found", message=message)


def main() -> None:
    """Measure what was asked for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("what", nargs="+", choices=["gold", "llm", "alone", "flipped", "rounding"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--work", type=Path)
    asked = parser.parse_args()
    work = asked.work or Path(tempfile.mkdtemp(prefix="sizewise-benchmark-"))
    for what in asked.what:
        if what == "rounding":
            _rounding(asked.seed, work / f"gold-{asked.seed}")
            continue
        reference: Literal["gold", "llm"] = "llm" if what in ("llm", "alone") else "gold"
        checked = check(read([path(LOG)]))
        splits = split(checked, reference, seed=asked.seed)
        if what == "flipped":
            splits = replace(splits, train=_flipped(splits.train, 0.1, asked.seed))
        if what == "alone":
            splits = replace(splits, train=replace(splits.train, others=()))
        tuned = _fitted(what, splits, asked.seed, work / f"{what}-{asked.seed}")
        seen = excess_on_train(tuned, splits.train, checked.examples)
        bar = Bar(target=0.97 if reference == "llm" else None)
        _on_test(what, calibrate(tuned, splits.calibrate, reference, bar, asked.seed, seen), splits, reference)


def _fitted(what: str, splits: Splits, seed: int, work: Path) -> Contestant:
    started = time.perf_counter()
    rungs = contest(recipes(Task(name="benchmark", rungs=RUNGS, seed=seed)), splits.train, seed, work, Said())
    tuned = rungs[-1]
    result(
        "fitted", of=what, seed=seed, rows=len(splits.train), fit_seconds=round(tuned.fit_seconds, 1),
        contest_seconds=round(time.perf_counter() - started, 1), out_of_fold=round(float(tuned.right.mean()), 4),
        p50_ms=tuned.profile.latency.p50.value, p95_ms=tuned.profile.latency.p95.value, n=tuned.profile.latency.p50.n,
        peak_memory_mib=round(tuned.profile.peak_memory_mb.value, 1), artifact_mib=round(tuned.artifact_mb, 1),
    )  # fmt: skip
    return tuned


def _on_test(what: str, here: Calibrated, splits: Splits, reference: Literal["gold", "llm"]) -> None:
    tuned = here.contestant
    test = judge(tuned, splits.test.examples, reference)
    said = chosen_labels(tuned.specialist.evidence([e.input for e in splits.test.examples]))
    told = {
        "accuracy": share(int(equal(said, [e.gold for e in splits.test.examples]).sum()), len(said)),
        "agreement": share(int(equal(said, [e.answer for e in splits.test.examples]).sum()), len(said)),
    }
    figures = {name: None if m is None else (round(m.value, 4), m.low, m.high) for name, m in told.items()}
    if here.threshold is not None:
        answered = test.confidence >= here.threshold
        figures |= {"coverage": float(answered.mean()), "risk": float((answered & test.wrong).mean())}  # type: ignore[dict-item]
    result("on test", of=what, n=len(splits.test), **figures)


def _flipped(train: Train, part: float, seed: int) -> Train:
    """Train with so many of its labels replaced by others, at random."""
    random = np.random.default_rng(seed)
    wrong = random.random(len(train)) < part
    others = [[label for label in train.labels if label != target] for target in train.targets]
    targets = tuple(str(random.choice(o)) if w else t for o, w, t in zip(others, wrong, train.targets, strict=True))
    return replace(train, targets=targets)


def _rounding(seed: int, work: Path) -> None:
    """One byte a weight against full precision: same answers on test, and time to encode one text, taken in turns."""
    splits = split(check(read([path(LOG)])), "gold", seed=seed)
    tuned = contest(recipes(Task(name="benchmark", rungs=RUNGS, seed=seed)), splits.train, seed, work, Silence())[-1]
    specialist = tuned.specialist
    assert isinstance(specialist, EncoderSpecialist)
    (recipe,) = (r for r in recipes(Task(name="benchmark", rungs=RUNGS, seed=seed)) if r.name == "encoder-tuned")
    parts = Parts(recipe, splits.train, folds(splits.train, seed), work / CHECKPOINTS / "encoder-tuned")  # type: ignore[arg-type]
    plan = parts.plan()
    weights = mean_weights([part.weights for part in parts._all([(n, recipe.way) for n in range(parts.count)], plan)])  # type: ignore[attr-defined]
    full = unrounded(parts.base, parts.graph, weights, prefix(parts.base.files.reference))
    whole = replace(specialist, encoder=full)
    texts = [e.input for e in splits.test.examples]
    one, other = (model.evidence(texts).probabilities.argmax(axis=1) for model in (specialist, whole))
    taken: dict[str, list[float]] = {"bytes": [], "full": []}
    encoders = {"bytes": specialist.encoder, "full": full}
    for number, row in enumerate(rows(LOG)[:TIMED]):
        for name in sorted(encoders, reverse=bool(number % 2)):
            started = time.perf_counter()
            encoders[name].encode([row["input"]])
            taken[name].append((time.perf_counter() - started) * 1_000)
    ratio = np.array(taken["full"][20:]) / np.array(taken["bytes"][20:])
    same = share(int((one == other).sum()), len(texts))
    result(
        "rounding", seed=seed, same_answers=None if same is None else (same.value, same.low, same.high), n=len(texts),
        bytes_ms=float(np.median(taken["bytes"][20:])), full_ms=float(np.median(taken["full"][20:])),
        faster=[round(float(q), 3) for q in np.quantile(ratio, [0.25, 0.5, 0.75])], timed=len(ratio),
    )  # fmt: skip


if __name__ == "__main__":
    main()
