"""A row's `at` as seconds: what a person, a program or an export writes for a time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from math import nan

from sizewise.data.formats.messages import moment

#: seconds (from 1973 on) or milliseconds since 1970; fewer digits are a day, as 20260131, or no time
_SINCE_1970 = re.compile(r"\d{9,14}(\.\d*)?", re.ASCII)
_IN_UTC = re.compile(r"\s*(UTC|GMT|Z)$", re.IGNORECASE)


def seconds(at: str | None) -> float:
    """Seconds since 1970, NaN where ``at`` is no time that can be read. What names no time zone is in UTC.

    Read are ISO 8601, also with " UTC", " GMT" or "Z" behind it, and seconds or milliseconds since 1970. Numbers come
    first: thirteen digits can look like a day with an hour.

    >>> seconds("2026-01-31T10:00:00+01:00") == seconds("2026-01-31 09:00:00 UTC") == seconds("1769850000000")
    True
    >>> seconds("yesterday")
    nan
    """
    text = (at or "").strip()
    if _SINCE_1970.fullmatch(text):
        known = moment(float(text))
        return known.timestamp() if known else nan
    try:
        time = datetime.fromisoformat(_IN_UTC.sub("+00:00", text))
    except ValueError:
        return nan
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()
