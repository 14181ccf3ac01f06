"""The script that most letters of a text belong to: enough to say what a log is written in."""

from __future__ import annotations

import unicodedata
from collections import Counter
from functools import lru_cache

READ = 2_000


@lru_cache(maxsize=65_536)
def _script(character: str) -> str | None:
    if not character.isalpha():
        return None
    return unicodedata.name(character, "OTHER").split(" ")[0].split("-")[0].capitalize()


def script(text: str) -> str:
    """The commonest script of the letters, by Unicode's character names; "none" where there are no letters.

    >>> script("Где мой заказ 42?"), script("Where?"), script("42")
    ('Cyrillic', 'Latin', 'none')
    """
    counts = Counter(filter(None, map(_script, text[:READ])))
    return counts.most_common(1)[0][0] if counts else "none"
