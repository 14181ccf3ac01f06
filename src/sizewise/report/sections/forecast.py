"""Would more data help? The learning curves of the chosen rung, in a sentence, a picture and a table each."""

from __future__ import annotations

from dataclasses import dataclass

from sizewise.core.measurement import LearningCurve, Measured
from sizewise.core.record import RunRecord
from sizewise.report.pictures.forecast_picture import forecast_picture
from sizewise.report.pictures.frame import Picture
from sizewise.report.table import Cell, Group, Row, Table, figure
from sizewise.report.words import Words


@dataclass(frozen=True, slots=True)
class Outlook:
    """One curve as it is shown."""

    sentence: str
    picture: Picture | None
    table: Table


def forecast(record: RunRecord, words: Words) -> list[Outlook]:
    """The curves, the first one being what the verdict turns on; empty where nothing was foreseen."""
    told = record.measurements.forecast
    if told is None:
        return []
    outlooks, explained = [], set()
    for i, curve in enumerate(told.curves):
        sentence = _begun(_sentence(curve, words))
        if curve.metric not in explained and (why := _why_this_bar(curve, record, words)):
            sentence += " " + why
        explained.add(curve.metric)
        outlooks.append(Outlook(sentence, forecast_picture(curve, i, words), _table(curve, words)))
    return outlooks


def _sentence(curve: LearningCurve, words: Words) -> str:
    write, count = words.numbers.write, words.numbers.count
    name, by = words(f"forecast.metric_{curve.metric}"), words(f"forecast.examples_{curve.by}")
    if curve.bar is None:
        return words("forecast.no_bar", metric=name)
    told = {"metric": name, "bar": write(curve.bar, "level"), "examples": by}
    if curve.reached_today:
        return words("forecast.reached", **told)
    if curve.needed is None:
        return words("forecast.not_reached", **told)
    needed = curve.needed
    numbers = {"n": count(_rounded(needed.rows)), "low": count(_rounded(needed.low))}
    if needed.high is None:
        return words("forecast.needed_open", **told, **numbers)
    return words("forecast.needed", **told, **numbers, high=count(_rounded(needed.high)))


def _why_this_bar(curve: LearningCurve, record: RunRecord, words: Words) -> str:
    """Where a curve's bar comes from, which is not what the task asks for; empty where there is nothing to explain."""
    if curve.bar is None:
        return ""
    if curve.metric != "coverage":
        return words(f"forecast.bar_{curve.metric}")
    asked, rows = record.measurements.bar.min_coverage, record.measurements.data.test
    if not rows or curve.bar <= asked:
        return ""
    write = words.numbers.write
    return words(
        "forecast.bar_coverage", bar=write(curve.bar, "level"), asked=write(asked, "level"), n=words.numbers.count(rows)
    )


def _begun(sentence: str) -> str:
    return sentence[:1].upper() + sentence[1:]


def _rounded(rows: int) -> float:
    """To two significant digits: a forecast knows no more."""
    return float(f"{rows:.2g}")


def _table(curve: LearningCurve, words: Words) -> Table:
    measured = [Row(Cell(words.numbers.count(o.rows)), [figure(o.score, "share", words)]) for o in curve.observed]
    ahead = [
        Row(
            Cell(words.numbers.count(f.rows), words("forecast.times", times=words.numbers.plain(f.times, 0))),
            [Cell(words.numbers.write(f.value, "share"), _range(f.low, f.high, f.value, curve, words), "number")],
        )
        for f in curve.foreseen
    ]
    groups = [Group(measured, words("forecast.measured")), Group(ahead, words("forecast.ahead"))]
    columns = [words(f"forecast.rows_{curve.by}"), words(f"forecast.metric_{curve.metric}")]
    return Table(words("forecast.caption"), columns, [group for group in groups if group.rows])


def _range(low: float, high: float, value: float, curve: LearningCurve, words: Words) -> str:
    interval = words.numbers.interval(Measured(value, low, high, 1), "share") or ""
    level = words.numbers.write(curve.level, "level")
    if not curve.observed:
        return words("forecast.foreseen_alone", interval=interval, level=level)
    return words("forecast.foreseen", interval=interval, level=level, n=words.numbers.count(len(curve.observed)))
