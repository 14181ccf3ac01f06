"""Numbers as a person reads them in English or Russian: units, thin spaces, no false precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from sizewise.core.measurement import Measured
from sizewise.verdict.wording import Language

NARROW, NO_BREAK, MINUS, UNKNOWN = "\u202f", "\u00a0", "\u2212", "—"
UNITS: dict[str, dict[Language, str]] = {
    "ms": {"en": "ms", "ru": "мс"},
    "s": {"en": "s", "ru": "с"},
    "MiB": {"en": "MiB", "ru": "МиБ"},
    "per_s": {"en": "per second", "ru": "в секунду"},
    "months": {"en": "months", "ru": "мес."},
    "points": {"en": "points", "ru": "п. п."},
}
Decimals = Callable[[float], int]


def significant(digits: int) -> Decimals:
    """How many decimals show ``digits`` significant digits; none from 100 up."""

    def decimals(value: float) -> int:
        if value == 0 or not math.isfinite(value):
            return 0
        return min(8, max(0, digits - 1 - math.floor(math.log10(abs(value)))))

    return decimals


def _share_decimals(share: float) -> int:
    return 2 if 0 < abs(share) < 0.01 else 1


def _money_decimals(usd: float) -> int:
    if abs(usd) >= 1_000 or usd == 0:
        return 0
    return 2 if abs(usd) >= 0.1 else significant(2)(usd)


@dataclass(frozen=True, slots=True)
class Quantity:
    """How one kind of number is written: scaled, between ``before`` and ``after``, with that many decimals."""

    scale: float
    before: str
    after: str
    decimals: Decimals


@dataclass(frozen=True, slots=True)
class Numbers:
    """Writes numbers in one language.

    >>> Numbers("en").share(0.12345), Numbers("ru").share(0.12345)
    ('12.3\\xa0%', '12,3\\xa0%')
    >>> Numbers("ru").count(13083)
    '13\\u202f083'
    """

    language: Language

    def plain(self, value: float, decimals: int) -> str:
        if not math.isfinite(value):
            return UNKNOWN
        text = f"{value:,.{decimals}f}".replace("-", MINUS).replace(",", NARROW)
        if not text.strip(f"{MINUS}0."):
            text = text.removeprefix(MINUS)
        whole, dot, rest = text.partition(".")
        return whole + (dot and ("," if self.language == "ru" else ".")) + rest

    def count(self, value: float) -> str:
        """A whole number."""
        return self.plain(value, 0)

    def quantity(self, unit: str) -> Quantity:
        """How ``unit`` is written: share, bound, certainty, score, usd, count, or one of ``UNITS``."""
        if unit == "share":
            return Quantity(100, "", f"{NO_BREAK}%", lambda v: _share_decimals(v / 100))
        if unit == "bound":
            return Quantity(100, "", f"{NO_BREAK}%", lambda _: 2)
        if unit == "certainty":
            return Quantity(100, "", f"{NO_BREAK}%", lambda v: 0 if abs(v - round(v)) < 1e-9 else 1)
        if unit == "points":
            return Quantity(100, "", NO_BREAK + UNITS[unit][self.language], lambda _: 1)
        if unit == "score":
            return Quantity(1, "", "", lambda _: 3)
        if unit == "usd":
            return Quantity(1, "$", "", _money_decimals)
        if unit == "count":
            return Quantity(1, "", "", lambda _: 0)
        return Quantity(1, "", NO_BREAK + UNITS[unit][self.language], significant(2 if unit != "ms" else 3))

    def write(self, value: float, unit: str) -> str:
        """``value`` with its unit."""
        kind = self.quantity(unit)
        value *= kind.scale
        return kind.before + self.plain(value, kind.decimals(value)) + kind.after

    def share(self, value: float) -> str:
        """A share, as a percentage."""
        return self.write(value, "share")

    def interval(self, measured: Measured, unit: str) -> str | None:
        """The 95 % interval, with as many decimals as the value itself; ``None`` where there is none."""
        if measured.low is None or measured.high is None:
            return None
        kind = self.quantity(unit)
        decimals = kind.decimals(measured.value * kind.scale)
        low, high = (self.plain(end * kind.scale, decimals) for end in (measured.low, measured.high))
        between = "–" if measured.low >= 0 and measured.high >= 0 else f"{NO_BREAK}…{NO_BREAK}"
        return f"{kind.before}{low}{between}{kind.before}{high}{kind.after}"
