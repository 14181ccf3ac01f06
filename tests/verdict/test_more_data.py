from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import cast

import pytest

from sizewise.core.measurement import Forecast, Measurements, RowsToBar
from sizewise.core.record import RunRecord
from sizewise.core.task import Bar
from sizewise.stages.worth import worth_buying
from sizewise.verdict.decision import decide
from sizewise.verdict.wording import say

from .measurements import IDENTITY, SOME, Kind, certificate, forecast, measured


def failing(found: Forecast | None, **changed: object) -> Measurements:
    return replace(measured(None, forecast=found), **changed)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("needed", "kind"),
    [
        ({"train": SOME}, "train"),
        ({"calibrate": SOME}, "calibrate"),
        ({"both": SOME}, "both"),
        ({"train": SOME, "calibrate": RowsToBar(300, 1, None)}, "calibrate"),
        ({"train": SOME, "calibrate": SOME}, "calibrate"),
        ({"train": RowsToBar(3_000, 1, None), "both": SOME}, "train"),
    ],
)
def test_a_forecast_that_reaches_the_bar_asks_for_more_data(needed: dict[str, RowsToBar], kind: Kind) -> None:
    found = decide(failing(forecast(**needed)), IDENTITY)
    assert (found.decision, found.binding_constraint) == ("more-data", "data")
    assert found.more_data is not None
    assert (found.more_data.kind, found.more_data.enough) == (kind, True)
    assert found.more_data.examples == needed[kind].rows
    assert (found.more_data.low, found.more_data.high) == (needed[kind].low, needed[kind].high)
    (why,) = [r for r in found.reasons if r.code.startswith("more_rows_")]
    assert why.parameters["kind"] == kind
    assert (why.code == "more_rows_would_do") == (needed[kind].high is not None)


def test_a_threshold_that_covers_too_little_is_helped_as_well() -> None:
    found = decide(replace(measured(0.9, 0.1), forecast=forecast(train=SOME)), IDENTITY)
    assert found.decision == "more-data"
    assert [r.code for r in found.reasons][:3] == ["bound_holds_at_threshold", "coverage_too_low", "more_rows_would_do"]


def test_a_forecast_that_falls_short_says_that_data_alone_will_not_do() -> None:
    found = decide(failing(forecast()), IDENTITY)
    assert (found.decision, found.binding_constraint) == ("large", "quality")
    assert found.more_data is not None
    assert (found.more_data.examples, found.more_data.enough, found.more_data.kind) == (None, False, "both")
    gain = found.more_data.gain
    assert gain is not None
    assert gain.value == pytest.approx(0.04)
    (why,) = [r for r in found.reasons if r.code == "more_data_alone_will_not"]
    assert (why.parameters["coverage"], why.parameters["bar"]) == (0.19, 0.215)


def test_without_a_forecast_nothing_is_said_of_more_data() -> None:
    found = decide(failing(None), IDENTITY)
    assert (found.decision, found.more_data) == ("large", None)


def test_the_agreement_alone_decides_nothing() -> None:
    assert decide(failing(forecast()), IDENTITY).decision == "large"


def test_too_few_calibration_rows_come_before_any_forecast() -> None:
    found = decide(failing(forecast(train=SOME), certificates=(certificate(None, n=40),)), IDENTITY)
    assert found.more_data is not None
    assert (found.more_data.examples, found.more_data.kind) == (59, "calibrate")


def test_what_binds_otherwise_is_not_helped_by_data() -> None:
    slow = replace(measured(0.6), bar=Bar(latency_p95_ms=1), forecast=forecast(train=SOME))
    found = decide(slow, IDENTITY)
    assert (found.decision, found.more_data) == ("large", None)


def test_a_bar_that_is_reached_needs_no_remedy() -> None:
    found = decide(measured(0.6, forecast=forecast(train=SOME)), IDENTITY)
    assert (found.decision, found.more_data) == ("cascade", None)


def test_both_languages_name_the_kind_of_row() -> None:
    parameters: dict[str, str | float | int | None] = {
        "kind": "calibrate",
        "rows": 1_200,
        "low": 800,
        "high": 2_000,
        "level": 0.9,
    }
    assert "1\u202f200 more calibration rows (800 to 2\u202f000" in say("more_rows_would_do", parameters, "en")
    assert "1\u202f200 калибровочных строк (от 800 до 2\u202f000" in say("more_rows_would_do", parameters, "ru")


def test_labels_that_a_guarantee_lacks_are_no_forecast() -> None:
    short = failing(forecast(train=SOME), certificates=(certificate(None, n=40),))
    told = worth_buying(
        cast(RunRecord, SimpleNamespace(verdict=decide(short, IDENTITY), measurements=short)), 0.5, 1_000
    )
    assert told == [
        "worth it    at least 59 more calibration rows are needed before anything can be certified: at least $29.50 at this price"
    ]
    foreseen = failing(forecast(train=SOME))
    told = worth_buying(
        cast(RunRecord, SimpleNamespace(verdict=decide(foreseen, IDENTITY), measurements=foreseen)), 0.5, 10
    )
    assert "about 400 more train rows (250 to 900) would reach the bar, by the forecast" in told[0]
