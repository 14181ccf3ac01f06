"""Forecast what more rows would give the chosen rung: from what it scores when it learns from parts of train."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import expit

from sizewise.cascade import confidence
from sizewise.core.example import Example, Train
from sizewise.core.measurement import (
    Certificate,
    CurveScore,
    Forecast,
    ForeseenScore,
    LearningCurve,
    Measured,
    RowsToBar,
)
from sizewise.core.model import Recipe
from sizewise.core.task import Bar, ReferenceKind
from sizewise.data.split import Splits
from sizewise.evaluate.coverage_forecast import (
    COVERAGE_GAIN,
    COVERAGE_MISFIT,
    errors_allowed,
    widened,
)
from sizewise.evaluate.intervals import lower_share, share
from sizewise.evaluate.learning_curve import LEVEL, Held, Trend, crossing, fit
from sizewise.specialists.encoder import EncoderRecipe
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.folds import folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.vector_cache import RememberedEncoder
from sizewise.stages.calibration import Calibrated
from sizewise.stages.contest import Contestant
from sizewise.stages.foreseen_coverage import EXCESS_DRAWS, Traffic, certified
from sizewise.stages.listener import Listener
from sizewise.store.arrays import load_arrays, save_arrays

Floats = NDArray[np.float64]

PARTS = (8, 4, 2)  # learn from an eighth, a quarter, a half
LEAST_PART, LEAST_ROWS = 100, 200
FEWEST_ROWS, MOST_ROWS, MOST_HELD = 3_000, 20_000, 5_000  # a quarter of train between those limits
PART_FOLDS = 5
TIMES = (1.0, math.sqrt(2), 2.0, math.sqrt(8), 4.0)
SHOWN = (1.0, 2.0, 4.0)
DRAWS = 200


@dataclass(frozen=True, slots=True)
class Part:
    """What the rung scores on train rows after learning from ``rows`` other ones; arrays of shape (held rows,)."""

    rows: int
    right: NDArray[np.bool_]
    confidence: Floats


def forecast(
    recipe: Recipe, calibrated: Calibrated, splits: Splits, bar: Bar, examples: Sequence[Example], seed: int, work: Path,
    listener: Listener,
) -> Forecast | None:  # fmt: skip
    """Curves of accuracy and of certified coverage; ``None`` where train is too small for a curve, or the rung saw a sample.

    Train is read, and how the small model fared on calibrate, whose threshold is set by then; test gives its number of
    rows. ``examples`` is the log, for the LLM's answers on train rows. What was learned is kept in ``work``.
    """
    train, contestant = splits.train, calibrated.contestant
    if len(train) < LEAST_ROWS or contestant.rows is not None:  # a prompt learns from no more than it holds
        return None
    parts: list[Part] = []  # a rung that is slow to learn shows one point; the rest of its curve is the prior's
    if not getattr(recipe, "slow", False):
        contested = _as_contested(recipe, contestant, len(train))
        parts = learn_parts(contested, train, seed, work / "forecast" / recipe.name, listener)
    own = Held(len(train), float(1 - contestant.right.mean()), len(train))
    held = [Held(p.rows, float(1 - p.right.mean()), len(p.right)) for p in parts]
    taught = _taught(splits)
    trend = fit(len(train), own, held, fresh=_fresh(calibrated, taught, len(train)))
    unusable = 1 - float(taught.mean()) if len(taught) else 0.0
    judge = _Coverage(trend, unusable, _traffic(calibrated, splits, taught, examples), calibrated.certificates, seed)
    curves = [_accuracy(trend, unusable, parts, splits, calibrated, len(train))]
    if judge.possible:
        least = _least_coverage(bar.min_coverage, len(splits.test))
        reached = _covers(calibrated, bar.min_coverage)
        kinds: tuple[Literal["train", "calibrate", "both"], ...] = ("train", "calibrate", "both")
        shown = parts if judge.risk_alone and not any(train.others) else ()  # the parts give no second opinion
        curves += [_coverage(judge, kind, shown, len(train), least, reached) for kind in kinds]
    return Forecast(contestant.name, tuple(curves))


def _as_contested(recipe: Recipe, contestant: Contestant, rows: int) -> Recipe:
    """The recipe that fits parts as the whole was fitted: the same encoder, which remembers, and the same way of fitting."""
    if isinstance(recipe, KeywordsRecipe):
        return replace(recipe, as_for=rows)
    if isinstance(recipe, EncoderRecipe) and isinstance(contestant.specialist, EncoderSpecialist):
        reader = RememberedEncoder(contestant.specialist.encoder)
        return replace(recipe, keywords=replace(recipe.keywords, as_for=rows), reader=reader)
    return recipe


def learn_parts(recipe: Recipe, train: Train, seed: int, folder: Path, listener: Listener) -> list[Part]:
    """Validate ``recipe`` on nested parts of train and score each on rows outside it; finished parts are kept."""
    order = _order(train, seed)[: min(MOST_ROWS, max(len(train) // 4, FEWEST_ROWS))]
    sizes = [size for share in PARTS if (size := len(order) // share) >= LEAST_PART]
    parts = []
    for size in sizes:
        path = folder / f"{size}.safetensors"
        if not path.exists():
            folder.mkdir(parents=True, exist_ok=True)
            part = _learn(recipe, train, order, size, seed)
            save_arrays(path, {"right": part.right, "confidence": part.confidence})
        arrays = load_arrays(path)
        parts.append(Part(size, arrays["right"], arrays["confidence"]))
        listener.progress("forecast", 1, len(sizes))
    return parts


def _order(train: Train, seed: int) -> list[int]:
    """Rows in random order, near-duplicates next to each other."""
    groups = sorted(set(train.groups))
    Random(f"{seed}:forecast").shuffle(groups)
    rank = {group: i for i, group in enumerate(groups)}
    return sorted(range(len(train)), key=lambda row: (rank[train.groups[row]], row))


def _learn(recipe: Recipe, train: Train, order: Sequence[int], size: int, seed: int) -> Part:
    part = replace(
        train.subset(order[:size]), others=()
    )  # no second opinion: it changes no answer, and takes half the time
    known = set(part.groups)
    beyond = [row for row in order[max(size, len(order) - MOST_HELD) :] if train.groups[row] not in known]
    numbers = folds(part, seed, PART_FOLDS)
    fitted = recipe.validate(part, numbers, {})
    position = {label: i for i, label in enumerate(train.labels)}
    right = fitted.evidence.probabilities.argmax(axis=1) == np.array([position[t] for t in part.targets])
    evidence = fitted.specialist.evidence([train.inputs[row] for row in beyond])
    said = evidence.probabilities.argmax(axis=1)
    return Part(
        size,
        said == np.array([position[train.targets[row]] for row in beyond]),
        confidence.fit(fitted.evidence, right, numbers)(evidence),
    )


def _taught(splits: Splits) -> NDArray[np.bool_]:
    """Which calibration rows have a reference that train teaches; on the others every answer is wrong."""
    taught = set(splits.train.labels)
    references = [e.gold if splits.reference == "gold" else e.answer for e in splits.calibrate.examples]
    return np.array([r in taught for r in references], dtype=bool)


def _fresh(calibrated: Calibrated, taught: NDArray[np.bool_], rows: int) -> Held | None:
    """The share of wrong answers on calibrate, counted as so many rows as there are near-duplicate groups."""
    if not taught.any():
        return None
    judged = calibrated.judged
    return Held(rows, float(judged.wrong[taught].mean()), len(np.unique(judged.groups[taught])))


def _traffic(calibrated: Calibrated, splits: Splits, taught: NDArray[np.bool_], examples: Sequence[Example]) -> Traffic:
    contestant, judged = calibrated.contestant, calibrated.judged
    sure = np.append(contestant.confidence_out_of_fold, judged.confidence[taught])
    wrong = np.append(~contestant.right, judged.wrong[taught])
    if splits.reference != "gold":
        return Traffic(sure, wrong, None)
    answers = {(e.id, e.input): e.answer for e in examples}
    rows = zip(splits.train.ids, splits.train.inputs, splits.train.targets, strict=True)
    llm_wrong = [answers.get((i, text)) not in (None, target) for i, text, target in rows]
    excess = judged.wrong.astype(float) if judged.excess is None else judged.excess
    later = judged.wrong[taught] - excess[taught] > 0  # without an LLM there is none that errs
    return Traffic(sure, wrong, np.append(np.array(llm_wrong, dtype=bool), later))


class _Coverage:
    """Draws of the certified coverage with ``train`` times the train and ``calibrate`` times the calibrate rows."""

    def __init__(
        self, trend: Trend, unusable: float, traffic: Traffic, certificates: Sequence[Certificate], seed: int
    ) -> None:
        self._trend, self._unusable, self._traffic, self._seed = trend, unusable, traffic, seed
        self._certificates = certificates
        self._known: dict[tuple[float, float], Floats] = {}
        self.rows = certificates[0].n_groups if certificates else 0
        self.possible = self.rows > 0 and (self.risk_alone or traffic.llm_wrong is not None)

    def draws(self, train: float, calibrate: float) -> Floats:
        """(draws,) certified coverages; where several bounds must hold, the least."""
        if (train, calibrate) not in self._known:
            count = EXCESS_DRAWS if any(c.quantity == "excess" for c in self._certificates) else DRAWS
            random = np.random.default_rng(self._seed)
            _, spread = self._trend.logit(train)
            missed = expit(self._trend.level(train) + spread * random.standard_normal(count))
            wrong = self._unusable + (1 - self._unusable) * missed
            rows = round(self.rows * calibrate)
            found = [
                certified(c.quantity, c.limit, c.delta, self._traffic, wrong, rows, random) for c in self._certificates
            ]
            self._known[train, calibrate] = np.min(found, axis=0)
        return self._known[train, calibrate]

    @property
    def sampled(self) -> int:
        """The rows behind the draws."""
        return len(self._traffic.wrong)

    def of_part(self, part: Part, calibrate: float) -> Floats:
        """(draws,) certified coverages of what a smaller fit showed; only where risk alone is bounded."""
        random = np.random.default_rng(self._seed)
        seen = Traffic(part.confidence, ~part.right, None)
        same = np.full(DRAWS, seen.wrong.mean())
        rows = round(self.rows * calibrate)
        found = [certified(c.quantity, c.limit, c.delta, seen, same, rows, random) for c in self._certificates]
        return np.asarray(np.min(found, axis=0))

    @property
    def risk_alone(self) -> bool:
        return all(c.quantity == "risk" for c in self._certificates)

    def today(self, calibrate: float) -> Floats:
        """(draws,) certified coverages of the out-of-fold rows as they are."""
        traffic, random = self._traffic, np.random.default_rng(self._seed)
        same = np.full(DRAWS if self.risk_alone else EXCESS_DRAWS, traffic.wrong.mean())
        rows = round(self.rows * calibrate)
        found = [certified(c.quantity, c.limit, c.delta, traffic, same, rows, random) for c in self._certificates]
        return np.asarray(np.min(found, axis=0))


def _accuracy(
    trend: Trend, unusable: float, parts: Sequence[Part], splits: Splits, calibrated: Calibrated, rows: int
) -> LearningCurve:
    reference: ReferenceKind = splits.reference
    observed = []
    for part in parts:
        score = share(int(part.right.sum()), len(part.right))
        assert score is not None
        observed.append(CurveScore(part.rows, score))
    later = max(len(splits.test), 1)
    scores: dict[float, tuple[float, float, float]] = {}
    for times in TIMES:
        low, high = trend.interval(times, later)
        wrong = trend.wrong(times), high, low
        scores[times] = tuple((1 - unusable) * (1 - each) for each in wrong)  # type: ignore[assignment]
    goal = _accuracy_bar(calibrated)
    return _curve(
        "accuracy" if reference == "gold" else "agreement", "train", rows, observed, scores, goal,
        reached=calibrated.threshold is not None and calibrated.threshold <= 0,
    )  # fmt: skip


def _accuracy_bar(calibrated: Calibrated) -> float | None:
    """The accuracy at which everything could be answered: what calibrate would then certify."""
    bars = []
    for certificate in calibrated.certificates:
        if certificate.quantity == "risk":
            allowed = errors_allowed(certificate.n_groups, certificate.limit, certificate.delta)
            bars.append(1 - max(allowed, 0) / max(certificate.n_groups, 1))
        elif calibrated.judged.excess is not None:
            llm_wrong = calibrated.judged.wrong - calibrated.judged.excess
            bars.append(1 - float(llm_wrong.mean()) - certificate.limit)
    return min(1.0, max(bars)) if bars else None


def _coverage(
    judge: _Coverage, kind: Literal["train", "calibrate", "both"], parts: Sequence[Part], train: int, bar: float,
    reached: bool,
) -> LearningCurve:  # fmt: skip
    more_train, more_calibrate = kind != "calibrate", kind != "train"
    scores = {}
    for times in TIMES:
        drawn = judge.draws(times if more_train else 1.0, times if more_calibrate else 1.0)
        gain = COVERAGE_GAIN * min(1.0, math.log2(times)) if more_train else 0.0
        scores[times] = widened(drawn, COVERAGE_MISFIT, LEVEL, gain)
    observed = []
    if kind == "calibrate":
        observed = [
            CurveScore(round(judge.rows * f), _measured(judge.today(f), judge.sampled)) for f in (0.25, 0.5, 1.0)
        ]
    elif kind == "train":
        observed = [CurveScore(p.rows, _measured(judge.of_part(p, 1.0), len(p.right))) for p in parts]
    rows = (train if more_train else 0) + (judge.rows if more_calibrate else 0)
    return _curve("coverage", kind, rows, observed, scores, bar, reached)


def _measured(drawn: Floats, n: int) -> Measured:
    """The middle of what was drawn. Where every draw covers all, the rows behind them still bound it from below."""
    low, middle, high = (float(edge) for edge in np.quantile(drawn, [0.025, 0.5, 0.975]))
    return Measured(middle, lower_share(n, n, 0.025) if low == 1.0 else low, high, n)


def _curve(
    metric: Literal["accuracy", "agreement", "coverage"], by: Literal["train", "calibrate", "both"], rows: int,
    observed: Sequence[CurveScore], scores: Mapping[float, tuple[float, float, float]], bar: float | None, reached: bool,
) -> LearningCurve:  # fmt: skip
    """More rows never foretell less: each of value, low and high is the best on the way."""
    times = sorted(scores)
    best = np.clip(np.maximum.accumulate(np.array([scores[t] for t in times]), axis=0), 0.0, 1.0)
    foreseen = tuple(ForeseenScore(round(rows * t), t, *map(float, best[i])) for i, t in enumerate(times) if t in SHOWN)
    needed = None if bar is None or reached else _needed(rows, times, best, bar)
    return LearningCurve(metric, by, rows, tuple(observed), foreseen, LEVEL, bar, reached, needed)


def _needed(rows: int, times: Sequence[float], best: Floats, bar: float) -> RowsToBar | None:
    """Where today is not enough although the curve says so, its lower edge is what is believed."""
    middle, late, early = (crossing(times, best[:, column], bar) for column in range(3))
    if middle == times[0]:
        middle = late
    if middle is None:
        return None

    def further(at: float) -> int:
        return max(1, math.ceil(rows * (at - 1)))

    return RowsToBar(
        further(middle), further(middle if early is None else early), None if late is None else further(late)
    )


def _least_coverage(share_asked: float, rows: int) -> float:
    """The coverage whose lower bound on that many test rows is what is asked for."""
    if rows == 0:
        return share_asked
    hits = next((k for k in range(rows + 1) if lower_share(k, rows, 0.025) >= share_asked), rows)
    return hits / rows


def _covers(calibrated: Calibrated, asked: float) -> bool:
    """Whether calibrate certified a threshold at which enough is covered."""
    if calibrated.threshold is None:
        return False
    answered = calibrated.judged.confidence >= calibrated.threshold
    return lower_share(int(answered.sum()), len(answered), 0.025) >= asked
