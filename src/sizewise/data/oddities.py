"""What is odd about a text's length or encoding: signs of a broken pipeline rather than of a hard task."""

from __future__ import annotations

import re

READ = 20_000
KINDS = (
    "empty", "very_long", "control", "replacement", "mojibake", "mixed_script", "invisible", "html", "base64",
)  # fmt: skip


def _decoded(encoding: str) -> str:
    """What the continuation bytes of UTF-8 (80 to BF) become when they are read as ``encoding``, for a character class."""
    return re.escape("".join(bytes([b]).decode(encoding, "ignore") or chr(b) for b in range(0x80, 0xC0)))


_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")
_INVISIBLE = re.compile(
    r"[\u00ad\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb]|[\U000e0000-\U000e007f]"
)
#: UTF-8 read as windows-1251 or windows-1252 (Latin-1): the lead byte of Cyrillic or of an accented letter becomes a
#: letter of its own, and each is followed by a sign that stands for the other byte
_MOJIBAKE = re.compile(
    rf"(?:[РС][{_decoded('cp1251')}]){{3}}"
    rf"|(?:[ÐÑ][{_decoded('cp1252')}]){{3}}"
    rf"|[ÃÂ][{_decoded('cp1252')}]"
    rf"|â(?:€[{_decoded('cp1252')}]|\x80[\x80-\xbf])"
    rf"|вЂ[{_decoded('cp1251')}]"
)
_MIXED = re.compile(r"[A-Za-z][\u0400-\u04ff]|[\u0400-\u04ff][A-Za-z]")
_WORD = re.compile(r"[^\W\d_]+")
_LIKE_CYRILLIC = frozenset("ABCEHIKMOPTXYaceiopxy")  # Latin letters that a Cyrillic one looks the same as
_LIKE_LATIN = frozenset("АВСЕНКМОРТХУЅІЈасеорхуѕіј")
_TAGS = "a|b|body|br|code|div|em|font|h[1-6]|head|hr|html|i|img|input|li|meta|ol|p|pre|script|small|span|strong|style|sub|sup|table|tbody|td|th|tr|u|ul"
_HTML = re.compile(rf"</?(?:{_TAGS})(?:\s[^<>]{{0,2000}})?/?>|&(?:nbsp|amp|lt|gt|quot|apos|#\d{{2,6}});", re.IGNORECASE)
_BASE64 = re.compile(r"[A-Za-z0-9+/]{64,}={0,2}|;base64,")


def oddities(text: str, longest: int) -> list[str]:
    """Which of ``KINDS`` hold for ``text``; beyond ``longest`` characters it is very long.

    Of a very long text the first ``READ`` characters are looked at.

    >>> oddities("Cбербанк, где мои деньги?", 20_000), oddities("РџСЂРёРІРµС‚", 20_000), oddities(" ", 20_000)
    (['mixed_script'], ['mojibake'], ['empty'])
    """
    kinds = ["very_long"] if len(text) > longest else []
    text = text[:READ]
    if not text.strip():
        return ["empty"]
    if _CONTROL.search(text):
        kinds.append("control")
    if not text.isascii():
        if "\ufffd" in text:
            kinds.append("replacement")
        if _MOJIBAKE.search(text):
            kinds.append("mojibake")
        if _MIXED.search(text) and any(map(_is_disguised, _WORD.findall(text))):
            kinds.append("mixed_script")
        if _INVISIBLE.search(text):
            kinds.append("invisible")
    if ("<" in text or "&" in text) and _HTML.search(text):
        kinds.append("html")
    if len(text) >= 64 and any(map(_is_blob, _BASE64.findall(text))):
        kinds.append("base64")
    return kinds


def _is_disguised(word: str) -> bool:
    """A word of two scripts in which every letter of one looks like a letter of the other."""
    if not _MIXED.search(word):
        return False
    latin = {c for c in word if c.isascii()}
    cyrillic = {c for c in word if "\u0400" <= c <= "\u04ff"}
    return latin <= _LIKE_CYRILLIC or cyrillic <= _LIKE_LATIN


def _is_blob(found: str) -> bool:
    """Not one letter over and over, nor a long word or number."""
    return found == ";base64," or (
        any(map(str.isupper, found)) and any(map(str.islower, found)) and any(map(str.isdigit, found))
    )
