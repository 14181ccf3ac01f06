"""Text as it is printed: nothing in it steers a terminal, and JSON stays valid wherever it goes."""

from __future__ import annotations

import re

_NOT_PLAIN = re.compile(r"[^\x20-\x7e\n]")


def harmless(text: str) -> str:
    r"""JSON ``text`` with every control character, direction mark and lone surrogate in its strings escaped.

    >>> harmless('"где\x9b\u202e"')
    '"где\\u009b\\u202e"'
    """
    return _NOT_PLAIN.sub(lambda found: found[0] if found[0].isprintable() else _escaped(found[0]), text)


def plain(text: object) -> str:
    r"""A message or a path for a person, its control characters and direction marks replaced.

    >>> plain("a\x1b[31mb\u202ec")
    'a\ufffd[31mb\ufffdc'
    """
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in str(text))


def _escaped(character: str) -> str:
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))
