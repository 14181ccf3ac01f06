"""The two forms of a text that everything else agrees on: readable, and folded for comparison."""

from __future__ import annotations

import unicodedata
from functools import lru_cache

_DIGIT = "0"


def readable(text: str) -> str:
    """``text`` with lone surrogates replaced, so that it can be encoded, hashed and tokenized.

    >>> readable("ok"), readable("a\\ud800b")
    ('ok', 'a\\ufffdb')
    """
    if text.isascii():
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass").decode("utf-8", "replace").replace("\ufffd" * 3, "\ufffd")
    return text


@lru_cache(maxsize=65536)
def _folded_character(character: str) -> str:
    category = unicodedata.category(character)
    if category[0] in "PZC" or character.isspace():
        return ""
    return _DIGIT if category == "Nd" else character


def folded(text: str) -> str:
    """The near-duplicate key: NFKC, casefold, punctuation and white space removed, digits masked.

    A text that consists of nothing else keeps its stripped self, so that "?" and "!" stay apart.

    >>> folded("Where's order 123?") == folded("wheres  ORDER 987")
    True
    """
    normal = unicodedata.normalize("NFKC", text).casefold()
    key = "".join(map(_folded_character, unicodedata.normalize("NFKC", normal)))
    return key or text.strip()
