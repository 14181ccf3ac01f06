"""A reason's code and parameters, said in English or Russian."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from string import Formatter
from typing import Any, Literal

from sizewise.core.verdict import Reason

Language = Literal["en", "ru"]
LANGUAGES: tuple[Language, ...] = ("en", "ru")
Parameter = str | float | int | None

QUANTITIES = {
    "risk": {"en": "share of all traffic answered wrongly", "ru": "доля всего трафика с неверным ответом"},
    "disagreement": {
        "en": "share of all traffic answered otherwise than by the large model",
        "ru": "доля всего трафика с иным, чем у большой модели, ответом",
    },
    "excess": {
        "en": "share of traffic lost against the large model (wrong where it was right, less the reverse)",
        "ru": "доля трафика, проигранная большой модели (ошибки там, где она права, за вычетом обратного)",
    },
    "typos": {"en": "typing slips", "ru": "опечатки"},
    "case": {"en": "capitals instead of small letters, or the reverse", "ru": "другой регистр букв"},
    "spaces": {"en": "spaces and line breaks", "ru": "лишние пробелы и переносы строк"},
    "punctuation": {"en": "punctuation left out or added", "ru": "пунктуация убрана или добавлена"},
    "layout": {"en": "the wrong keyboard layout", "ru": "не та раскладка клавиатуры"},
    "transliteration": {"en": "Russian in Latin letters", "ru": "русский текст латиницей"},
    "coverage": {"en": "coverage at the target", "ru": "охват при заданной цели"},
    "accuracy": {"en": "accuracy", "ru": "точность"},
    "train": {"en": "train rows", "ru": "обучающих строк"},
    "calibrate": {"en": "calibration rows", "ru": "калибровочных строк"},
    "both": {
        "en": "rows, train and calibration in today's proportion",
        "ru": "строк (обучающих и калибровочных в нынешней пропорции)",
    },
}


@cache
def _texts() -> Mapping[str, Mapping[str, str]]:
    return tomllib.loads(files("sizewise.verdict").joinpath("reasons.toml").read_text(encoding="utf-8"))


def codes() -> tuple[str, ...]:
    """Every code that a reason or a limit can have."""
    return tuple(_texts())


def reason(code: str, **parameters: Parameter) -> Reason:
    """A reason with its English text.

    >>> reason("no_cost").code
    'no_cost'
    """
    return Reason(code, parameters, say(code, parameters, "en"))


def say(code: str, parameters: Mapping[str, Parameter], language: Language) -> str:
    """The text of ``code`` in ``language``."""
    return _Saying(language).vformat(_texts()[code][language].replace("n = {", "n\u00a0=\u00a0{"), (), parameters)


class _Saying(Formatter):
    """Format specs for numbers that a person reads: ``pct``, ``pct2``, ``level``, ``p``, ``n``, ``usd``."""

    def __init__(self, language: Language) -> None:
        self.language = language

    def format_field(self, value: Any, format_spec: str) -> str:
        if format_spec == "p":
            return "<\u00a0" + self.local("0.0001") if float(value) < 1e-4 else "=\u00a0" + self.local(f"{value:.1g}")
        if format_spec == "level":
            return self.local(f"{100 * float(value):.4g}") + "\u00a0%"
        if format_spec in ("pct", "pct2"):
            return self.local(f"{100 * float(value):.{2 if format_spec == 'pct2' else 1}f}") + "\u00a0%"
        if format_spec == "n":
            return f"{round(float(value)):,}".replace(",", "\u202f")
        if format_spec == "usd":
            return "$" + self.local(f"{float(value):,.2f}".replace(",", "\u202f"))
        if isinstance(value, str) and value in QUANTITIES:
            return QUANTITIES[value][self.language]
        return self.local(f"{value:.4g}") if isinstance(value, float) else str(value)

    def local(self, number: str) -> str:
        number = number.replace("-", "\u2212")
        return number.replace(".", ",") if self.language == "ru" else number
