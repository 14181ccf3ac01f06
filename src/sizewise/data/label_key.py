"""What makes two spellings one label."""

from __future__ import annotations

import re

_SEPARATORS = re.compile(r"[\s_\-]+")


def label_key(label: str) -> str:
    """Labels with the same key are one label: case, spaces, underscores and hyphens do not count.

    They do count where they make a number what it is: a minus, and what keeps two numbers apart.

    >>> label_key("Card_Arrival") == label_key("card arrival")
    True
    >>> label_key("-1") == label_key("1"), label_key("1-2") == label_key("12")
    (False, False)
    """
    return _SEPARATORS.sub(_between, label.casefold()) or label


def _between(separator: re.Match[str]) -> str:
    before, after = separator.string[: separator.start()][-1:], separator.string[separator.end() :][:1]
    if not after.isdigit():
        return ""
    if before.isdigit():
        return " "
    is_minus = separator[0].endswith("-") and (not before or len(separator[0]) > 1)
    return "-" if is_minus else ""
