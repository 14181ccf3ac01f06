"""Text as it is printed: nothing in it steers a terminal, and JSON stays valid wherever it goes."""

from __future__ import annotations

from sizewise.data.text import harmless

#: no character that prints, and yet only to be looked at: the end of a line, spaces of which no line is broken
_HARMLESS = "\n\u00a0\u202f\u2009"

__all__ = ["harmless", "plain"]


def plain(text: object) -> str:
    r"""A message or a path for a person, its control characters and direction marks replaced.

    >>> plain("a\x1b[31mb\u202ec 97\xa0%")
    'a\ufffd[31mb\ufffdc 97\xa0%'
    """
    return "".join(c if c.isprintable() or c in _HARMLESS else "\ufffd" for c in str(text))
