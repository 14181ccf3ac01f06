from __future__ import annotations

from math import isnan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.data.moment import seconds

NEW_YEAR = 1_704_067_200.0


@pytest.mark.parametrize(
    "at",
    [
        "2024-01-01", "20240101", "2024-01-01T00:00:00Z", "2024-01-01 00:00:00 UTC", "2024-01-01 00:00 gmt",
        "2024-01-01T01:00:00+01:00", " 2024-01-01T00:00:00 ", "1704067200", "1704067200.0", "1704067200000",
    ],
)  # fmt: skip
def test_one_moment_is_written_in_many_ways(at: str) -> None:
    assert seconds(at) == NEW_YEAR


def test_thirteen_digits_are_milliseconds_although_they_look_like_a_day_and_an_hour() -> None:
    assert seconds("1712012341230") == 1_712_012_341.23


@pytest.mark.parametrize(
    "at", [None, "", "unknown", "01/01/2024", "-5", "nan", "inf", "2024", "17", "true", "1.7e18", "1700000000000000000"]
)
def test_what_is_no_time_is_not_guessed(at: str | None) -> None:
    assert isnan(seconds(at))


@given(st.text())
def test_no_text_breaks_it(at: str) -> None:
    assert isinstance(seconds(at), float)
