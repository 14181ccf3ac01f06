"""Text as it is printed: nothing in it steers a terminal, and JSON stays valid wherever it goes."""

from __future__ import annotations

from sizewise.data.text import harmless

__all__ = ["harmless", "plain"]


def plain(text: object) -> str:
    r"""A message or a path for a person, its control characters and direction marks replaced.

    >>> plain("a\x1b[31mb\u202ec")
    'a\ufffd[31mb\ufffdc'
    """
    return "".join(c if c.isprintable() or c == "\n" else "\ufffd" for c in str(text))
