"""Encoders tuned part by part, each kept when it is done, and the one that ships: the mean of them.

Parts are tuned beside one another, each on one processor: the result is the same whatever the number of processors.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import LimitReached, ModelReferenceError, RunError
from sizewise.core.example import Train
from sizewise.core.measurement import Circumstance
from sizewise.models.catalogue import prefix
from sizewise.specialists.encoders import choose, open_encoder
from sizewise.specialists.heads import Head, Ints, Singles, probability_of, targets_of
from sizewise.specialists.sentence_vectors import SentenceEncoder
from sizewise.specialists.train.bert import PROBES, SAME, BertGraph
from sizewise.specialists.train.checkpoints import Checkpoints, fingerprint
from sizewise.specialists.train.cores import cores
from sizewise.specialists.train.estimates import Memory, require_memory
from sizewise.specialists.train.lesson import Lesson, set_aside, tokens_of
from sizewise.specialists.train.side_by_side import Tell, side_by_side
from sizewise.specialists.train.tuned_graph import mean_weights, require_same, same_answers, tuned_encoder
from sizewise.specialists.train.tuning import Learner, Schedule, Tuned, by_length, has_half
from sizewise.store.arrays import load_arrays, load_json, save_arrays, save_json

if TYPE_CHECKING:
    from sizewise.specialists.encoder_tuned import EncoderTunedRecipe

#: what may be taught: the weight of the loss by pairs, and whether labels are taught as well
WAYS = {"labels": (0.0, True), "both": (0.3, True), "pairs": (1.0, False)}
TRIED = "tried"
ASIDE, MOST_ASIDE = 0.05, 400  # of a part's training rows, to tell when to stop
CHECKED = 1_000  # rows, on which what is served is held against torch
TIMED = (0.1, 0.3, 0.5, 0.7, 0.9)  # steps that are timed before the start, by how much they read
BESIDE = 1.1  # times the steps: rows are seen at the start, those set aside after each epoch, states are kept
KEPT_A_TOKEN = 40  # numbers of a layer's width that a step keeps for each token and layer, attention included
SEEN_MIB = 1_024  # the most that is kept of what is computed once
FORM = 3  # of what is learned: a part that an older version began is not gone on with


@dataclass(frozen=True, slots=True)
class Plan:
    """What will be done, and about how long it takes."""

    seconds: float
    epochs: int
    wanted: int
    parts: int
    memory_mib: float
    half: bool
    workers: int

    def said(self) -> str:
        fewer = (
            f", of {self.wanted} that were wanted: more do not fit into the time given"
            if self.epochs < self.wanted
            else ""
        )
        at_once = f", {self.workers} at a time" if self.workers > 1 else ""
        return (
            f"tuned {self.parts} times{at_once}, each time on the other parts of train, {self.epochs} epochs{fewer}; "
            f"about {self.seconds / 60:.1f} min and {self.memory_mib:,.0f} MiB, "
            f"{'16' if self.half else '32'} bits in products"
        )


@dataclass(frozen=True, slots=True)
class TunedEncoder:
    """What ships, with its heads, and the out-of-fold (n, labels) scores of each head."""

    encoder: SentenceEncoder
    heads: tuple[Head, ...]
    scores: tuple[Singles, ...]
    circumstances: tuple[Circumstance, ...]


@dataclass(frozen=True, slots=True)
class _Part:
    weights: dict[str, Singles]
    heads: tuple[Head, ...]
    scores: tuple[Singles, ...]


class Parts:
    """The parts of train, and the encoder that is tuned on them. What is done stands in ``work``."""

    def __init__(self, recipe: EncoderTunedRecipe, train: Train, folds: Ints, work: Path) -> None:
        self.recipe, self.train, self.work = recipe, train, work
        reference = recipe.reference(train.inputs)
        self.prefix = prefix(reference)
        base = open_encoder(reference)
        if not isinstance(base, SentenceEncoder):
            raise ModelReferenceError(f"{reference} brings an engine of its own: it cannot be tuned.")
        self.base, self.graph = base, BertGraph.of(base)
        count = min(recipe.parts, int(folds.max()) + 1)
        self.numbers, self.count = np.asarray(folds % count), count
        self.target, self.other = targets_of(train)
        others = None if self.other is None else np.where(self.other.taught, self.other.numbers, -1)
        texts = [self.prefix + text for text in train.inputs]
        self.lesson = Lesson(tokens_of(base.tokenizer, texts), self.target.numbers, self.target.size, others)
        self._building = threading.Lock()

    def tuned(self) -> TunedEncoder:
        """Tune what is not done yet, and put it together."""
        plan = self.plan()
        if self.recipe.found:
            self.recipe.found(f"{self.recipe.name}: {plan.said()}")
        way = self._way(plan)
        parts = self._all([(number, way) for number in range(self.count)], plan)
        weights = mean_weights([part.weights for part in parts])
        heads = tuple(_mean_head([part.heads[place] for part in parts]) for place in range(len(parts[0].heads)))
        encoder = tuned_encoder(self.base, self.graph, weights, self.prefix)
        same, rows = self._compared(encoder, weights, heads[0])
        require_same(same, rows)
        about: dict[str, str | float | int | None] = {
            "parts": self.count,
            "epochs": plan.epochs,
            "way": way,
            "same": same,
            "rows": rows,
        }
        told = (*choose(self.recipe.encoder, self.train.inputs).circumstances, Circumstance("encoder_tuned", about))
        return TunedEncoder(encoder, heads, self._scores(parts), told)

    def _all(self, wanted: Sequence[tuple[int, str]], plan: Plan) -> list[_Part]:
        """The parts by number and way, tuned beside one another where they are not done yet."""
        wanted_open = [one for one in wanted if self._done(*one, plan) is None]
        started, ended = time.perf_counter(), 0

        def told(kind: str, *what: int) -> None:
            nonlocal ended
            if kind == "steps" and self.recipe.progress:
                self.recipe.progress(what[0], what[1] * self.count)
            if kind == "part":
                ended += 1
                rounds = -(-ended // plan.workers), -(-len(wanted_open) // plan.workers)
                left = (time.perf_counter() - started) / rounds[0] * (rounds[1] - rounds[0])
                if self.recipe.found and ended < len(wanted_open):
                    done = len(wanted) - len(wanted_open) + ended
                    self.recipe.found(
                        f"{self.recipe.name}: {done} of {len(wanted)} tuned, about {left / 60:.1f} min left"
                    )

        def task(number: int, way: str, lesson: Lesson) -> Callable[[Tell], None]:
            def work(tell: Tell) -> None:
                self._tune(number, way, plan, lesson, tell)
                tell("part")

            return work

        if wanted_open:
            lesson = self._seen(plan, told)
            side_by_side([task(*one, lesson) for one in wanted_open], plan.workers, told)
        return [part for one in wanted if (part := self._done(*one, plan))]

    def _seen(self, plan: Plan, told: Callable[..., None]) -> Lesson:
        """The lesson with what the layers that are not tuned make of each row, where there is room for that."""
        if self._seen_mib() > SEEN_MIB:
            return self.lesson
        schedule, parts = self._schedule("labels", 1, plan.half), by_length(self.lesson)

        def task(place: int) -> Callable[[Tell], list[tuple[int, Singles, Singles]]]:
            def work(tell: Tell) -> list[tuple[int, Singles, Singles]]:
                learner = self._learner(schedule, self.lesson)
                return learner.seen(self.lesson, parts[place :: plan.workers], lambda: tell("seen"))

            return work

        return self._with(side_by_side([task(place) for place in range(plan.workers)], plan.workers, told))

    def _with(self, found: Iterable[Iterable[tuple[int, Singles, Singles]]]) -> Lesson:
        """The lesson with what was ``found`` of its rows."""
        seen: list[Singles | None] = [None] * len(self.lesson)
        vectors = np.zeros((len(self.lesson), int(self.graph.shape["hidden_size"])), dtype=np.float32)
        for row, values, vector in chain.from_iterable(found):
            seen[row], vectors[row] = values, vector
        return replace(self.lesson, seen=seen, vectors=vectors)

    def _seen_mib(self) -> float:
        return sum(self.lesson.lengths) * int(self.graph.shape["hidden_size"]) * 4 / 2**20

    def plan(self) -> Plan:
        """How often train can be gone over in the time given: decided once, and kept, whatever a resumed run's pace is."""
        half = has_half()
        workers, memory = self._room()
        kept = self.work / "plan.json"
        if kept.exists():
            try:
                return Plan(**load_json(kept))
            except (RunError, TypeError):
                kept.unlink()
        one = self._seconds_an_epoch(half, workers) * (self.count - 1) / self.count
        once = one * -(-self.count // workers)
        if self.recipe.way == TRIED:
            once += one * -(-len(WAYS) // workers)
        fit = int(self.recipe.seconds / once) if self.recipe.seconds else self.recipe.epochs
        epochs = min(self.recipe.epochs, max(1, fit))
        plan = Plan(once * epochs, epochs, self.recipe.epochs, self.count, memory.total, half, workers)
        self.work.mkdir(parents=True, exist_ok=True)
        save_json(kept, asdict(plan))
        return plan

    def _room(self) -> tuple[int, Memory]:
        """How many parts are tuned at a time, and the memory for it. Raises ``LimitReached`` where there is none for one."""
        for workers in range(min(_workers(), self.count), 0, -1):
            memory = self._memory(workers)
            try:
                require_memory(self.recipe.name, memory, f"Set a smaller batch under [rungs.{self.recipe.name}].")
            except LimitReached:
                if workers == 1:
                    raise
                continue
            break
        return workers, memory

    def _memory(self, workers: int) -> Memory:
        numbers = sum(array.size for array in self.graph.weights().values())
        shape = self.graph.shape
        tokens = self.recipe.batch * int(np.quantile(self.lesson.lengths, 0.99))
        kept = workers * tokens * shape["num_hidden_layers"] * shape["hidden_size"] * KEPT_A_TOKEN
        seen = 0 if self._seen_mib() > SEEN_MIB else sum(self.lesson.lengths) * shape["hidden_size"]
        return Memory.of(numbers * (self.count + 1 + workers) + seen, numbers * workers, kept, 4)

    def _seconds_an_epoch(self, half: bool, workers: int) -> float:
        """Seconds in which one of ``workers`` goes over all rows of train once: a few real steps of each, short and long,
        beside one another, and how much all steps have to read."""
        schedule, rows = self._schedule("both", 1, half), np.arange(len(self.lesson))

        def timed(_: Tell) -> float:
            learner = self._learner(schedule, self.lesson)
            steps = sorted(learner.batches(rows, 0), key=self._read)
            chosen = [steps[int(share * (len(steps) - 1))] for share in TIMED]
            if self._seen_mib() <= SEEN_MIB:
                learner.lesson = self._with([learner.seen(self.lesson, chosen, lambda: None)])
            learner.prepare(chosen[0], 1)
            learner.learn_batch(chosen[0])
            started = time.perf_counter()
            for batch in chosen:
                learner.learn_batch(batch)
            pace = (time.perf_counter() - started) / sum(self._read(batch) for batch in chosen)
            return float(pace * BESIDE * sum(self._read(batch) for batch in steps))

        return max(side_by_side([timed] * workers, workers))

    def _read(self, batch: Ints) -> int:
        """Tokens of a batch."""
        return sum(int(self.lesson.lengths[row]) for row in batch)

    def _schedule(self, way: str, epochs: int, half: bool) -> Schedule:
        contrast, labelled = WAYS[way]
        return Schedule(
            epochs,
            self.recipe.layers,
            self.recipe.batch,
            self.recipe.rate,
            contrast=contrast,
            labelled=labelled,
            half=half,
            seed=self.recipe.seed,
        )

    def _learner(self, schedule: Schedule, lesson: Lesson) -> Learner:
        """A learner of its own, for the thread that asks."""
        import torch

        torch.set_num_threads(1)
        with self._building:  # transformers changes what torch takes for granted while it makes a network
            network = self.graph.network(schedule.dropout)
            self._require_alike(network, schedule)
            return Learner(network, lesson, schedule)

    def _require_alike(self, network: Any, schedule: Schedule) -> None:
        """Raise ``ModelReferenceError`` unless torch gives the vectors that the graph gives: then it is the same network."""
        tokens = tokens_of(self.base.tokenizer, [self.prefix + text for text in PROBES])
        probes = Lesson(tokens, np.zeros(len(tokens), dtype=np.int64), 1)
        ours = Learner(network, probes, replace(schedule, half=False)).encode(probes)
        theirs = self.base.encode(PROBES)[:, : ours.shape[1]]
        theirs = theirs / np.linalg.norm(theirs, axis=1, keepdims=True)
        if not np.allclose(ours, theirs, atol=SAME * float(np.abs(theirs).max())):
            raise ModelReferenceError(
                f"{self.base.files.reference} computes something else than a BERT of its weights: it cannot be tuned here."
            )

    def _way(self, plan: Plan) -> str:
        """The way that was asked for, or of all of them the one whose scores make the first part's labels likeliest."""
        if self.recipe.way != TRIED:
            return self.recipe.way
        held = self.target.numbers[self.numbers == 0]
        parts = self._all([(0, way) for way in WAYS], plan)
        likely = [self._likelihood(part.scores[0], held) for part in parts]
        return list(WAYS)[int(np.argmax(likely))]

    @staticmethod
    def _likelihood(scores: Singles, targets: Ints) -> float:
        return float(np.log(np.maximum(probability_of(scores, targets), 1e-12)).mean())

    def _kept(self, number: int, way: str, plan: Plan) -> tuple[Path, str]:
        """Where a part is kept when it is done, and what it is made for."""
        made_for = fingerprint(
            self.train, part=number, parts=self.count, base=self.base.fingerprint, form=FORM,
            schedule=asdict(self._schedule(way, plan.epochs, plan.half)),
        )  # fmt: skip
        return self.work / f"part-{number}-{way}.safetensors", made_for

    def _done(self, number: int, way: str, plan: Plan) -> _Part | None:
        """The encoder of one part from ``work``, where it is done."""
        path, made_for = self._kept(number, way, plan)
        if not path.exists():
            return None
        try:
            return _loaded(load_arrays(path), made_for)
        except (RunError, LookupError):
            path.unlink()
            return None

    def _tune(self, number: int, way: str, plan: Plan, lesson: Lesson, tell: Tell) -> None:
        """Tune the encoder of one part, and keep it in ``work``."""
        path, made_for = self._kept(number, way, plan)
        kept = Checkpoints(path.with_suffix(""), made_for)
        learner = self._learner(self._schedule(way, plan.epochs, plan.half), lesson)
        held = np.flatnonzero(self.numbers == number)
        tuned = self._learn(learner, np.flatnonzero(self.numbers != number), kept, tell)
        part = _Part(dict(tuned.weights), tuned.heads, tuple(learner.scores(lesson.part(held))))
        save_arrays(path, _saved(part, made_for))
        kept.drop()

    def _learn(self, learner: Learner, rows: Ints, kept: Checkpoints, tell: Tell) -> Tuned:
        aside = np.zeros(len(rows), dtype=bool)
        real = ~np.array(self.train.written, dtype=bool)[rows] if self.train.written else ~aside
        aside[real] = set_aside(np.asarray(self.train.groups)[rows[real]], ASIDE, MOST_ASIDE, self.recipe.seed)
        return learner.learn(
            rows[~aside], rows[aside], kept, lambda done, total: tell("steps" if done else "reading", done, total)
        )

    def _scores(self, parts: Sequence[_Part]) -> tuple[Singles, ...]:
        """Each head's scores of all rows, every row by the encoder that did not see it."""
        tables = []
        for place in range(len(parts[0].scores)):
            table = np.zeros((len(self.lesson), self.lesson.labels), dtype=np.float32)
            for number, part in enumerate(parts):
                table[self.numbers == number] = part.scores[place]
            tables.append(table)
        return tuple(tables)

    def _compared(self, encoder: SentenceEncoder, weights: dict[str, Singles], head: Head) -> tuple[float, int]:
        """The share of rows for which what is served and torch give the same answer, and of how many rows."""
        import torch

        rows = np.arange(len(self.lesson))[:: max(1, len(self.lesson) // CHECKED)][:CHECKED]
        learner = self._learner(self._schedule("labels", 1, half=False), self.lesson)
        learner.network.load_state_dict(
            {name: torch.from_numpy(array) for name, array in weights.items()}, strict=False
        )
        torch.set_num_threads(cores())
        vectors = learner.encode(self.lesson.part(rows))
        texts = [self.train.inputs[row] for row in rows]
        served = encoder.encode(texts)[:, -vectors.shape[1] :]
        served /= np.maximum(np.linalg.norm(served, axis=1, keepdims=True), 1e-9)
        return same_answers(head(vectors), head(served)), len(rows)


def _workers() -> int:
    """How many parts may be tuned at a time: one for each processor, or one where a GPU does the work."""
    import torch

    return 1 if torch.cuda.is_available() else cores()


def _mean_head(heads: Sequence[Head]) -> Head:
    return Head(
        np.mean([head.weights for head in heads], axis=0, dtype=np.float32),
        np.mean([head.bias for head in heads], axis=0, dtype=np.float32),
    )


def _saved(part: _Part, made_for: str) -> dict[str, NDArray[Any]]:
    arrays: dict[str, NDArray[Any]] = {f"weights.{name}": array for name, array in part.weights.items()}
    for place, (head, scores) in enumerate(zip(part.heads, part.scores, strict=True)):
        arrays |= {f"head.{place}": head.weights, f"bias.{place}": head.bias, f"scores.{place}": scores}
    return arrays | {"made_for": np.frombuffer(made_for.encode(), dtype=np.uint8)}


def _loaded(arrays: dict[str, NDArray[Any]], made_for: str) -> _Part:
    """Raises ``LookupError`` where the part was made for something else."""
    if bytes(arrays["made_for"]).decode() != made_for:
        raise LookupError("made for something else")
    count = sum(name.startswith("head.") for name in arrays)
    weights = {name.removeprefix("weights."): a for name, a in arrays.items() if name.startswith("weights.")}
    heads = tuple(Head(arrays[f"head.{place}"], arrays[f"bias.{place}"]) for place in range(count))
    return _Part(weights, heads, tuple(arrays[f"scores.{place}"] for place in range(count)))
