"""Several tasks at once: N specialists with their upkeep, one large model for all, and every mixture of the two.

A specialist's machine is shared by all specialists, the upkeep of a large model by all tasks that it does: that is what
makes a portfolio more than the sum of its tasks. Money in US dollars a month, people in hours a month, as ranges.
"""

from __future__ import annotations

import itertools
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sizewise.advice.costs import MONTHS_OF_BUILDING, Assumptions, Range, calls_per_month, product, scaled, total
from sizewise.advice.judgement import Judgement, judge
from sizewise.advice.questionnaire import Answers, checked_answers, read_answers
from sizewise.advice.rules import Rules, Way
from sizewise.core.errors import TaskError
from sizewise.core.measurement import Measured
from sizewise.core.verdict import Verdict
from sizewise.store.run_folder import read_record

WAYS: tuple[Way, ...] = ("small", "cascade", "large")
NOTHING: Range = (0.0, 0.0)
MOST_ENUMERATED = 8


@dataclass(frozen=True, slots=True)
class TaskWay:
    """One way to do one task: what its calls to a large model cost, what people do for it, and how good it is.

    ``share_small`` is the share of its requests that a specialist answers; ``quality`` is measured, or ``None``.
    """

    way: Way
    calls: Range
    hours: Range
    share_small: float
    quality: Measured | None


@dataclass(frozen=True, slots=True)
class PortfolioTask:
    """A task with the ways that its verdict or its advice leaves open, ``large`` always among them."""

    name: str
    basis: Literal["measured", "advised"]
    said: str
    volume: Range
    ways: Mapping[Way, TaskWay]


@dataclass(frozen=True, slots=True)
class Mixture:
    """One way for each task, in the order of the tasks, and what all of it takes a month."""

    ways: tuple[Way, ...]
    money: Range
    hours: Range
    machines: Range

    @property
    def middle(self) -> float:
        """The middle of the range in dollars: what mixtures are ordered by."""
        return (self.money[0] + self.money[1]) / 2


@dataclass(frozen=True, slots=True)
class Portfolio:
    """The tasks, all of them on one large model, the way there one task at a time, and the cheapest mixture.

    ``path`` begins with ``all_large`` and moves one task at each step, the one that saves most first; ``enumerated`` is
    the number of mixtures that were compared. ``simplicity`` is what it is worth to run no specialist.
    """

    tasks: tuple[PortfolioTask, ...]
    all_large: Mixture
    all_small: Mixture
    path: tuple[Mixture, ...]
    moved: tuple[str, ...]
    cheapest: Mixture
    enumerated: int
    simplicity: Range

    @property
    def one_model_wins(self) -> bool:
        """Whether one large model for all is the cheapest, what simplicity is worth counted in (middles of ranges)."""
        worth = (self.simplicity[0] + self.simplicity[1]) / 2
        return self.all_large.middle <= self.cheapest.middle + worth


def read_portfolio(path: Path, rules: Rules, assumed: Assumptions) -> tuple[PortfolioTask, ...]:
    """The tasks of a portfolio file: each with a finished ``run``, a ``questionnaire``, or ``answers``.

    Paths are relative to the file. Raises ``TaskError`` with what is wrong, and ``RunError`` for a run that is not whole.
    """
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise TaskError(
            f"no portfolio {path}. It lists tasks: [[tasks]] name = ..., run = ... or questionnaire = ..."
        ) from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaskError(f"{path} is no portfolio: {error}.") from error
    entries = raw.get("tasks")
    if not isinstance(entries, list) or not entries or not all(isinstance(e, dict) for e in entries):
        raise TaskError(f"{path}: a portfolio lists its tasks as [[tasks]], each with a name.")
    names = [str(e.get("name", "")) for e in entries]
    if "" in names or len(set(names)) < len(names):
        raise TaskError(f"{path}: every task needs a name of its own.")
    return tuple(_task(path, entry, rules, assumed) for entry in entries)


def _task(path: Path, entry: Mapping[str, Any], rules: Rules, assumed: Assumptions) -> PortfolioTask:
    name = str(entry["name"])
    where = f"{path}, task {name!r}"
    unknown = sorted(set(entry) - {"name", "run", "questionnaire", "answers", "volume"})
    if unknown:
        raise TaskError(f"{where}: there is no key {unknown[0]!r}: name, run, questionnaire, answers, volume.")
    if sum(key in entry for key in ("run", "questionnaire", "answers")) != 1:
        raise TaskError(f"{where}: needs one of run, questionnaire and answers.")
    given = checked_answers({"volume": entry["volume"]}, rules, where) if "volume" in entry else {}
    if "run" in entry:
        verdict = read_record(path.parent / str(entry["run"])).verdict
        return measured_task(name, verdict, assumed, _volume(given))
    if "questionnaire" in entry:
        answers = read_answers(path.parent / str(entry["questionnaire"]), rules)
    else:
        answers = checked_answers(entry["answers"], rules, where) if isinstance(entry["answers"], dict) else {}
    return advised_task(name, {**answers, **given}, rules, assumed)


def _volume(answers: Answers) -> float | None:
    value = answers.get("volume")
    return float(value) if value is not None else None


def measured_task(name: str, verdict: Verdict, assumed: Assumptions, volume: float | None = None) -> PortfolioTask:
    """A task with a verdict: only what was certified is open to it beside the large model."""
    given = volume or verdict.costs.volume_per_month
    answers: dict[str, str | float] = {"output": "label"} | ({} if given is None else {"volume": given})
    requests = _requests(answers)
    priced = verdict.costs.large_per_1k_usd
    calls = calls_per_month(answers, assumed) if priced is None else _priced(requests, priced)
    in_gold = verdict.reference == "gold"
    ways = {"large": TaskWay("large", calls, assumed.of("prompt_upkeep"), 0.0, _of(verdict.large, in_gold))}
    cascade = verdict.cascade
    if verdict.decision == "small":
        quality = (verdict.small.accuracy if in_gold else verdict.small.agreement) if verdict.small else None
        ways["small"] = TaskWay("small", NOTHING, _specialist_hours(assumed, "small"), 1.0, quality)
    elif verdict.decision == "cascade" and cascade is not None:
        share = cascade.coverage
        left = 1 - (share.high or share.value), 1 - (share.low or share.value)
        quality = cascade.system_accuracy if in_gold else cascade.system_agreement
        hours = total(_specialist_hours(assumed, "cascade"), assumed.of("prompt_upkeep"))
        ways["cascade"] = TaskWay("cascade", product(left, calls), hours, share.value, quality)
    return PortfolioTask(name, "measured", verdict.decision, requests, ways)  # type: ignore[arg-type]


def _of(large: Any, in_gold: bool) -> Measured | None:
    return large.accuracy if large is not None and in_gold else None


def _priced(requests: Range, per_1k: Measured) -> Range:
    low, high = per_1k.low if per_1k.low is not None else per_1k.value, per_1k.high or per_1k.value
    return requests[0] / 1_000 * low, requests[1] / 1_000 * high


def advised_task(name: str, answers: Answers, rules: Rules, assumed: Assumptions) -> PortfolioTask:
    """A task without data: the ways that its score's interval reaches, none of them measured."""
    judgement = judge(answers, rules)
    calls = calls_per_month(answers, assumed)
    covered = assumed.of("covered")
    hours = total(_specialist_hours(assumed, "cascade"), assumed.of("prompt_upkeep"))
    every = {
        "small": TaskWay("small", NOTHING, _specialist_hours(assumed, "small"), 1.0, None),
        "cascade": TaskWay("cascade", product((1 - covered[1], 1 - covered[0]), calls), hours, sum(covered) / 2, None),
        "large": TaskWay("large", calls, assumed.of("prompt_upkeep"), 0.0, None),
    }
    reached = _reached(judgement, rules)
    ways = {way: every[way] for way in WAYS if way in reached}
    return PortfolioTask(name, "advised", judgement.advice, _requests(answers), ways)


def _reached(judgement: Judgement, rules: Rules) -> set[Way]:
    """Large always; a cascade and a small model where the score can lie in their region."""
    reached: set[Way] = {"large"}
    if judgement.high >= rules.borders.cascade:
        reached.add("cascade")
    if judgement.high >= rules.borders.small:
        reached.add("small")
    return reached


def _requests(answers: Answers) -> Range:
    from sizewise.advice.costs import VOLUMES

    volume = _volume(answers)
    return VOLUMES if volume is None else (volume, volume)


def _specialist_hours(assumed: Assumptions, way: str) -> Range:
    return total(assumed.of(f"upkeep_{way}"), scaled(assumed.of("building"), 1 / MONTHS_OF_BUILDING))


def mixture(tasks: Sequence[PortfolioTask], ways: Sequence[Way], assumed: Assumptions) -> Mixture:
    """What the tasks take together when each is done in its way."""
    chosen = [task.ways[way] for task, way in zip(tasks, ways, strict=True)]
    hours, calls, machines = NOTHING, NOTHING, NOTHING
    for one in chosen:
        hours, calls = total(hours, one.hours), total(calls, one.calls)
    small = [(task.volume, one.share_small) for task, one in zip(tasks, chosen, strict=True) if one.way != "large"]
    if small:
        load = sum(v[0] * share for v, share in small), sum(v[1] * share for v, share in small)
        price, capacity = assumed.of("small_machine"), assumed.of("small_capacity")
        machines = price[0] * max(1.0, load[0] / capacity[1]), price[1] * max(1.0, load[1] / capacity[0])
    if any(one.way != "small" for one in chosen):
        hours = total(hours, assumed.of("upkeep_large"))  # once, for however many tasks
    money = total(total(calls, machines), product(hours, assumed.of("hour")))
    return Mixture(tuple(ways), money, hours, machines)


def portfolio(tasks: Sequence[PortfolioTask], assumed: Assumptions) -> Portfolio:
    """Compare every mixture, up to eight tasks; beyond that, the way from all large one task at a time."""
    all_large = mixture(tasks, ["large"] * len(tasks), assumed)
    leanest = [next(way for way in WAYS if way in task.ways) for task in tasks]
    path, moved = _path(tasks, all_large, assumed)
    compared = list(path)
    if len(tasks) <= MOST_ENUMERATED:
        every = itertools.product(*[[way for way in WAYS if way in task.ways] for task in tasks])
        compared = [mixture(tasks, ways, assumed) for ways in every]
    return Portfolio(
        tasks=tuple(tasks),
        all_large=all_large,
        all_small=mixture(tasks, leanest, assumed),
        path=path,
        moved=moved,
        cheapest=min(compared, key=lambda m: m.middle),
        enumerated=len(compared),
        simplicity=assumed.of("simplicity"),
    )


def _path(
    tasks: Sequence[PortfolioTask], start: Mixture, assumed: Assumptions
) -> tuple[tuple[Mixture, ...], tuple[str, ...]]:
    """Move the task that lowers the total most, or raises it least, until none is left to move."""
    path, moved = [start], []
    ways = list(start.ways)
    while candidates := [i for i, task in enumerate(tasks) if ways[i] == "large" and len(task.ways) > 1]:
        steps = [
            (mixture(tasks, [*ways[:i], way, *ways[i + 1 :]], assumed), i, way)
            for i in candidates
            for way in tasks[i].ways
            if way != "large"
        ]
        best, index, way = min(steps, key=lambda step: step[0].middle)
        ways[index] = way
        path.append(best)
        moved.append(tasks[index].name)
    return tuple(path), tuple(moved)
