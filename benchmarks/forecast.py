"""Does the forecast hold? Fitted on n train rows alone, does its 90 % interval hold the score at 2n and 4n rows?

The sets, their sizes and the seeds below were written down before anything was measured. A back-test takes the
official train rows only, puts near-duplicate groups aside as later traffic, and adds the others one size after the
other, so that each smaller train set lies within the next. At size n the forecast sees those n rows and nothing
else; at 2n and 4n the same rung is fitted as `decide` fits it, and its accuracy and its certified coverage (at the
target of 97 %, δ = 5 %, calibrated on the later traffic) are what the interval must hold.
"""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from random import Random
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import expit, logit
from scipy.stats import norm
from shared_data import result, rows, write

from sizewise.cascade import confidence
from sizewise.cascade.guarantee import certify_risk
from sizewise.core.example import Example, Train
from sizewise.core.task import Task
from sizewise.data.check import check
from sizewise.data.read import read
from sizewise.data.split import split
from sizewise.data.tally import PARTS
from sizewise.evaluate.coverage_forecast import certified_coverages, widened
from sizewise.evaluate.learning_curve import LEVEL, PRIOR, Held, Prior, fit
from sizewise.specialists.encoder import EncoderRecipe
from sizewise.specialists.encoder_specialist import EncoderSpecialist
from sizewise.specialists.folds import folds
from sizewise.specialists.ladder import recipes
from sizewise.specialists.vector_cache import RememberedEncoder

TARGET, DELTA = 0.97, 0.05
SEEDS = (0, 1, 2, 3)
INDEPENDENT = 0.3  # of the likelihood is believed: sizes lie within one another, and seeds share most of their rows
LEAST_MISFIT = 0.03  # of coverage: with less, what was fitted to some sets held three in four of another's
SHARES = np.arange(0.4, 1.01, 0.05)  # of the model's own spread, tried from the least
CALIBRATE = 0.45  # calibrate rows for each train row, as the default carve leaves them


@dataclass(frozen=True, slots=True)
class Set:
    """A log's official train rows; forecasts are made at ``sizes``, and held against the doubles of each.

    ``later_rows`` are as many as the log has left: the fewer, the more of what is seen is the luck of counting.
    """

    name: str
    file: str
    reference: Literal["gold", "llm"]
    sizes: tuple[int, ...]
    later_rows: int

    @property
    def chain(self) -> tuple[int, ...]:
        """A quarter and a half of the smallest size, the sizes, and the double of the largest."""
        return (self.sizes[0] // 4, self.sizes[0] // 2, *self.sizes, 2 * self.sizes[-1])


SETS = (
    Set("ru_intents", "ru_intents", "gold", (300, 600, 1_200), 1_800),
    Set("banking gold", "banking77_llm_log", "gold", (500, 1_000, 2_000), 5_000),
    Set("clinc150", "clinc150", "gold", (750, 1_500, 3_000), 7_500),
    Set("banking llm", "banking77_llm_log", "llm", (500, 1_000, 2_000), 5_000),
)

Arrays = dict[str, NDArray[Any]]


def prepared(wanted: Set, seed: int) -> tuple[Train, list[Example], list[Example]]:
    """Train rows in the order in which they arrive, calibrate rows likewise, and the later traffic; no near-duplicate on
    two sides."""
    kept = [r for r in rows(wanted.file) if r["split"] == "train" and r.get("gold") != "oos"]
    with tempfile.TemporaryDirectory() as folder:
        checked = check(read([write(Path(folder) / "log.jsonl", [r | {"split": None} for r in kept])]))
    groups = sorted({e.group for e in checked.examples})
    Random(f"{seed}:later").shuffle(groups)
    sizes: dict[int, int] = {}
    for example in checked.examples:
        sizes[example.group] = sizes.get(example.group, 0) + 1
    place: dict[int, int] = {}
    taken, calibrate = 0, round(CALIBRATE * wanted.sizes[-1])
    for group in groups:
        before = taken < wanted.later_rows, taken < wanted.later_rows + calibrate
        place[group] = PARTS.index("test" if before[0] else "calibrate" if before[1] else "train")
        taken += sizes[group]
    placed = np.array([place[e.group] for e in checked.examples], dtype=checked.facts.columns.parts.dtype)
    facts = replace(checked.facts, columns=replace(checked.facts.columns, parts=placed))
    parts = split(replace(checked, facts=facts), wanted.reference, seed=seed)
    assert parts.division.how == "column"
    assert len(parts.test) >= wanted.later_rows
    order = list(range(len(parts.train)))
    Random(f"{seed}:order").shuffle(order)
    return parts.train.subset(order), list(parts.calibrate.examples), list(parts.test.examples)


def collected(wanted: Set, seed: int, cache: Path) -> dict[int, Arrays]:
    """What the rung scores at each size of the chain; kept in ``cache``, because it takes minutes."""
    train, *others = prepared(wanted, seed)
    lower, recipe = recipes(Task(name="benchmark", rungs=("keywords", "encoder")))
    position = {label: i for i, label in enumerate(train.labels)}
    targets = np.array([position[t] for t in train.targets])
    most = wanted.chain[-2]
    found: dict[int, Arrays] = {}
    reader: RememberedEncoder | None = None
    for size in wanted.chain:
        path = cache / f"{wanted.name}-{seed}-{size}.npz".replace(" ", "-")
        if not path.exists():
            started = time.perf_counter()
            part = train.subset(range(size))
            numbers = folds(part, seed)
            below = lower.validate(part, numbers, {})
            assert isinstance(recipe, EncoderRecipe)
            fitted = replace(recipe, reader=reader).validate(part, numbers, {lower.name: below})
            right = fitted.evidence.probabilities.argmax(axis=1) == targets[:size]
            sure = confidence.fit(fitted.evidence, right, numbers)
            assert isinstance(fitted.specialist, EncoderSpecialist)
            reader = reader or RememberedEncoder(fitted.specialist.cached().encoder)
            specialist = replace(fitted.specialist, encoder=reader)
            beyond = specialist.evidence(train.inputs[size:most])
            arrays = {
                "right": right, "confidence": confidence.out_of_fold(fitted.evidence, right, numbers),
                "beyond_right": beyond.probabilities.argmax(axis=1) == targets[size:most],
                "beyond_confidence": sure(beyond),
            }  # fmt: skip
            for name, examples in zip(("calibrate", "later"), others, strict=True):
                evidence = specialist.evidence([e.input for e in examples])
                said = [train.labels[i] for i in evidence.probabilities.argmax(axis=1)]
                references = [e.gold if wanted.reference == "gold" else e.answer for e in examples]
                arrays[f"{name}_right"] = np.array([a == r for a, r in zip(said, references, strict=True)])
                arrays[f"{name}_confidence"] = sure(evidence)
            np.savez(path, **arrays)
            result("collected", set=wanted.name, seed=seed, size=size, seconds=round(time.perf_counter() - started, 1))
        with np.load(path) as kept:
            found[size] = dict(kept)
    return found


@dataclass(frozen=True, slots=True)
class BackTest:
    """A forecast from ``rows`` rows; ``later`` maps 1, 2 and 4 times the rows to what was then found."""

    of: Set
    seed: int
    rows: int
    own: Held
    held: tuple[Held, ...]
    fresh: Held
    traffic: Arrays
    later: dict[int, Arrays]

    @property
    def family(self) -> str:
        """Sets that share texts; a forecast is held against a prior that was fitted without any of them."""
        return self.of.file


def back_tests(wanted: Set, seed: int, found: dict[int, Arrays]) -> Iterator[BackTest]:
    """One for each size: parts of an eighth, a quarter and a half, as far as the chain reaches down."""
    for size in wanted.sizes:
        parts = [size // share for share in (8, 4, 2) if size // share in found]
        held = [(part, found[part]["beyond_right"][: size - part]) for part in parts]
        at = found[size]
        some = round(CALIBRATE * size)
        fresh = at["calibrate_right"][:some]
        traffic = {
            "right": np.append(at["right"], fresh),
            "confidence": np.append(at["confidence"], at["calibrate_confidence"][:some]),
        }
        yield BackTest(
            wanted, seed, size, Held(size, float((~found[size]["right"]).mean()), size),
            tuple(Held(part, float((~right).mean()), len(right)) for part, right in held),
            Held(size, float((~fresh).mean()), len(fresh)), traffic, {times: found[times * size] for times in (1, 2, 4) if times * size in found},
        )  # fmt: skip


def fitted_prior(tests: Sequence[BackTest]) -> Prior:
    """The prior under which the later scores of ``tests`` are most likely, twice the rows counting double."""
    start = np.array([0.45, np.log(0.2), 0.03, np.log(0.03), 0.1, np.log(0.1), np.log(0.1)])
    trust = np.array([0.2, 0.3, 0.03, 0.4, 0.15, 0.3, 0.4])  # how far the data may pull each from its start

    def loss(x: NDArray[np.float64]) -> float:
        total = float((((x - start) / trust) ** 2).sum() / 2)
        for test in tests:
            trend = fit(test.rows, test.own, test.held, prior(x), test.fresh)
            for times, later in test.later.items():
                n, wrong = len(later["later_right"]), float((~later["later_right"]).mean())
                centre, spread = trend.logit(times)
                spread = np.hypot(spread, 1 / np.sqrt(n * wrong * (1 - wrong)))
                total -= INDEPENDENT * (1.0 if times == 2 else 0.5) * float(norm.logpdf(logit(wrong), centre, spread))
        return total

    return prior(
        minimize(loss, start, method="Nelder-Mead", options={"maxiter": 1_200, "xatol": 2e-3, "fatol": 1e-2}).x
    )


def prior(x: NDArray[np.float64]) -> Prior:
    """The prior of seven numbers, spreads as logarithms."""
    slope, bend, flattery = x[0], x[2], x[4]
    return Prior(slope, np.exp(x[1]), bend, np.exp(x[3]), flattery, np.exp(x[5]), PRIOR.shared, np.exp(x[6]))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was foreseen and what was found, for accuracy; for coverage the draws, to be widened."""

    test: BackTest
    times: int
    accuracy: tuple[float, float, float, float]
    coverage: float
    drawn: NDArray[np.float64]


def sharpened(learned: Prior, tests: Sequence[BackTest]) -> Prior:
    """The prior with the least share of its spread at which nine in ten of ``tests`` still hold at twice the rows."""
    tried = (replace(learned, spread=float(share)) for share in SHARES)
    return next(
        (prior for prior in tried if np.mean([holds(t, prior) for t in tests if 2 in t.later]) >= LEVEL), learned
    )


def holds(test: BackTest, by: Prior) -> bool:
    """Whether the share of wrong answers at twice the rows lies within the interval."""
    later = test.later[2]["later_right"]
    low, high = fit(test.rows, test.own, test.held, by, test.fresh).interval(2, len(later))
    return low <= float((~later).mean()) <= high


def outcomes(test: BackTest, by: Prior) -> Iterator[Outcome]:
    """The forecast of ``test`` under a prior, beside what was found at each multiple of its rows."""
    trend = fit(test.rows, test.own, test.held, by, test.fresh)
    for times, later in test.later.items():
        n, random = len(later["later_right"]), np.random.default_rng(0)
        low, high = trend.interval(times, n)
        shares = expit(trend.level(times) + trend.logit(times)[1] * random.standard_normal(200))
        drawn = certified_coverages(
            test.traffic["confidence"], ~test.traffic["right"], shares, n, 1 - TARGET, DELTA, random
        )
        threshold = certify_risk(later["later_confidence"], ~later["later_right"], 1 - TARGET, DELTA).threshold
        covered = 0.0 if threshold is None else float((later["later_confidence"] >= threshold).mean())
        yield Outcome(
            test, times, (float(later["later_right"].mean()), 1 - trend.wrong(times), 1 - high, 1 - low), covered, drawn
        )


def misfit(of: Sequence[Outcome]) -> tuple[float, float]:
    """At twice the rows: what the coverages were higher by on the average, and the least spread that then held nine in ten."""
    twice = [o for o in of if o.times == 2]
    gain = float(np.mean([o.coverage - np.median(o.drawn) for o in twice]))
    tried = np.arange(LEAST_MISFIT, 0.16, 0.005)
    return gain, float(
        next((m for m in tried if np.mean([_coverage(o, gain, m).held for o in twice]) >= LEVEL), tried[-1])
    )


@dataclass(frozen=True, slots=True)
class Line:
    """Whether one interval held what was found, how wide it was, and what was found beyond its middle."""

    name: str
    rows: int
    times: int
    held: bool
    width: float
    missed: float

    @classmethod
    def of(cls, outcome: Outcome, found: float, interval: tuple[float, float, float]) -> Line:
        test, (middle, low, high) = outcome.test, interval
        return cls(test.of.name, test.rows, outcome.times, low <= found <= high, high - low, found - middle)


def _coverage(of: Outcome, gain: float, spread: float) -> Line:
    return Line.of(of, of.coverage, widened(of.drawn, spread, LEVEL, gain if of.times > 1 else 0.0))


def report(tests: Sequence[BackTest]) -> None:
    """Each family of sets under a prior and a misfit that were fitted to the other families."""
    accuracy: list[Line] = []
    coverage: list[Line] = []
    for family in sorted({t.family for t in tests}):
        others = [t for t in tests if t.family != family]
        learned = sharpened(fitted_prior(others), others)
        gain, spread = misfit([o for t in others for o in outcomes(t, learned)])
        result(
            "fitted without",
            family=family,
            gain=round(gain, 3),
            misfit=round(spread, 3),
            prior={k: round(float(v), 3) for k, v in asdict(learned).items()},
        )
        for test in (t for t in tests if t.family == family):
            for outcome in outcomes(test, learned):
                accuracy.append(Line.of(outcome, outcome.accuracy[0], outcome.accuracy[1:]))
                coverage.append(_coverage(outcome, gain, spread))
    for what, lines in (("accuracy", accuracy), ("coverage", coverage)):
        for times in (1, 2, 4):
            of = [line for line in lines if line.times == times]
            _told(what, times, "all", of)
            for name, size in dict.fromkeys((line.name, line.rows) for line in of):
                _told(what, times, f"{name}, {size:,} rows", [x for x in of if (x.name, x.rows) == (name, size)])
    learned = sharpened(fitted_prior(tests), tests)
    gain, spread = misfit([o for t in tests for o in outcomes(t, learned)])
    result(
        "fitted to all", gain=round(gain, 3), misfit=round(spread, 3),
        prior={k: round(float(v), 3) for k, v in asdict(learned).items()},
    )  # fmt: skip


def _told(what: str, times: int, of: str, lines: Sequence[Line]) -> None:
    if lines:
        held, widths, missed = (np.array([getattr(x, name) for x in lines]) for name in ("held", "width", "missed"))
        result(
            what, times=times, of=of, back_tests=len(lines), held=round(float(held.mean()), 3),
            width_median=round(float(np.median(widths)), 4), error_mean=round(float(np.abs(missed).mean()), 4),
            bias=round(float(missed.mean()), 4),
        )  # fmt: skip


def main(cache: Path, seeds: Sequence[int]) -> None:
    cache.mkdir(parents=True, exist_ok=True)
    tests: list[BackTest] = []
    for seed in seeds:
        for wanted in SETS:
            tests += back_tests(wanted, seed, collected(wanted, seed, cache))
    report(tests)


if __name__ == "__main__":
    place = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(tempfile.mkdtemp(prefix="sizewise-forecast-"))
    main(place, [int(seed) for seed in sys.argv[2:]] or SEEDS)
