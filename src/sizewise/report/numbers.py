"""Numbers as a person reads them in English or Russian: units, thin spaces, no false precision."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

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
    """How many decimals show ``digits`` significant digits; negative where they end before the point."""

    def decimals(value: float) -> int:
        if value == 0 or not math.isfinite(value):
            return 0
        return min(8, digits - 1 - math.floor(math.log10(abs(value))))

    return decimals


def _share_decimals(share: float) -> int:
    return 2 if 0 < abs(share) < 0.01 else 1


def _money_decimals(usd: float) -> int:
    if abs(usd) >= 1_000 or usd == 0:
        return 0
    return 2 if abs(usd) >= 0.1 else significant(2)(usd)


def _few(value: float) -> int:
    """Three significant digits from 1 up, two below: a clock is no better than that."""
    return significant(3 if abs(value) >= 1 else 2)(value)


def moment(created: str) -> str:
    """When a run was made, to the minute.

    >>> moment("2026-11-26T10:53:27+00:00")
    '2026-11-26 10:53 UTC'
    """
    try:
        return datetime.fromisoformat(created).astimezone(UTC).strftime("%Y-%m-%d %H:%M UTC")
    except (ValueError, OverflowError):
        return created


def _before(sign: str, number: str) -> str:
    """A currency's sign before a number, after its minus."""
    return MINUS + sign + number[1:] if number.startswith(MINUS) else sign + number


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
        """``value`` rounded to ``decimals``, which may be negative."""
        if not math.isfinite(value):
            return UNKNOWN
        text = f"{round(value, decimals):,.{max(0, decimals)}f}".replace("-", MINUS).replace(",", NARROW)
        if not text.strip(f"{MINUS}0."):
            text = text.removeprefix(MINUS)
        whole, dot, rest = text.partition(".")
        return whole + (dot and ("," if self.language == "ru" else ".")) + rest

    def count(self, value: float) -> str:
        """A whole number."""
        return self.plain(value, 0)

    def quantity(self, unit: str) -> Quantity:
        """How ``unit`` is written: share, bound, level, score, usd, price, count, or one of ``UNITS``."""
        if unit == "share":
            return Quantity(100, "", f"{NO_BREAK}%", lambda v: _share_decimals(v / 100))
        if unit == "bound":
            return Quantity(100, "", f"{NO_BREAK}%", lambda _: 2)
        if unit == "level":
            return Quantity(100, "", f"{NO_BREAK}%", lambda v: 0 if abs(v - round(v)) < 1e-9 else 1)
        if unit == "points":
            return Quantity(100, "", NO_BREAK + UNITS[unit][self.language], lambda _: 1)
        if unit == "score":
            return Quantity(1, "", "", lambda _: 3)
        if unit == "usd":
            return Quantity(1, "$", "", _money_decimals)
        if unit == "price":
            return Quantity(1, "$", "", lambda v: len(f"{v:.4g}".partition(".")[2]))
        if unit == "count":
            return Quantity(1, "", "", lambda _: 0)
        return Quantity(1, "", NO_BREAK + UNITS[unit][self.language], _few)

    def write(self, value: float, unit: str) -> str:
        """``value`` with its unit."""
        kind = self.quantity(unit)
        value *= kind.scale
        return _before(kind.before, self.plain(value, kind.decimals(value))) + kind.after

    def share(self, value: float) -> str:
        """A share, as a percentage."""
        return self.write(value, "share")

    def interval(self, measured: Measured, unit: str) -> str | None:
        """The 95 % interval, with as many decimals as the value, or as tell its ends apart; ``None`` without one."""
        if measured.low is None or measured.high is None:
            return None
        kind = self.quantity(unit)
        telling = measured.value or max(abs(measured.low), abs(measured.high))
        decimals = kind.decimals(telling * kind.scale)
        low, high = self._ends(measured.low * kind.scale, measured.high * kind.scale, decimals)
        between = "–" if measured.low >= 0 and measured.high >= 0 else f"{NO_BREAK}…{NO_BREAK}"
        return f"{_before(kind.before, low)}{between}{_before(kind.before, high)}{kind.after}"

    def _ends(self, low: float, high: float, decimals: int) -> tuple[str, str]:
        for more in (0, 1):
            ends = self.plain(low, decimals + more), self.plain(high, decimals + more)
            if ends[0] != ends[1]:
                return ends
        return ends
