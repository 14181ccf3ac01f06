"""Perturbations of an input that a person would read as the same message, by stated rules; the same for the same seed."""

from __future__ import annotations

import re
from collections.abc import Callable
from random import Random

_WORD = re.compile(r"[^\W\d_]{4,}")
_SIGN = re.compile(r"(?<!\d)[^\w\s](?!\d)")
_CYRILLIC, _LETTER = re.compile("[а-яё]", re.IGNORECASE), re.compile(r"[^\W\d_]")
LETTERS_A_TYPO = 12
#: neighbours on the keyboard, row by row
_KEYS = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "йцукенгшщзхъ", "фывапролджэ", "ячсмитьбю")
#: the Russian and the Latin layout, key by key (ГОСТ 6431 / US)
_RUSSIAN = "йцукенгшщзхъфывапролджэячсмитьбюёЙЦУКЕНГШЩЗХЪФЫВАПРОЛДЖЭЯЧСМИТЬБЮЁ"
_LATIN = "qwertyuiop[]asdfghjkl;'zxcvbnm,.`QWERTYUIOP{}ASDFGHJKL:\"ZXCVBNM<>~"
_TO_LATIN_KEYS = str.maketrans(_RUSSIAN, _LATIN)
#: as people transliterate by hand; ISO 9 would need signs that nobody types
_SOUNDS = {
    "а": "a", "б": "b", "в": "v", "г": "g", "д": "d", "е": "e", "ё": "yo", "ж": "zh", "з": "z", "и": "i", "й": "y",
    "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t", "у": "u", "ф": "f",
    "х": "h", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sch", "ъ": "", "ы": "y", "ь": "", "э": "e", "ю": "yu", "я": "ya",
}  # fmt: skip
_SPELLED = str.maketrans(_SOUNDS | {letter.upper(): sound.capitalize() for letter, sound in _SOUNDS.items()})


def perturbed(rule: str, text: str, seed: int) -> str | None:
    """``text`` after one of ``RULES``; ``None`` where the rule finds nothing to change."""
    if not text.strip():
        return None
    changed = RULES[rule](text, Random(f"{seed}:{rule}:{text}"))
    return changed if changed != text else None


def _typos(text: str, draw: Random) -> str:
    """One slip in about twelve letters, at least one: two letters swapped, one left out, doubled, or its neighbour hit."""
    letters = list(text)
    words = [match.span() for match in _WORD.finditer(text)]
    slips = max(1, sum(end - start for start, end in words) // LETTERS_A_TYPO)
    for start, end in sorted(draw.sample(words, min(slips, len(words))), reverse=True):
        place = draw.randrange(start + 1, end - 1)
        kind = draw.choice(("swap", "drop", "double", "neighbour"))
        if kind == "swap":
            letters[place], letters[place + 1] = letters[place + 1], letters[place]
        elif kind == "drop":
            letters[place] = ""
        elif kind == "double":
            letters[place] *= 2
        else:
            letters[place] = _beside(letters[place], draw)
    return "".join(letters)


def _beside(letter: str, draw: Random) -> str:
    row = next((row for row in _KEYS if letter.lower() in row), None)
    if row is None:
        return letter * 2
    place = row.index(letter.lower())
    hit = draw.choice([row[i] for i in (place - 1, place + 1) if 0 <= i < len(row)])
    return hit.upper() if letter.isupper() else hit


def _case(text: str, _: Random) -> str:
    """Everything in capitals; what is in capitals already, in small letters."""
    return text.lower() if text == text.upper() else text.upper()


def _spaces(text: str, _: Random) -> str:
    """Two spaces for one, one at the beginning, a line break at the end."""
    return " " + text.strip().replace(" ", "  ") + "\n"


def _punctuation(text: str, _: Random) -> str:
    """Without its signs (numbers keep theirs); where there are none, three dots at the end."""
    bare = _SIGN.sub("", text).strip()
    return bare if bare != text.strip() and bare else text.rstrip() + "..."


def _layout(text: str, _: Random) -> str:
    """Russian typed on the Latin layout."""
    return text.translate(_TO_LATIN_KEYS) if is_russian(text) else text


def _transliteration(text: str, _: Random) -> str:
    """Russian in Latin letters."""
    return text.translate(_SPELLED) if is_russian(text) else text


def is_russian(text: str) -> bool:
    """Whether at least half of the letters are Cyrillic."""
    letters = _LETTER.findall(text)
    return bool(letters) and len(_CYRILLIC.findall(text)) * 2 >= len(letters)


RULES: dict[str, Callable[[str, Random], str]] = {
    "typos": _typos,
    "case": _case,
    "spaces": _spaces,
    "punctuation": _punctuation,
    "layout": _layout,
    "transliteration": _transliteration,
}
