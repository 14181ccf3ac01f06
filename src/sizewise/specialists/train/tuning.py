"""An encoder and linear heads on its unit vectors, tuned together: by the labels, by pairs of rows, or by both.

By the labels: cross-entropy of the heads. By pairs: supervised contrastive loss within a batch of pairs of one label
(Khosla et al. 2020), which asks of the vectors what SetFit's pairs ask of them (Tunstall et al. 2022) without writing
the pairs out. The heads start from the mean vector of each label, so that nothing has to be learned before the encoder.
Every step's random numbers follow from the seed and the step, so a run that was killed and resumed ends as one that was not.
What is not tuned, the table of words and the lower layers, gives the same in every step: it can be computed once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import InputError
from sizewise.specialists.heads import Head, Singles
from sizewise.specialists.train.batches import batches
from sizewise.specialists.train.checkpoints import Checkpoints, State
from sizewise.specialists.train.lesson import Ints, Lesson, pairs

#: steps that were just done, none while rows are only read, and steps in all; it raises where the training is to end
Told = Callable[[int, int], None]
GAIN = 16.0  # of the heads at the start: unit vectors have cosines, and a softmax over cosines is nearly flat
SEEN_AT_ONCE = 64
CLIPPED = 1.0
TEMPERATURE = 0.1  # of the cosines of pairs
ANOTHER = 0.3  # the weight of the other reference beside the target
LAST_RATE = 0.02  # of the first


@dataclass(frozen=True, slots=True)
class Schedule:
    """How it is tuned. ``contrast`` weighs the loss by pairs; ``labelled`` says whether labels are taught as well.

    ``layers`` counts the upper layers that are tuned, 0 means half of them; those below stay as they were.
    """

    epochs: int
    layers: int = 0
    batch: int = 64
    rate: float = 5e-4
    head_rate: float = 2e-3
    warm_up: float = 0.1
    dropout: float = 0.1
    smoothing: float = 0.1
    contrast: float = 0.0
    labelled: bool = True
    patience: int = 2
    half: bool = False
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Tuned:
    """The best state that was met: ``weights`` by torch's names, the heads, and its log-loss on the rows set aside."""

    weights: Mapping[str, Singles]
    heads: tuple[Head, ...]
    loss: float
    epochs: int


class Learner:
    """One encoder with its heads while it is tuned. ``network`` is a ``BertModel``."""

    def __init__(self, network: Any, lesson: Lesson, schedule: Schedule) -> None:
        import torch

        from sizewise.specialists.train import packed_bert
        from sizewise.specialists.train.dropout import own_dropout

        self.torch, self.packed, self.lesson, self.schedule = torch, packed_bert, lesson, schedule
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.network = network.to(self.device)
        self.random = torch.Generator(self.device)
        own_dropout(self.network, self.random)
        layers = list(network.encoder.layer)
        tuned = min(schedule.layers or -(-len(layers) // 2), len(layers))
        self.lower, self.upper = layers[: len(layers) - tuned], layers[len(layers) - tuned :]
        # Rare words would move little, at the cost of the whole table; without its gradient the first layer is cheaper too.
        for part in (self.network.embeddings, *self.lower):
            part.requires_grad_(requires_grad=False)
        self._training()
        sizes = [lesson.labels] * (1 if lesson.others is None else 2)
        width = network.config.hidden_size
        self.heads = [torch.nn.Linear(width, size).to(self.device) for size in sizes]
        self.optimiser: Any = None
        self.step = self.epoch = self.place = 0
        self.best: dict[str, Any] = {}
        self.best_loss, self.waited = float("inf"), 0
        self._still: Callable[[], None] = lambda: None

    def learn(self, rows: Ints, aside: Ints, kept: Checkpoints | None = None, told: Told | None = None) -> Tuned:
        """Tune on ``rows`` of the lesson until the loss on those ``aside`` no longer falls; resumed from what was ``kept``."""
        schedule = self.schedule
        steps = len(self.batches(rows, 0))
        if told:
            self._still = lambda: told(0, steps * schedule.epochs)
        self.prepare(rows, steps)
        self._resume(kept)
        while self.epoch < schedule.epochs and self.waited < schedule.patience:
            for batch in self.batches(rows, self.epoch)[self.place :]:
                self.learn_batch(batch)
                self.place += 1
                self._told(told, steps)
                if kept is not None:
                    kept.kept(self._state)
            self.epoch, self.place = self.epoch + 1, 0
            if not schedule.labelled:
                self._start(rows, tuned=True)
            self._judge(aside)
        return self._found()

    def encode(self, lesson: Lesson) -> Singles:
        """Unit vectors (n, dimensions) of the rows of ``lesson``."""
        self.network.eval()
        out = np.zeros((len(lesson), self.network.config.hidden_size), dtype=np.float32)
        with self.torch.no_grad():
            for rows in by_length(lesson):
                self._still()
                out[rows] = self._vectors(lesson, rows).cpu().numpy()
        self._training()
        return out

    def seen(
        self, lesson: Lesson, parts: Sequence[Ints], told: Callable[[], None]
    ) -> list[tuple[int, Singles, Singles]]:
        """Of each row in ``parts`` what the layers that are not tuned make of it, (tokens, dimensions), and its unit vector
        as long as nothing is tuned."""
        made: list[tuple[int, Singles, Singles]] = []
        self.network.eval()
        with self.torch.no_grad():
            for rows in parts:
                told()
                values, packing = self._lower(lesson, rows)
                vectors = self._upper(values, packing).cpu().numpy()
                ends = np.cumsum([max(1, len(lesson.tokens[row])) for row in rows])
                made += zip(rows.tolist(), np.split(values.cpu().numpy(), ends[:-1]), vectors, strict=True)
        self._training()
        return made

    def prepare(self, rows: Ints, steps: int) -> None:
        """Heads from the mean vectors of ``rows``, and an optimiser for ``steps`` steps an epoch."""
        self._start(rows)
        self._arrange(steps)

    def _start(self, rows: Ints, tuned: bool = False) -> None:
        """The heads from the mean vector of each label, as the encoder sees them now: untuned, or ``tuned``."""
        torch = self.torch
        taught = self.lesson.part(rows)
        vectors = self.encode(taught) if tuned or taught.vectors is None else taught.vectors
        for head, targets in zip(self.heads, (taught.targets, taught.others), strict=False):
            assert targets is not None
            with torch.no_grad():
                head.weight.copy_(torch.from_numpy(GAIN * _means(vectors, targets, self.lesson.labels)))
                head.bias.zero_()

    def _arrange(self, steps: int) -> None:
        """The optimiser, and a rate that rises over the first steps and then falls to nearly nothing."""
        torch, schedule = self.torch, self.schedule
        moved = [p for p in self.network.parameters() if p.requires_grad]
        flat, tables = [p for p in moved if p.ndim < 2], [p for p in moved if p.ndim >= 2]
        heads = [p for head in self.heads for p in head.parameters()]
        groups = [
            {"params": flat, "weight_decay": 0.0, "lr": schedule.rate},
            {"params": tables, "weight_decay": 0.01, "lr": schedule.rate},
            {"params": heads, "weight_decay": 0.0, "lr": schedule.head_rate},
        ]
        self.optimiser = torch.optim.AdamW(groups, fused=True)
        self._rates = [float(group["lr"]) for group in self.optimiser.param_groups]
        self._total = max(1, steps * schedule.epochs)

    def learn_batch(self, batch: Ints) -> None:
        """One step. Raises ``InputError`` where the loss is not a number."""
        torch = self.torch
        self.random.manual_seed(self.schedule.seed * 1_000_003 + self.step)
        rising = min(1.0, (self.step + 1) / max(1.0, self.schedule.warm_up * self._total))
        share = rising * max(LAST_RATE, 1 - self.step / self._total)
        for group, rate in zip(self.optimiser.param_groups, self._rates, strict=True):
            group["lr"] = rate * share
        loss = self._loss(batch)
        self._require_number(loss, "loss")
        self.optimiser.zero_grad(set_to_none=True)
        loss.backward()
        moved = [p for group in self.optimiser.param_groups for p in group["params"]]
        self._require_number(torch.nn.utils.clip_grad_norm_(moved, CLIPPED), "gradient")
        self.optimiser.step()
        self.step += 1

    def _require_number(self, value: Any, what: str) -> None:
        if not self.torch.isfinite(value):
            raise InputError(
                f"training diverged: the {what} is not a number in epoch {self.epoch + 1}, step {self.step + 1}. "
                f"Set a smaller rate than {self.schedule.rate:g} under [rungs.encoder-tuned], and run again."
            )

    def _loss(self, batch: Ints) -> Any:
        torch, schedule = self.torch, self.schedule
        vectors = self._vectors(self.lesson, batch)
        targets = torch.from_numpy(self.lesson.targets[batch]).to(self.device)
        loss = vectors.new_zeros(())
        if schedule.labelled:
            loss = loss + self._cross_entropy(self.heads[0](vectors), targets)
        if schedule.contrast:
            loss = loss + schedule.contrast * contrast(vectors, targets)
        if self.lesson.others is not None:
            others = torch.from_numpy(self.lesson.others[batch]).to(self.device)
            if bool((others >= 0).any()):
                known = others >= 0
                loss = loss + ANOTHER * self._cross_entropy(self.heads[1](vectors[known]), others[known])
        return loss

    def _cross_entropy(self, scores: Any, targets: Any) -> Any:
        return self.torch.nn.functional.cross_entropy(scores, targets, label_smoothing=self.schedule.smoothing)

    def _vectors(self, lesson: Lesson, rows: Ints) -> Any:
        return self._upper(*self._lower(lesson, rows))

    def _upper(self, values: Any, packing: Any) -> Any:
        with self._precision():
            for layer in self.upper:
                values = self.packed.through(layer, values, packing)
        return self.torch.nn.functional.normalize(packing.mean(values.float()), dim=1)

    def _lower(self, lesson: Lesson, rows: Ints) -> tuple[Any, Any]:
        """What the layers that are not tuned make of ``rows``, their tokens one behind the other, (T, dimensions)."""
        torch = self.torch
        packing = self.packed.Packing.of([max(1, len(lesson.tokens[row])) for row in rows], self.device)
        known = [] if lesson.seen is None else [seen for row in rows if (seen := lesson.seen[row]) is not None]
        if len(known) == len(rows):
            return torch.from_numpy(np.concatenate(known)).to(self.device), packing
        numbers = np.concatenate([np.asarray(lesson.tokens[row] or [0], dtype=np.int64) for row in rows])
        with torch.no_grad(), self._precision():
            values = self.packed.embedded(self.network, torch.from_numpy(numbers).to(self.device), packing)
            for layer in self.lower:
                values = self.packed.through(layer, values, packing)
        return values.float(), packing

    def _training(self) -> None:
        """Dropout where something is tuned, and nowhere else."""
        self.network.train()
        for part in (self.network.embeddings, *self.lower):
            part.eval()

    def _precision(self) -> AbstractContextManager[Any]:
        entered: AbstractContextManager[Any] = self.torch.autocast(
            self.device.type, self.torch.bfloat16, enabled=self.schedule.half
        )
        return entered

    def batches(self, rows: Ints, epoch: int) -> list[Ints]:
        """The rows of each step of an epoch."""
        schedule, lengths = self.schedule, self.lesson.lengths
        units = None
        if schedule.contrast:
            units = pairs(self.lesson.targets[rows], np.random.default_rng((schedule.seed, epoch, 1)))
        made = batches([lengths[row] for row in rows], schedule.batch, schedule.seed, epoch, units)
        return [rows[batch] for batch in made]

    def _judge(self, aside: Ints) -> None:
        """Keep this state where it is the best on the rows set aside; where there are none, the last is the best."""
        loss = self.best_loss - 1 if not len(aside) else self._held_loss(aside)
        self.waited = 0 if loss < self.best_loss else self.waited + 1
        if loss < self.best_loss:
            self.best_loss = loss
            self.best = {name: tensor.detach().clone() for name, tensor in self._weights()}

    def _held_loss(self, aside: Ints) -> float:
        held = self.lesson.part(aside)
        scores = self.scores(held)[0]
        raised = scores - scores.max(axis=1, keepdims=True)
        chances = raised[np.arange(len(held)), held.targets] - np.log(np.exp(raised).sum(axis=1))
        return float(-chances.mean())

    def scores(self, lesson: Lesson) -> list[Singles]:
        """Each head's (n, labels) scores."""
        torch = self.torch
        vectors = torch.from_numpy(self.encode(lesson)).to(self.device)
        with torch.no_grad():
            return [head(vectors).cpu().numpy() for head in self.heads]

    def _weights(self) -> Iterator[tuple[str, Any]]:
        yield from ((f"network.{name}", tensor) for name, tensor in self.network.state_dict().items())
        for number, head in enumerate(self.heads):
            yield from ((f"head.{number}.{name}", tensor) for name, tensor in head.state_dict().items())

    def _set(self, weights: Mapping[str, Any]) -> None:
        with self.torch.no_grad():
            for name, tensor in self._weights():
                tensor.copy_(weights[name])

    def _found(self) -> Tuned:
        if self.best:
            self._set(self.best)
        weights = {name: tensor.float().cpu().numpy().copy() for name, tensor in self.network.state_dict().items()}
        heads = [
            Head(head.weight.detach().cpu().numpy().T.copy(), head.bias.detach().cpu().numpy().copy())
            for head in self.heads
        ]
        return Tuned(weights, tuple(heads), self.best_loss, self.epoch)

    def _told(self, told: Told | None, steps: int) -> None:
        if told:
            told(1, steps * self.schedule.epochs)

    def _state(self) -> State:
        tensors = dict(self._weights()) | {f"best.{name}": tensor for name, tensor in self.best.items()}
        for number, state in self.optimiser.state_dict()["state"].items():
            tensors |= {f"optimiser.{number}.{name}": tensor for name, tensor in state.items()}
        about = {
            "step": self.step, "epoch": self.epoch, "place": self.place, "waited": self.waited,
            "best_loss": self.best_loss if self.best else None,
        }  # fmt: skip
        return State({name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}, about)

    def _resume(self, kept: Checkpoints | None) -> None:
        """Take up the state that was kept, where one was."""
        state = kept.load() if kept else None
        if state is None:
            return
        tensors = {name: self.torch.from_numpy(array.copy()).to(self.device) for name, array in state.arrays.items()}
        self._set(tensors)
        self.best = {n.removeprefix("best."): t for n, t in tensors.items() if n.startswith("best.")}
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in tensors.items():
            if name.startswith("optimiser."):
                _, number, kind = name.split(".")
                moments.setdefault(int(number), {})[kind] = tensor
        self.optimiser.load_state_dict({**self.optimiser.state_dict(), "state": moments})
        about = state.about
        self.step, self.epoch, self.place = int(about["step"]), int(about["epoch"]), int(about["place"])
        self.best_loss = float("inf") if about["best_loss"] is None else float(about["best_loss"])
        self.waited = int(about["waited"])


def by_length(lesson: Lesson) -> list[Ints]:
    """Rows of ``lesson`` that are read together: those of nearly one length."""
    order = np.argsort(lesson.lengths, kind="stable")
    return [order[start : start + SEEN_AT_ONCE] for start in range(0, len(order), SEEN_AT_ONCE)]


def contrast(vectors: Any, targets: Any) -> Any:
    """The supervised contrastive loss of (n, dimensions) unit vectors: near to those of one's own label, far from others."""
    import torch

    cosines = (vectors @ vectors.T / TEMPERATURE).fill_diagonal_(-1e9)
    chances = torch.log_softmax(cosines, dim=1)
    alike = targets[:, None] == targets[None, :]
    alike.fill_diagonal_(fill_value=False)
    paired = alike.any(dim=1)
    if not bool(paired.any()):
        return vectors.sum() * 0
    return -((chances * alike).sum(dim=1)[paired] / alike.sum(dim=1)[paired]).mean()


def _means(vectors: Singles, targets: Ints, labels: int) -> NDArray[np.float32]:
    """The mean direction of each label, (labels, dimensions); of all rows where a label has none."""
    table = np.tile(vectors.mean(axis=0), (labels, 1))
    for label in np.unique(targets[targets >= 0]):
        table[label] = vectors[targets == label].mean(axis=0)
    return np.asarray(table / np.maximum(np.linalg.norm(table, axis=1, keepdims=True), 1e-9), dtype=np.float32)


def has_half() -> bool:
    """Whether this machine multiplies numbers of 16 bits faster than those of 32: a GPU, or a processor made for it."""
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    flags = (
        Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace") if Path("/proc/cpuinfo").exists() else ""
    )
    return "avx512_bf16" in flags or "amx_bf16" in flags
