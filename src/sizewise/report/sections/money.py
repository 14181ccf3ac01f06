"""Costs and break-even, with every assumption."""

from __future__ import annotations

import re

from sizewise.core.record import RunRecord
from sizewise.report.table import Cell, Group, Row, Table, figure, missing
from sizewise.report.visible import visible
from sizewise.report.words import Words


def ways(record: RunRecord, words: Words) -> Table:
    """What each way costs per 1,000 requests and, where a volume is given, a month."""
    costs = record.verdict.costs
    each = {
        "small": (costs.small_per_1k_usd, costs.small_per_month_usd),
        "cascade": (costs.cascade_per_1k_usd, costs.cascade_per_month_usd),
        "large": (costs.large_per_1k_usd, costs.large_per_month_usd),
    }
    with_month = costs.volume_per_month is not None
    rows = [
        Row(
            Cell(words(f"way.{way}")),
            [figure(per_1k, "usd", words), *([_reckoned(month, words)] if with_month else [])],
        )
        for way, (per_1k, month) in each.items()
    ]
    columns = [words("money.way"), words("measure.cost")]
    if costs.volume_per_month is not None:
        columns.append(words("money.per_month", volume=words.numbers.count(costs.volume_per_month)))
    return Table(words("money.caption"), columns, [Group(rows)])


def _reckoned(usd: float | None, words: Words) -> Cell:
    return missing(words) if usd is None else Cell(words.numbers.write(usd, "usd"), kind="reckoned")


def break_even(record: RunRecord, words: Words) -> str:
    """From how many requests a month the small way pays, or why that is unknown."""
    verdict, pays = record.verdict, record.verdict.break_even
    if pays.requests is None:
        large = verdict.costs.large_per_1k_usd
        if verdict.cascade is None:
            return words("money.nothing_certified")
        return words("money.cost_unknown" if large is None else "money.nothing_to_save")
    requests = words.numbers.count(_rounded(pays.requests))
    if pays.months is not None and pays.months < 1:
        return words("money.pays_at_once", requests=requests)
    if pays.months is not None:
        return words("money.pays_after", requests=requests, months=words.numbers.write(pays.months, "months"))
    if verdict.costs.volume_per_month is None:
        return words("money.pays_from", requests=requests)
    if verdict.costs.machines is None:
        return words("money.throughput_unknown")
    return words("money.never_pays", requests=requests)


def _rounded(requests: float) -> float:
    """To three significant digits: more would pretend to know."""
    return float(f"{requests:.3g}")


def assumptions(record: RunRecord, words: Words) -> Table:
    """The machine, its price, where and when that was found, how full it may run, and the LLM's price."""
    costs, prices, write = record.verdict.costs, record.measurements.prices, words.numbers.write
    unknown = Cell(words("unknown"), kind="missing")
    facts: dict[str, Cell] = {
        "machine": _foreign(costs.machine),
        "machine_price": Cell(words("money.per_hour", price=write(costs.machine_usd_per_hour, "price"))),
        "machine_source": _foreign(costs.machine_source),
        "machine_date": _foreign(costs.machine_date),
        "hours": Cell(words.numbers.count(prices.hours_per_month)),
        "utilisation": Cell(write(prices.utilisation, "level"), words("money.utilisation_detail"), "set"),
        "machines": unknown if costs.machines is None else Cell(words.numbers.count(costs.machines)),
        "volume": unknown if costs.volume_per_month is None else Cell(words.numbers.count(costs.volume_per_month)),
        "large_source": unknown if costs.large_source is None else _foreign(_source(costs.large_source, words)),
    }
    rows = [Row(Cell(words(f"money.{name}")), [cell]) for name, cell in facts.items()]
    return Table(words("money.assumptions"), [words("money.assumption"), words("money.value")], [Group(rows)])


def _source(text: str, words: Words) -> str:
    """Where the large model's cost comes from, in the page's language where the wording is ours."""
    if text == "recorded in the log":
        return words("money.recorded")
    if asked := re.fullmatch(r"measured on (?P<n>\d+) calls of this run", text):
        return words("money.asked", n=words.numbers.count(int(asked["n"])))
    priced = re.fullmatch(r"tokens × price of (?P<model>.+?) \((?P<where>.+)\)", text, re.DOTALL)
    return words("money.tokens", **priced.groupdict()) if priced else text


def _foreign(text: str) -> Cell:
    return Cell(visible(text, 300), kind="label")
