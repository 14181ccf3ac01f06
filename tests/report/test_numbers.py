from __future__ import annotations

import pytest

from sizewise.core.measurement import Measured
from sizewise.report.numbers import Numbers
from sizewise.report.visible import redacted, stripped, visible
from sizewise.verdict.wording import Language


@pytest.mark.parametrize(
    ("value", "unit", "language", "said"),
    [
        (0.12345, "share", "en", "12.3\u00a0%"),
        (0.00456, "share", "ru", "0,46\u00a0%"),
        (0.03, "level", "en", "3\u00a0%"),
        (0.975, "level", "ru", "97,5\u00a0%"),
        (0.0297, "bound", "en", "2.97\u00a0%"),
        (-0.028, "points", "en", "−2.8\u00a0points"),
        (-0.0001, "points", "en", "0.0\u00a0points"),
        (0.0, "ms", "en", "0\u00a0ms"),
        (3.1, "ms", "ru", "3,10\u00a0мс"),
        (575.4, "ms", "en", "575\u00a0ms"),
        (1_033_333.0, "per_s", "en", "1\u202f030\u202f000\u00a0per second"),
        (0.291, "usd", "ru", "$0,29"),
        (0.00412, "usd", "en", "$0.0041"),
        (-0.00412, "usd", "en", "−$0.0041"),
        (1234.5, "usd", "en", "$1\u202f234"),
        (0.0416, "price", "en", "$0.0416"),
        (13_083.0, "count", "en", "13\u202f083"),
        (float("nan"), "ms", "en", "—\u00a0ms"),
    ],
)
def test_numbers_read_well(value: float, unit: str, language: Language, said: str) -> None:
    assert Numbers(language).write(value, unit) == said


def test_an_interval_tells_its_ends_apart_and_is_absent_without_ends() -> None:
    write = Numbers("en").interval
    assert write(Measured(0.291, 0.288, 0.294, 9), "usd") == "$0.288–$0.294"
    assert write(Measured(0.0, -0.00006, 0.00006, 9), "usd") == "−$0.000060\u00a0…\u00a0$0.000060"
    assert write(Measured(-0.004, -0.009, 0.001, 9), "share") == "−0.90\u00a0…\u00a00.10\u00a0%"
    assert write(Measured(0.5, None, None, 1), "share") is None


def test_names_from_outside_are_made_harmless() -> None:
    assert visible("a\x00b\u2066c\n d") == "a\\x00b\\u2066c d"
    assert stripped("\x1b]0;title\x07a\x1b[1;31mb\u202e\x9bc") == "abc"
    assert len(visible("y" * 10_000)) == 80
    assert visible("👩‍👩‍👧") == "👩‍👩‍👧"
    assert redacted("order 12345, 2024") == "order 12345, 2024"
