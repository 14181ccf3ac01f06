"""What each way costs a month, as a range: interval arithmetic on dated assumptions. US dollars, without VAT."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from sizewise.advice.questionnaire import Answers
from sizewise.core.errors import TaskError

Range = tuple[float, float]
MONTHS_OF_BUILDING = 12
KINDS = ("label", "fields", "short", "text")
VOLUMES: Range = (1_000.0, 10_000_000.0)  # where the volume is not known


@dataclass(frozen=True, slots=True)
class Assumption:
    """One range with its unit, source and date; ``by_kind`` where it depends on the kind of output."""

    unit: str
    source: str
    date: str
    range: Range | None
    by_kind: Mapping[str, Range]

    def of(self, kind: str | None = None) -> Range:
        """The range; over every kind where ``kind`` is not known."""
        if self.range is not None:
            return self.range
        if kind is not None and kind in self.by_kind:
            return self.by_kind[kind]
        return min(r[0] for r in self.by_kind.values()), max(r[1] for r in self.by_kind.values())


@dataclass(frozen=True, slots=True)
class Currency:
    """How a dollar is shown: so many units of it, by a source of that date."""

    name: str
    per_usd: float
    symbol: str
    source: str
    date: str


DOLLARS = Currency("USD", 1.0, "$", "", "")


@dataclass(frozen=True, slots=True)
class Assumptions:
    """All of them by name. ``cheap`` and ``dear`` are dollars per million (prompt, completion) tokens."""

    date: str
    vat: Mapping[str, str]
    entries: Mapping[str, Assumption]
    cheap: Range
    dear: Range
    llm_source: str
    currencies: Mapping[str, Currency]

    def of(self, name: str, kind: str | None = None) -> Range:
        """The range of one assumption."""
        return self.entries[name].of(kind)

    def currency(self, name: str) -> Currency:
        """The currency of that name. Raises ``TaskError`` where no rate stands in the file."""
        if name.upper() not in self.currencies:
            raise TaskError(f"no rate for {name!r}; there are: {', '.join(self.currencies)}.")
        return self.currencies[name.upper()]


@dataclass(frozen=True, slots=True)
class WayCost:
    """Dollars a month, and the part of them that is people's time."""

    way: str
    total: Range
    people: Range


def read_assumptions(path: Path | None = None) -> Assumptions:
    """The assumptions of ``path``, or those that come with Sizewise. Raises ``TaskError``."""
    where = str(path or "assumptions.toml")
    try:
        text = (
            path.read_text("utf-8-sig") if path else files(__package__).joinpath("assumptions.toml").read_text("utf-8")
        )
        raw = tomllib.loads(text)
        llm, currencies = raw.pop("llm"), raw.pop("currencies")
        found = Assumptions(
            date=str(raw.pop("date")),
            vat={str(k): str(v) for k, v in raw.pop("vat").items()},
            entries={name: _assumption(entry) for name, entry in raw.items()},
            cheap=_range(llm["cheap"], ordered=False),
            dear=_range(llm["dear"], ordered=False),
            llm_source=f"{llm['source']}, {llm['date']}",
            currencies={name: _currency(name, entry) for name, entry in currencies.items()},
        )
    except FileNotFoundError:
        raise TaskError(f"no file of assumptions {where}.") from None
    except (
        OSError,
        UnicodeDecodeError,
        tomllib.TOMLDecodeError,
        KeyError,
        TypeError,
        ValueError,
        AttributeError,
    ) as error:
        raise TaskError(
            f"{where} is no file of assumptions: {error}. The shipped assumptions.toml shows the form."
        ) from error
    missing = sorted(set(NEEDED) - set(found.entries))
    if missing:
        raise TaskError(f"{where}: [{missing[0]}] is missing.")
    return found


NEEDED = (
    "tokens_in", "tokens_out", "small_machine", "small_capacity", "own_large_machine", "own_large_capacity", "covered",
    "upkeep_small", "upkeep_cascade", "upkeep_large", "upkeep_own_large", "building", "hour",
    "prompt_upkeep", "simplicity",
)  # fmt: skip


def _assumption(raw: Mapping[str, Any]) -> Assumption:
    return Assumption(
        unit=str(raw["unit"]),
        source=str(raw["source"]),
        date=str(raw["date"]),
        range=_range(raw["range"]) if "range" in raw else None,
        by_kind={} if "range" in raw else {kind: _range(raw[kind]) for kind in KINDS},
    )


def _currency(name: str, raw: Mapping[str, Any]) -> Currency:
    rate = float(raw["per_usd"])
    if not 0 < rate < float("inf"):
        raise ValueError(f"the rate {rate} of {name}")
    return Currency(name, rate, str(raw["symbol"]), str(raw["source"]), str(raw["date"]))


def _range(raw: Any, ordered: bool = True) -> Range:
    low, high = (float(number) for number in raw)
    if low < 0 or (ordered and low > high):
        raise ValueError(f"the range {list(raw)}")
    return low, high


def monthly_costs(answers: Answers, assumed: Assumptions) -> tuple[WayCost, ...]:
    """Small, cascade and large: behind an API, or on own machines where the perimeter is closed.

    Machines are counted in fractions beyond the first, so that no range jumps: more volume never makes the large
    model cheaper in relation to the small one.
    """
    closed = answers.get("perimeter") == "closed"
    calls = calls_per_month(answers, assumed)
    small = _machines(_volume(answers), assumed, "small")
    covered, hour = assumed.of("covered"), assumed.of("hour")
    building = scaled(product(assumed.of("building"), hour), 1 / MONTHS_OF_BUILDING)
    people = {
        "small": total(product(assumed.of("upkeep_small"), hour), building),
        "cascade": total(product(assumed.of("upkeep_cascade"), hour), building),
        "large": product(assumed.of("upkeep_own_large" if closed else "upkeep_large"), hour),
    }
    passed_on = product((1 - covered[1], 1 - covered[0]), calls)
    ways = {"small": small, "cascade": total(small, passed_on), "large": calls}
    return tuple(WayCost(way, total(cost, people[way]), people[way]) for way, cost in ways.items())


def calls_per_month(answers: Answers, assumed: Assumptions) -> Range:
    """What a large model takes: by the call behind an API, by the machine where the perimeter is closed."""
    if answers.get("perimeter") == "closed":
        return _machines(_volume(answers), assumed, "own_large")
    return _calls(_volume(answers), _text(answers.get("output")), assumed)


def _volume(answers: Answers) -> Range:
    given = answers.get("volume")
    return VOLUMES if given is None else (float(given), float(given))


def _text(kind: str | float | None) -> str | None:
    return kind if isinstance(kind, str) else None


def _calls(volume: Range, kind: str | None, assumed: Assumptions) -> Range:
    ins, outs = assumed.of("tokens_in", kind), assumed.of("tokens_out", kind)
    low = volume[0] * (ins[0] * assumed.cheap[0] + outs[0] * assumed.cheap[1]) / 1_000_000
    high = volume[1] * (ins[1] * assumed.dear[0] + outs[1] * assumed.dear[1]) / 1_000_000
    return low, high


def _machines(volume: Range, assumed: Assumptions, which: str) -> Range:
    price, capacity = assumed.of(f"{which}_machine"), assumed.of(f"{which}_capacity")
    return price[0] * max(1.0, volume[0] / capacity[1]), price[1] * max(1.0, volume[1] / capacity[0])


def total(one: Range, other: Range) -> Range:
    """The sum of two ranges."""
    return one[0] + other[0], one[1] + other[1]


def product(one: Range, other: Range) -> Range:
    """The product of two ranges that do not reach below zero."""
    return one[0] * other[0], one[1] * other[1]


def scaled(one: Range, factor: float) -> Range:
    """A range times a factor."""
    return one[0] * factor, one[1] * factor
