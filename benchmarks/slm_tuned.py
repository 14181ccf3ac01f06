"""The tuned local SLM on the banking log. ``python benchmarks/slm_tuned.py PART [--work FOLDER] [--reference gold|llm]``.

Parts: ``accuracy`` (fit beside keywords and encoder, calibrate carved out with seed 0, then test: accuracy with and without
what is joined, certified coverage under the LLM's answers, same answers by torch and llama.cpp; resumed from ``--work``),
``speed`` (tokens a second of training against the plain transformers + peft loop, same batches), ``adapters`` (memory of
three adapters on one base, and what switching between them costs).
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from shared_data import path, result

from sizewise.cascade.cascade import chosen_labels, equal
from sizewise.core.example import Test
from sizewise.core.task import Bar, Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import Splits, split
from sizewise.evaluate.intervals import share
from sizewise.models.local_slm import local_slm
from sizewise.profile import peak_memory_mb
from sizewise.specialists.ladder import recipes
from sizewise.specialists.slm_tuned import SlmTunedRecipe
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
    random, train = np.random.default_rng(0), splits.train
    targets = list(train.targets)
    for row in random.choice(len(targets), round(flipped * len(targets)), replace=False):
        targets[row] = str(random.choice([label for label in train.labels if label != targets[row]]))
    return replace(splits, train=replace(train, targets=tuple(targets)))


def accuracy(work: Path, reference: str, flipped: float, settings: dict[str, Any], lower: str, rows: int) -> None:
    splits = banking(reference, flipped)
    if rows:  # a random sample of test
        chosen = np.sort(np.random.default_rng(0).permutation(len(splits.test))[:rows])
        splits = replace(splits, test=Test(tuple(splits.test.examples[row] for row in chosen)))
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
        correct = share(int(right.sum()), len(right))
        result(
            f"slm-tuned, {reference}{f', {flipped:.0%} flipped' if flipped else ''}, {name}", n=len(right),
            accuracy=correct.value, interval=[correct.low, correct.high],
            agreement=float(agree.mean()), fit_seconds=round(rung.fit_seconds), contest_seconds=round(spent),
        )  # fmt: skip
    profile = rung.profile
    result("profile", p50=profile.latency.p50.value, p95=profile.latency.p95.value, memory=profile.peak_memory_mb.value)
    if reference == "llm":
        here = calibrate(rung, splits.calibrate, "llm", Bar(target=0.97), 0)
        test = judge(rung, splits.test.examples, "llm")
        covered = 0.0 if here.threshold is None else float((test.confidence >= here.threshold).mean())
        wrong = 0.0 if here.threshold is None else float(((test.confidence >= here.threshold) & test.wrong).mean())
        result("certified coverage, reference llm", coverage=covered, risk=wrong, n=len(inputs))
    specialist.close()


def speed(batches: int, threads: int) -> None:
    """Tokens a second, each way on the same rows one after the other, so that what else the machine does falls on all."""
    import torch

    from sizewise.specialists.train.decoder.learner import Learner
    from sizewise.specialists.train.decoder.lesson import Lesson

    torch.set_num_threads(threads)
    train = banking("gold").train
    rows = np.arange(32 * (batches + 1))
    learners: dict[str, Learner] = {}
    for reading in ("tree", "head"):
        recipe = SlmTunedRecipe(reading=reading, threads=threads)
        lesson = Lesson.of(recipe, local_slm(), train)
        learners[reading] = lesson.learner(recipe)
    plain = Plain(learners["tree"], threads)
    chosen = learners["tree"]._batches(rows, 0)
    steps: dict[str, Any] = {name: (one, one._optimiser()) for name, one in learners.items()}
    spent: dict[str, list[float]] = {name: [] for name in ("plain", *learners)}
    for number, batch in enumerate(chosen):
        for name in spent:
            started = time.perf_counter()
            if name == "plain":
                plain.learn(batch)
            else:
                steps[name][0]._learned(batch, steps[name][1], 0.1)
            if number:  # the first is for warming up
                spent[name].append(time.perf_counter() - started)
    told = {
        name: sum(len(learners["tree" if name == "plain" else name].end.tokens(learners["tree"].material, row))
                  for batch in chosen[1:] for row in batch) for name in spent
    }  # fmt: skip
    pace = {name: told[name] / sum(spent[name]) for name in spent}
    ratios = [p / t for p, t in zip(spent["plain"], spent["tree"], strict=True)]
    result(
        "LoRA training, tokens a second", threads=threads, batches=len(ratios), **{k: round(v) for k, v in pace.items()},
        tree_against_plain=round(pace["tree"] / pace["plain"], 2), by_batch=[round(min(ratios), 2), round(max(ratios), 2)],
        rows_a_second={name: round(sum(map(len, chosen[1:])) / sum(spent[name]), 1) for name in spent},
    )  # fmt: skip


class Plain:
    """The usual loop: transformers loads the GGUF, peft puts the adapters on, the loss is over the whole vocabulary."""

    def __init__(self, like: Any, threads: int) -> None:
        import torch
        from peft import LoraConfig, get_peft_model
        from transformers import AutoModelForCausalLM

        found = local_slm().path
        base = AutoModelForCausalLM.from_pretrained(found.parent, gguf_file=found.name, dtype=torch.bfloat16)
        linear = ["q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"]
        self.model = get_peft_model(base, LoraConfig(r=16, lora_alpha=16, target_modules=linear))
        self.model.train()
        self.like, self.threads = like, threads
        self.optimiser = torch.optim.AdamW([p for p in self.model.parameters() if p.requires_grad], lr=1e-4)

    def learn(self, batch: Any) -> None:
        """One step on the rows of ``batch``: prompt and label, the loss on the label alone."""
        import torch

        from sizewise.specialists.train.batches import padded

        material, end = self.like.material, self.like.end
        tokens = [[*material.prompts[row], *end.labels[int(material.targets[row])]] for row in batch]
        table, mask = padded(tokens)
        labels = table.copy()
        for i, row in enumerate(batch):
            labels[i, : len(material.prompts[row])] = -100
        labels[mask == 0] = -100
        ids, seen, wanted = (torch.from_numpy(a) for a in (table, mask, labels))
        self.optimiser.zero_grad()
        self.model(input_ids=ids, attention_mask=seen, labels=wanted).loss.backward()
        self.optimiser.step()


def adapters(requests: int, threads: int) -> None:
    """Memory of the engine with one adapter and with three, and an answer's time with and without a change of adapter."""
    from sizewise.slm.engine import Engine, EngineSettings
    from sizewise.specialists.train.decoder.adapter import write_adapter
    from sizewise.specialists.train.decoder.weights import open_weights

    model = local_slm()
    weights, random = open_weights(model), np.random.default_rng(0)
    folder = Path(tempfile.mkdtemp(prefix="sizewise-benchmark-"))
    paths = []
    for number in range(3):
        arrays = {}
        for name, shape in weights.shapes().items():
            if len(shape) == 2:
                plain = name.removesuffix(".weight")
                arrays |= {
                    f"{plain}.a": random.normal(0, 0.02, (16, shape[1])),
                    f"{plain}.b": random.normal(0, 0.02, (shape[0], 16)),
                }
        paths.append(folder / f"{number}.gguf")
        write_adapter(paths[-1], arrays, 16.0, weights.facts.architecture, model.sha256)
    memory: dict[int, float] = {}
    for count in (1, 3):
        with Engine(model, EngineSettings(320, threads=threads, exact=True, adapters=tuple(paths[:count]))) as engine:
            prompt, among = engine.tokens("My card has not arrived yet, where is it?\n"), list(range(2_000, 2_077))
            for i in range(60):
                engine.shares([*prompt, 500 + i], among, i % count, anew=True)
            memory[count] = peak_memory_mb(Path(f"/proc/{engine.process_id}/status"))
            if count == 1:
                continue
            spent: dict[str, list[float]] = {"same": [], "changed": []}
            for i in range(requests):
                for kind in ("same", "changed"):
                    before = 0 if kind == "same" else 1 + i % 2
                    engine.shares([*prompt, 900 + i], among, before, anew=True)
                    started = time.perf_counter()
                    engine.shares([*prompt, 900 + i], among, 0, anew=True)
                    spent[kind].append((time.perf_counter() - started) * 1_000)
    p50 = {kind: statistics.median(times) for kind, times in spent.items()}
    result(
        "three adapters on one base", memory_one=round(memory[1]), memory_three=round(memory[3]),
        more=round(memory[3] / memory[1] - 1, 4), adapter_mb=round(paths[0].stat().st_size / 1e6, 1), n=requests,
        p50_same=round(p50["same"], 1), p50_changed=round(p50["changed"], 1), switching=round(p50["changed"] - p50["same"], 1),
    )  # fmt: skip


def options() -> argparse.Namespace:
    told = argparse.ArgumentParser(description=__doc__)
    told.add_argument("part", choices=["accuracy", "speed", "adapters"])
    told.add_argument("--work", type=Path)
    told.add_argument("--reference", default="gold", choices=["gold", "llm"])
    told.add_argument("--batches", type=int, default=8, help="steps of training that are timed, or requests")
    told.add_argument("--rows", type=int, default=0, help="of test, at random; 0: all of them")
    told.add_argument("--threads", type=int, default=1)
    told.add_argument("--flipped", type=float, default=0.0)
    told.add_argument("--lower", default="keywords,encoder")
    told.add_argument("--set", action="append", default=[], metavar="NAME=VALUE", help="a setting of the rung")
    return told.parse_args()


def main() -> None:
    told = options()
    work = told.work or Path(tempfile.mkdtemp(prefix="sizewise-benchmark-"))
    if told.part != "accuracy":
        {"speed": speed, "adapters": adapters}[told.part](told.batches, told.threads)
        return
    settings = {name: json.loads(value) for name, _, value in (item.partition("=") for item in told.set)}
    accuracy(work, told.reference, told.flipped, settings, told.lower, told.rows)


if __name__ == "__main__":
    main()
