"""The local SLM: speed with a shared prefix, exactness, memory, accuracy. ``python benchmarks/slm.py [PART ...] [--rows N]``.

Parts: ``prefix`` (labels of several tokens behind a shared prefix of about 700 tokens, with and without its cache, and
against llama.cpp's own loop with one-token answers on the same prompts), ``exact`` (200 mixed requests against an engine
that remembers nothing), ``memory``, ``banking77`` (accuracy on a sample of test, and how far it hangs on the prompt's
wording, on ``--probed`` rows of it; DATA/banking77_llm_log.jsonl.gz).
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from shared_data import result

from sizewise.cascade.cascade import chosen_labels
from sizewise.core.example import Train
from sizewise.core.measurement import Measured
from sizewise.core.wording import Wording
from sizewise.evaluate.intervals import share
from sizewise.evaluate.probes.wordings import rewordings
from sizewise.models.local_slm import local_slm
from sizewise.profile import peak_memory_mb
from sizewise.slm.engine import Engine, EngineSettings
from sizewise.specialists.prompted.asking import Asking
from sizewise.specialists.prompted.prompt import layout
from sizewise.specialists.slm_prompted import SlmPromptedRecipe
from sizewise.stages.probing import Sample, judged

LABELS = (
    "card has not arrived yet", "money transfer is delayed", "refund did not show up", "login code is rejected",
    "fee was charged twice", "balance is not updated", "pin code was forgotten", "cash machine kept the card",
)  # fmt: skip
OPENINGS = ("Hello,", "Please help:", "Since Monday", "I wonder why", "Today", "Again")
SUBJECTS = ("my card", "the transfer to my landlord", "a refund from the shop", "the code", "this fee", "my balance")
ENDINGS = ("is not there.", "does not work!", "has been wrong for days", "was never explained to me", "is missing?")
#: a prompt that has nothing in common with any other, not even its first token
FORGET = (9, 9, 9)
BARE = """
import json, sys, time
import xllamacpp
told = json.loads(sys.stdin.read())
params = xllamacpp.CommonParams()
params.model.path, params.n_ctx, params.swa_full, params.cache_ram_mib = told["path"], 4096, True, 0
params.cpuparams.n_threads = params.cpuparams_batch.n_threads = told["threads"]
params.verbosity = -1
server = xllamacpp.Server(params)
ask = lambda tokens: server.handle_completions({"prompt": tokens, "max_tokens": 1, "temperature": 0})
ask(told["prompts"][0])
started = time.perf_counter()
for tokens in told["prompts"][1:]:
    ask(tokens)
print(json.dumps((len(told["prompts"]) - 1) / (time.perf_counter() - started)))
"""


def message(number: int) -> str:
    draw = random.Random(number)
    return (
        f"{draw.choice(OPENINGS)} {draw.choice(SUBJECTS)} {draw.choice(ENDINGS)} My number is {number * 7919 % 10_000}."
    )


def prompt_of(engine: Engine, examples: int, labels: tuple[str, ...] = LABELS, **wording: str) -> Asking:
    shown = [(message(10_000 + i), labels[i % len(labels)]) for i in range(examples)]
    return Asking(engine, layout(engine.format, Wording(**wording), labels, shown), 128)


@contextmanager
def opened(threads: int) -> Iterator[Engine]:
    with Engine(local_slm(), EngineSettings(4_096, threads=threads, exact=True)) as engine:
        yield engine


def without_cache(engine: Engine) -> None:
    """Let the engine read every prompt from its beginning."""
    plain = engine._body
    engine._body = lambda *given: plain(*given) | {"cache_prompt": False}  # type: ignore[method-assign]


def rate(asking: Asking, texts: list[str]) -> float:
    started = time.perf_counter()
    assert all(isinstance(row, np.ndarray) for row in asking.probabilities(texts))
    return len(texts) / (time.perf_counter() - started)


def prefix(rows: int) -> None:
    texts = [message(i) for i in range(rows)]
    with opened(0) as engine:
        threads, asking = engine.threads, prompt_of(engine, 22)
        tokens = [len(t) for t in (engine.tokens(label, start=False) for label in LABELS)]
        asking.probabilities(texts[-1:])
        prompts = [asking.row_tokens(text) for text in [*texts[-1:], *texts]]
    ours, bare, cold = [], [], []
    for _ in range(3):  # one after the other, so that what else the machine does falls on both
        with opened(threads) as engine:
            asking = prompt_of(engine, 22)
            asking.probabilities(texts[-1:])
            ours.append(rate(asking, texts))
        told = json.dumps({"path": str(local_slm().path), "threads": threads, "prompts": prompts})
        done = subprocess.run([sys.executable, "-c", BARE], input=told, capture_output=True, text=True, check=True)
        bare.append(json.loads(done.stdout))
        with opened(threads) as engine:
            asking = prompt_of(engine, 22)
            without_cache(engine)
            cold.append(rate(asking, texts[:3]))
    print(
        f"prefix {asking.prefix_tokens} tokens, {len(LABELS)} labels of {min(tokens)}–{max(tokens)} tokens, {threads} threads"
    )
    print(f"slm-prompted {ours} rows/s; without the prefix cache {cold}; bare one-token loop {bare}")
    print(
        f"against no cache {np.median(ours) / np.median(cold):.1f} x; against the bare loop {np.median(ours) / np.median(bare):.2f} x"
    )


def exact(count: int) -> None:
    """Every request by an engine that is asked them all, by one that forgets before each, and some by a new process each."""
    sets = [LABELS, LABELS[:3], ("yes", "no"), ("refund", "refund of a fee", "transfer", "top up")]
    draw = random.Random(0)
    requests = [(draw.randrange(len(sets)), draw.randrange(4), message(i)) for i in range(count)]
    found: list[list[np.ndarray]] = []
    for remembers in (True, False):
        with opened(0) as engine:
            asks = {(s, n): prompt_of(engine, n, sets[s]) for s in range(len(sets)) for n in range(4)}
            answers = []
            for labels, examples, text in requests:
                if not remembers:
                    engine.complete(FORGET, 1)
                (row,) = asks[labels, examples].probabilities([text])
                assert isinstance(row, np.ndarray)
                answers.append(row)
            found.append(answers)
    apart = np.array([np.abs(a - b).max() for a, b in zip(*found, strict=True)])
    print(
        f"{count} mixed requests: largest difference {apart.max():.6f}, within 0.01: {(apart <= 0.01).sum()} of {count}"
    )
    fresh = []
    for place in range(0, count, max(1, count // 10)):
        labels, examples, text = requests[place]
        with opened(0) as engine:
            (row,) = prompt_of(engine, examples, sets[labels]).probabilities([text])
            assert isinstance(row, np.ndarray)
            fresh.append(np.abs(row - found[0][place]).max())
    print(f"of them {len(fresh)} by a process that was started for each: largest difference {max(fresh):.6f}")


def memory() -> None:
    with opened(0) as engine:
        prompt_of(engine, 22).probabilities([message(i) for i in range(20)])
        child = peak_memory_mb(Path(f"/proc/{engine.process_id}/status"))
    print(
        f"peak memory: engine {child:.0f} MiB, this process {peak_memory_mb():.0f} MiB, together {child + peak_memory_mb():.0f} MiB"
    )


def banking77(rows: int, probed: int, data: Path) -> None:
    """Fitted on train as ``decide`` does it, asked on ``rows`` of test; the first ``probed`` of them in other words."""
    with gzip.open(data / "banking77_llm_log.jsonl.gz", "rt") as file:
        read = [json.loads(line) for line in file]
    train = [r for r in read if r["split"] == "train" and r.get("gold")]
    labels = tuple(sorted({r["gold"] for r in train}))
    examples = Train(
        tuple(str(i) for i in range(len(train))), tuple(r["input"] for r in train), tuple(r["gold"] for r in train),
        tuple(range(len(train))), labels,
    )  # fmt: skip
    test = random.Random(0).sample([r for r in read if r["split"] == "test"], rows)
    started = time.perf_counter()

    def told(what: str, **figures: object) -> None:
        result("slm-prompted on banking77: " + what, seconds=round(time.perf_counter() - started), **figures)

    with SlmPromptedRecipe(seconds=1e9, found=print).fit(examples) as specialist:
        told("fitted on a sample of train", rows=specialist.most_rows)
        inputs = [r["input"] for r in test]
        before = list(chosen_labels(specialist.evidence(inputs)))
        right = share(sum(a == r["gold"] for a, r in zip(before, test, strict=True)), rows)
        told("accuracy on a sample of test", accuracy=shown(right))
        sample = Sample(tuple(inputs[:probed]), tuple(r["gold"] for r in test[:probed]))
        reworded = {}
        for name, wording in rewordings(specialist.prompting.wording).items():
            reworded[name] = list(chosen_labels(specialist.evidence(sample.inputs, wording)))
            found = judged("slm-prompted", "prompted", sample, before[:probed], ({}, {}), reworded)
            last = found.wordings[-1]
            told(f"asked otherwise ({name})", changed=shown(last.changed), accuracy=shown(last.accuracy))
    told(
        "wording sensitivity", rows=probed, rewordings=len(reworded), changed_on_average=shown(found.changed_by_wording),
        changed_at_least_once=shown(found.changed_by_any_wording), spread_of_accuracy=shown(found.accuracy_spread),
        accuracy_of_these=shown(found.accuracy),
    )  # fmt: skip


def shown(measured: Measured | None) -> str:
    """In per cent, with the interval."""
    if measured is None or measured.low is None or measured.high is None:
        return str(measured)
    return f"{measured.value:.1%} ({measured.low:.1%}–{measured.high:.1%}, n = {measured.n})"


if __name__ == "__main__":
    given = argparse.ArgumentParser()
    given.add_argument("parts", nargs="*", default=["prefix", "exact", "memory", "banking77"])
    given.add_argument("--rows", type=int, default=0)
    given.add_argument("--probed", type=int, default=100)
    given.add_argument("--data", type=Path, default=Path("../shared/data"))
    options = given.parse_args()
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} CPUs")
    for part in options.parts:
        if part == "prefix":
            prefix(options.rows or 40)
        elif part == "exact":
            exact(options.rows or 200)
        elif part == "memory":
            memory()
        else:
            banking77(options.rows or 500, options.probed, options.data)
