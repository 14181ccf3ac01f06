"""The forms of a text that everything else agrees on: readable, folded for comparison, and harmless when printed."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_DIGIT = "0"
_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")


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


def harmless(text: str) -> str:
    r"""JSON ``text`` with every control character, direction mark and lone surrogate in its strings escaped.

    >>> harmless('"где\x9b\u202e"')
    '"где\\u009b\\u202e"'
    """
    return _NOT_PLAIN.sub(lambda found: found[0] if found[0].isprintable() else _escaped(found[0]), text)


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
