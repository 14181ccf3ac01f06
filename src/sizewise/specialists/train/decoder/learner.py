"""Tuning: adapters and end learned together, in batches by length, stopped early, resumed from where a kill left it.

What a step does follows from the seed and the step's number alone, so a run that was killed ends as one that was not.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sizewise.core.errors import InputError
from sizewise.specialists.train.batches import batches, padded
from sizewise.specialists.train.checkpoints import Checkpoints, State
from sizewise.specialists.train.decoder.decoder import Decoder
from sizewise.specialists.train.decoder.ends import HeadEnd, ReasonEnd, TreeEnd
from sizewise.specialists.train.decoder.material import Ints, Material
from sizewise.specialists.train.decoder.weights import Weights
from sizewise.specialists.train.estimates import Clock, Memory

Arrays = dict[str, NDArray[np.float32]]
#: seconds of training that are done, seconds that are left
Told = Callable[[float, float], None]
CLIPPED = 1.0
SEEN_AT_ONCE = 64
#: numbers that a token leaves behind for the way back, in a layer: widths, inner widths and heads' widths
KEPT_WIDTHS, KEPT_INNER, KEPT_HEADS = 12, 5, 8


@dataclass(frozen=True, slots=True)
class Schedule:
    """``rate`` is the adapters' greatest rate of learning and ``head_rate`` the end's; both fall along a cosine to zero.

    An epoch that would not fit into ``seconds`` of training is not begun, but for the first; 0 is no limit.
    """

    epochs: int
    batch: int = 32
    rate: float = 1e-3
    head_rate: float = 1e-3
    warm_up: float = 0.06
    rank: int = 16
    alpha: float = 16.0
    reasons: float = 0.2
    patience: int = 2
    seconds: float = 0.0
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Learned:
    """The best state that was met, by the rows that were set aside. ``tokens`` were read in ``seconds``."""

    arrays: Arrays
    loss: float
    right: float
    epochs: int
    tokens: int
    seconds: float


def number_format() -> torch.dtype:
    """bfloat16 where the machine computes with it, else float32."""
    if torch.cuda.is_available():
        return torch.bfloat16 if torch.cuda.is_bf16_supported() else torch.float32
    return (
        torch.bfloat16 if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported() else torch.float32
    )


def memory(weights: Weights, schedule: Schedule, longest: int, dtype: torch.dtype) -> Memory:
    """What tuning will take, for batches of texts of ``longest`` tokens."""
    facts = weights.facts
    sides = [sum(shape) for shape in weights.shapes().values() if len(shape) == 2]
    heads = (facts.heads + 2 * facts.groups) * facts.head
    kept = KEPT_WIDTHS * facts.width + KEPT_INNER * facts.inner + KEPT_HEADS * heads
    tokens = schedule.batch * longest
    return Memory.of(len(weights), schedule.rank * sum(sides), tokens * facts.layers * kept, dtype.itemsize)


class Learner:
    """One decoder with its adapters and its end, while it is tuned."""

    def __init__(
        self, weights: Weights, end: HeadEnd | TreeEnd, material: Material, schedule: Schedule,
        dtype: torch.dtype | None = None,
    ) -> None:  # fmt: skip
        self.material, self.schedule = material, schedule
        self.device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self.decoder = Decoder(weights, schedule.rank, schedule.alpha, dtype or number_format(), schedule.seed).to(
            self.device
        )
        self.end = end.to(self.device)
        self.reasons = ReasonEnd(weights, material).to(self.device) if material.reasons else None
        self._embed(weights)
        self.step = self.epoch = self.place = self.tokens = self.waited = 0
        self.best: Arrays = {}
        self.best_loss, self.best_right, self.seconds = math.inf, 0.0, 0.0

    def learn(
        self, rows: Ints, aside: Ints, kept: Checkpoints | None = None, told: Told | None = None,
        found: Callable[[str], None] | None = None,
    ) -> Learned:  # fmt: skip
        """Tune on ``rows`` of the material; the state that is most often right on those ``aside`` is what is learned."""
        steps = sum(len(self._batches(rows, epoch)) for epoch in range(self.schedule.epochs))
        optimiser = self._optimiser()
        self._resume(kept, optimiser)
        clock = Clock(float(steps), float(self.step))
        while self.epoch < self.schedule.epochs and self.waited < self.schedule.patience and self._has_time():
            for batch in self._batches(rows, self.epoch)[self.place :]:
                self._learned(batch, optimiser, self.step / steps)
                self.place, self.step = self.place + 1, self.step + 1
                clock.add(1)
                if told and clock.left is not None:
                    told(self.seconds, clock.left)
                if kept is not None:
                    kept.kept(lambda: self._state(optimiser))
            self.epoch, self.place = self.epoch + 1, 0
            loss, right = self._judged(aside)
            if found:
                found(
                    f"epoch {self.epoch} of {self.schedule.epochs}: {100 * right:.1f} % right, loss {loss:.3f} on the rows set "
                    f"aside; {self.tokens / self.seconds:,.0f} tokens a second"
                )
            if kept is not None and kept.folder is not None:
                kept.save(self._state(optimiser))
        return Learned(self.best, self.best_loss, self.best_right, self.epoch, self.tokens, self.seconds)

    def timed(self, rows: Ints, steps: int = 4) -> float:
        """Seconds of a step of mean size, from a few after the first; what they learn is not to be used.

        The quickest of them counts, by what it reads: what else the machine did in these seconds will not go on for hours.
        """
        optimiser, chosen = self._optimiser(), self._batches(rows, 0)
        read = [sum(len(self.end.tokens(self.material, row)) for row in batch) for batch in chosen]
        self._learned(chosen[0], optimiser, 0.0)
        paces = []
        for batch, tokens in list(zip(chosen, read, strict=True))[1 : steps + 1] or [(chosen[0], read[0])]:
            started = time.perf_counter()
            self._learned(batch, optimiser, 0.0)
            paces.append((time.perf_counter() - started) / tokens)
        return min(paces) * sum(read) / len(read)

    def seen(self, tokens: Sequence[Sequence[int]], asked: Sequence[tuple[int, int]]) -> Tensor:
        """(asked, width) hidden states of (row, position)."""
        table, _ = padded([[self.position[token] for token in row] for row in tokens])
        embedded = self.table[torch.from_numpy(table).to(self.device)]
        rows, places = (torch.tensor(side, device=self.device) for side in zip(*asked, strict=True))
        hidden: Tensor = self.decoder(embedded, rows, places)
        return hidden

    def said(self, prompts: Sequence[Sequence[int]]) -> NDArray[np.int64]:
        """(n,) the label that is said to each prompt, as the adapters stand now."""
        made = np.zeros(len(prompts), dtype=np.int64)
        order = np.argsort([len(prompt) for prompt in prompts], kind="stable")
        with torch.no_grad():
            for start in range(0, len(order), SEEN_AT_ONCE):
                rows = order[start : start + SEEN_AT_ONCE]
                made[rows] = self.end.said(self.seen, [prompts[row] for row in rows])
        return made

    def put(self, arrays: Arrays) -> None:
        """Give adapters and end the numbers of ``arrays``."""
        with torch.no_grad():
            for name, parameter in self._parameters():
                parameter.copy_(torch.from_numpy(arrays[name]))

    def _embed(self, weights: Weights) -> None:
        """The rows of the table of tokens that the material has, and no others."""
        read = {token for row in range(len(self.material)) for token in self.end.tokens(self.material, row)}
        read |= {token for tokens, _ in self.material.reasons for token in tokens}
        read |= {token for label in getattr(self.end, "labels", ()) for token in label}
        self.position = {token: place for place, token in enumerate(sorted(read))}
        self.table = torch.from_numpy(weights.rows(sorted(read))).to(self.decoder.dtype).to(self.device)

    def _parameters(self) -> Iterator[tuple[str, torch.nn.Parameter]]:
        for name, linear in self.decoder.adapters():
            yield f"{name}.a", linear.a
            yield f"{name}.b", linear.b
        for name, parameter in self.end.named_parameters():
            yield f"end.{name}", parameter

    def _has_time(self) -> bool:
        """Whether one more epoch as long as those before fits, or one is under way."""
        limit = self.schedule.seconds
        if not limit or not self.epoch or self.place:
            return True
        return self.seconds * (1 + 1 / self.epoch) <= limit

    def _optimiser(self) -> torch.optim.AdamW:
        named = list(self._parameters())
        groups = [
            {"params": [p for n, p in named if not n.startswith("end.")], "lr": self.schedule.rate},
            {"params": [p for n, p in named if n.startswith("end.")], "lr": self.schedule.head_rate},
        ]
        return torch.optim.AdamW([g for g in groups if g["params"]], betas=(0.9, 0.99), weight_decay=0.0)

    def _batches(self, rows: Ints, epoch: int) -> list[Ints]:
        lengths = [len(self.end.tokens(self.material, row)) for row in rows]
        return [rows[places] for places in batches(lengths, self.schedule.batch, self.schedule.seed, epoch)]

    def _learned(self, batch: Ints, optimiser: torch.optim.AdamW, done: float) -> None:
        started = time.perf_counter()
        rate = min(1.0, (done + 1e-3) / self.schedule.warm_up) * 0.5 * (1 + math.cos(math.pi * done))
        for group, most in zip(optimiser.param_groups, (self.schedule.rate, self.schedule.head_rate), strict=False):
            group["lr"] = most * rate
        losses, _ = self.end.losses(self.seen, self.material, batch)
        loss = losses.mean()
        if self.reasons is not None and (rows := self._reasons_for(len(batch))):
            loss = loss + self.schedule.reasons * self.reasons.loss(self.seen, self.material, rows)
        optimiser.zero_grad()
        loss.backward()
        size = torch.nn.utils.clip_grad_norm_([p for _, p in self._parameters()], CLIPPED)
        if not (torch.isfinite(loss) and torch.isfinite(size)):
            raise InputError(
                f"training came to numbers that are none (NaN or infinite) at step {self.step + 1:,}. Nothing was saved of it. "
                f"Set rate lower than {self.schedule.rate:g} in [rungs.slm-tuned], or name another model."
            )
        optimiser.step()
        self.tokens += sum(len(self.end.tokens(self.material, row)) for row in batch)
        self.seconds += time.perf_counter() - started

    def _reasons_for(self, most: int) -> list[int]:
        """A quarter as many reasons as rows, taken in turn."""
        assert self.material.reasons
        size = min(max(1, most // 4), len(self.material.reasons))
        return [(self.step * size + i) % len(self.material.reasons) for i in range(size)]

    def _judged(self, aside: Ints) -> tuple[float, float]:
        """The loss on the rows set aside and the share that is right; the best state so far is kept.

        The share counts first: answers go on getting better when probabilities are already too sure, and how sure they
        are is put right afterwards, by one power for all.
        """
        losses, right = [], []
        order = aside[np.argsort([len(self.material.prompts[row]) for row in aside], kind="stable")]
        with torch.no_grad():
            for start in range(0, len(order), SEEN_AT_ONCE):
                one, other = self.end.losses(self.seen, self.material, order[start : start + SEEN_AT_ONCE])
                losses.append(one.cpu().numpy())
                right.append(other.cpu().numpy())
        loss = float(np.concatenate(losses).mean()) if losses else -float(self.epoch)
        share = float(np.concatenate(right).mean()) if right else 0.0
        better = (share, -loss) > (self.best_right, -self.best_loss)
        self.waited = 0 if better else self.waited + 1
        if better:
            self.best_loss, self.best_right = loss, share
            self.best = {name: p.detach().cpu().numpy().copy() for name, p in self._parameters()}
        return loss, share

    def _state(self, optimiser: torch.optim.AdamW) -> State:
        arrays: dict[str, NDArray[Any]] = {f"best.{name}": array for name, array in self.best.items()}
        for name, parameter in self._parameters():
            arrays[f"now.{name}"] = parameter.detach().cpu().numpy()
            for moment in ("exp_avg", "exp_avg_sq", "step"):
                if moment in (held := optimiser.state.get(parameter, {})):
                    arrays[f"{moment}.{name}"] = held[moment].cpu().numpy()
        about = {
            "step": self.step, "epoch": self.epoch, "place": self.place, "tokens": self.tokens, "waited": self.waited,
            "best_loss": self.best_loss, "best_right": self.best_right, "seconds": self.seconds,
        }  # fmt: skip
        return State(arrays, about)

    def _resume(self, kept: Checkpoints | None, optimiser: torch.optim.AdamW) -> None:
        state = kept.load() if kept is not None else None
        if state is None:
            return
        for name, value in state.about.items():
            setattr(self, name, value)
        self.best = {n.removeprefix("best."): a for n, a in state.arrays.items() if n.startswith("best.")}
        self.put({n.removeprefix("now."): a for n, a in state.arrays.items() if n.startswith("now.")})
        for name, parameter in self._parameters():
            held = {m: state.arrays.get(f"{m}.{name}") for m in ("exp_avg", "exp_avg_sq", "step")}
            if held["step"] is not None:
                optimiser.state[parameter] = {
                    m: torch.from_numpy(a).to(self.device if m != "step" else "cpu")
                    for m, a in held.items()
                    if a is not None
                }
