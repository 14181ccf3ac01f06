"""Names and texts from outside made harmless to look at: no control characters, not endless, no personal data."""

from __future__ import annotations

import re
import unicodedata

from sizewise.data.personal import masked

LABEL_LENGTH, TEXT_LENGTH, ID_LENGTH = 80, 300, 40
_WHITE = re.compile(r"[ \t\n\r\f\v]+")  # not the no-break spaces, which hold a number and its unit together
_JOINERS = "\u200c\u200d"  # emoji and Persian need them
_ESCAPED = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
_TERMINAL_SEQUENCE = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-_])")
_E_MAIL = re.compile(r"[\w.+-]{1,64}@[\w-]{1,63}(?:\.[\w-]{1,63}){1,4}")


def _hidden(character: str) -> bool:
    return unicodedata.category(character) in _ESCAPED and character not in _JOINERS


def visible(text: str, length: int = LABEL_LENGTH) -> str:
    r"""``text`` on one line, control and direction marks spelt out, cut to ``length`` characters.

    >>> visible("a\x1b[31mb\u202ec")
    'a\\x1b[31mb\\u202ec'
    """
    spelt = "".join(
        c.encode("unicode_escape").decode() if _hidden(c) and c not in "\n\t\r" else c for c in text[: 4 * length]
    )
    line = _WHITE.sub(" ", spelt).strip()
    return line if len(line) <= length and len(text) <= 4 * length else line[: length - 1].rstrip() + "…"


def stripped(text: str, length: int = LABEL_LENGTH) -> str:
    r"""``text`` on one line for a terminal: escape sequences, control and direction marks removed, cut.

    >>> stripped("a\x1b[31mb\u202ec\n")
    'abc'
    """
    plain = _TERMINAL_SEQUENCE.sub("", text[: 4 * length])
    line = _WHITE.sub(" ", "".join(c for c in plain if not _hidden(c) or c in "\n\t")).strip()
    return line if len(line) <= length else line[: length - 1].rstrip() + "…"


def redacted(text: str) -> str:
    """``text`` with personal data masked: every e-mail address, every number of seven digits or more, and the like.

    >>> redacted("mail ann@example.com or call +7 912 345-67-89")
    'mail ▇@▇ or call ▇▇▇'
    """
    return masked(text)


def identifier(text: str) -> str:
    """A row's id, by which it must be found again: of what could be personal only e-mail addresses are masked.

    >>> identifier("1700000000123"), identifier("ann@example.com/7")
    ('1700000000123', '▇@▇/7')
    """
    return visible(_E_MAIL.sub("▇@▇", text[:4_000]), ID_LENGTH)
