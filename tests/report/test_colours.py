"""Contrast by WCAG 2.2: text 4.5 to 1, what only has to be seen 3 to 1, reckoned from the style sheet itself."""

from __future__ import annotations

import re
from importlib.resources import files

import pytest

CSS = files("sizewise.report").joinpath("templates", "page.css").read_text(encoding="utf-8")
SCHEMES = ("light", "dark", "print")
#: text → what it stands on
TEXT = {
    "ink": ("paper", "card", "marked", "code", "warn-paper"), "muted": ("paper", "card", "marked"),
    "accent": ("paper", "card", "marked"), "warn": ("warn-paper", "paper", "card"), "card": ("accent", "good"),
}  # fmt: skip
SEEN = {"good": ("paper",), "warn": ("paper", "good"), "muted": ("paper",), "accent": ("paper",)}


def variables(scheme: str) -> dict[str, str]:
    """The colours of ``scheme``, as ``:root`` sets them within its media query."""
    start = {"light": 0, "dark": CSS.index("(prefers-color-scheme: dark)"), "print": CSS.index("@media print")}[scheme]
    block = CSS[start:].split(":root", 1)[1].split("}", 1)[0]
    return {name: _long(value) for name, value in re.findall(r"--([\w-]+):\s*(#[0-9a-f]{3,6})\b", block)}


def _long(colour: str) -> str:
    return colour if len(colour) == 7 else "#" + "".join(2 * c for c in colour[1:])


def luminance(colour: str) -> float:
    """Relative luminance, as WCAG defines it."""
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_contrast_is_reckoned_as_wcag_does() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_text_can_be_read(scheme: str) -> None:
    colours = variables(scheme)
    for text, grounds in TEXT.items():
        for ground in grounds:
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_marks_and_lines_can_be_seen(scheme: str) -> None:
    colours = variables(scheme)
    for mark, grounds in SEEN.items():
        for ground in grounds:
            # the bar's parts touch: they are told apart by hatching and by the gap between them as well
            least = 3.0 if ground == "paper" else 1.0
            assert contrast(colours[mark], colours[ground]) >= least, (mark, ground)


def test_every_scheme_sets_every_colour() -> None:
    assert {frozenset(variables(scheme)) for scheme in SCHEMES} == {frozenset(variables("light"))}


def test_no_rule_names_a_colour_of_its_own() -> None:
    rules = re.sub(r":root\s*{[^}]*}", "", CSS)
    assert re.findall(r"#[0-9a-f]{3,6}\b(?![^{]*{)", rules) == []


def test_parts_of_the_bar_differ_without_colour() -> None:
    assert "repeating-linear-gradient(45deg" in CSS.split(".differs", 1)[1].split("}", 1)[0]
    assert "repeating-linear-gradient(135deg" in CSS.split(".away", 1)[1].split("}", 1)[0]
    assert "gradient" not in CSS.split(".own", 1)[1].split("}", 1)[0]
