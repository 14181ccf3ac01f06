"""The tuned local SLM on the banking log. ``python benchmarks/slm_tuned.py PART [--work FOLDER] [--reference gold|llm]``.

Parts: ``accuracy`` (fit beside keywords and encoder, calibrate carved out with seed 0, then test: accuracy with and without
what is joined, certified coverage under the LLM's answers, same answers by torch and llama.cpp; resumed from ``--work``),
``speed`` (tokens a second of training against the plain transformers + peft loop, same batches), ``adapters`` (memory of
three adapters on one base, and what switching between them costs).
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import path, result

from sizewise.cascade.cascade import chosen_labels, equal
from sizewise.core.task import Bar, Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import Splits, split
from sizewise.evaluate.intervals import share
from sizewise.specialists.ladder import recipes
from sizewise.specialists.tuned.specialist import SlmTuned
from sizewise.stages.calibration import calibrate, judge
from sizewise.stages.contest import contest
from sizewise.stages.listener import Listener, Silence


class Aloud(Silence):
    """Prints what is found, with the time."""

    def found(self, message: str) -> None:
        print(f"{time.strftime('%H:%M:%S')} {message}", flush=True)


def banking(reference: str, flipped: float = 0.0) -> Splits:
    """The log's splits, calibrate carved out; a share of train's targets turned into other labels."""
    splits = split(check(read([path("banking77_llm_log")])), "gold" if reference == "gold" else "llm", seed=0)
    if not flipped:
        return splits
    from dataclasses import replace

    random, train = np.random.default_rng(0), splits.train
    targets = list(train.targets)
    for row in random.choice(len(targets), round(flipped * len(targets)), replace=False):
        targets[row] = str(random.choice([label for label in train.labels if label != targets[row]]))
    return replace(splits, train=replace(train, targets=tuple(targets)))


def accuracy(work: Path, reference: str, flipped: float, settings: dict[str, Any], lower: str) -> None:
    splits = banking(reference, flipped)
    rungs = (*(name for name in lower.split(",") if name), "slm-tuned")
    task = Task(name="benchmark", rungs=rungs, seed=0, rung_settings={"slm-tuned": settings})
    listener: Listener = Aloud()
    last_said = [0.0]

    def told(name: str, done: int, total: int) -> None:
        if time.monotonic() - last_said[0] > 60:
            last_said[0] = time.monotonic()
            print(f"{time.strftime('%H:%M:%S')} {name} {done} of {total}", flush=True)

    started = time.perf_counter()
    work.mkdir(parents=True, exist_ok=True)
    rung = contest(recipes(task, told, listener.found), splits.train, 0, work, listener)[-1]
    spent = time.perf_counter() - started
    specialist = rung.specialist
    assert isinstance(specialist, SlmTuned)
    inputs = [e.input for e in splits.test.examples]
    own = specialist.own(inputs, lambda done, total: told("test", done, total))
    lowered = None if specialist.lower is None else specialist.lower.evidence(inputs)
    judged = specialist.judged(own, lowered)
    gold = [e.gold for e in splits.test.examples]
    said = {"joined": chosen_labels(judged), "alone": [specialist.labels[i] for i in own.argmax(axis=1)]}
    for name, answers in said.items():
        right = equal(answers, gold)
        agree = equal(answers, [e.answer for e in splits.test.examples])
        result(
            f"slm-tuned, {reference}{f', {flipped:.0%} flipped' if flipped else ''}, {name}", n=len(right),
            accuracy=share(int(right.sum()), len(right)).value, interval=[share(int(right.sum()), len(right)).low, share(int(right.sum()), len(right)).high],
            agreement=float(agree.mean()), fit_seconds=round(rung.fit_seconds), contest_seconds=round(spent),
        )  # fmt: skip
    profile = rung.profile
    result("profile", p50=profile.latency.p50.value, p95=profile.latency.p95.value, memory=profile.peak_memory_mb.value)
    known = {e.input: evidence for e, evidence in zip(splits.test.examples, range(len(inputs)), strict=True)}
    assert known
    if reference == "llm":
        here = calibrate(rung, splits.calibrate, "llm", Bar(target=0.97), 0)
        test = judge(rung, splits.test.examples, "llm")
        covered = 0.0 if here.threshold is None else float((test.confidence >= here.threshold).mean())
        wrong = 0.0 if here.threshold is None else float(((test.confidence >= here.threshold) & test.wrong).mean())
        result("certified coverage, reference llm", coverage=covered, risk=wrong, n=len(inputs))
    specialist.close()


def options() -> argparse.Namespace:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("part", choices=["accuracy", "speed", "adapters"])
    told.add_argument("--work", type=Path)
    told.add_argument("--reference", default="gold", choices=["gold", "llm"])
    told.add_argument("--flipped", type=float, default=0.0)
    told.add_argument("--lower", default="keywords,encoder")
    told.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the rung")
    return told.parse_args()


def main() -> None:
    told = options()
    work = told.work or Path(tempfile.mkdtemp(prefix="sizewise-benchmark-"))
    settings = {name: json.loads(value) for name, _, value in (item.partition("=") for item in told.set)}
    accuracy(work, told.reference, told.flipped, settings, told.lower)


if __name__ == "__main__":
    main()
