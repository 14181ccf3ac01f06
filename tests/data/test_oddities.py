from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sizewise.data.oddities import KINDS, oddities

LONGEST = 2_000
TEXT = "Привет, как дела? Ёлка"


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("", ["empty"]),
        (" \n\t", ["empty"]),
        ("слово " * 400, ["very_long"]),
        ("ring\x07", ["control"]),
        ("tab\tand\nline", []),
        ("lost \ufffd\ufffd", ["replacement"]),
        (TEXT.encode().decode("cp1251", "replace").replace("\ufffd", ""), ["mojibake"]),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", ["mojibake"]),
        ("cafÃ© crÃ¨me", ["mojibake"]),
        ("itâ€™s late", ["mojibake"]),
        (TEXT, []),
        ("NÃO é “quoted” — naïve café", []),
        ("Cбербанк", ["mixed_script"]),
        ("раypal login", ["mixed_script"]),
        ("IT-шник шлёт SMSку на iPhone", []),
        ("zero\u200bwidth", ["invisible"]),
        ("<p>hello<br/>there</p>", ["html"]),
        ("fish &amp; chips", ["html"]),
        ("a < b > c & d, <order> and <имя>", []),
        ("iVBORw0KGgoAAAANSUhEUgAAAAUAAAAFCAYAAACNbyblAAAAHElEQVQI12P4" * 2, ["base64"]),
        ("a" * 100 + " " + "0123456789" * 10, []),
        ("👍🏽 👨‍👩‍👧 привет", []),
    ],
)
def test_what_is_odd(text: str, kinds: list[str]) -> None:
    assert oddities(text, LONGEST) == kinds


@given(st.text(max_size=400))
def test_any_text_is_looked_at(text: str) -> None:
    assert set(oddities(text, 100)) <= set(KINDS)


def test_a_huge_text_takes_no_long_time() -> None:
    for piece in ("<a ", "Ð", "Рџ", "aа", "AAAA", "&"):
        assert set(oddities(piece * 500_000, LONGEST)) <= set(KINDS)
