"""The report's own texts, from one TOML file a language; keys are dotted paths."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from sizewise.core.verdict import Reason
from sizewise.report.numbers import Numbers
from sizewise.verdict.wording import Language, say


@cache
def texts(language: Language) -> Mapping[str, str]:
    """Every text of ``language`` by its dotted key."""
    source = files("sizewise.report").joinpath("words", f"{language}.toml").read_text(encoding="utf-8")
    return {key: _bound(text, language) for key, text in _flat(tomllib.loads(source), "")}


def _bound(text: str, language: Language) -> str:
    """A count stays with its n; in Russian a dash never begins a line."""
    text = text.replace("n = {", "n\u00a0=\u00a0{")
    return text.replace(" — ", "\u00a0— ") if language == "ru" else text


def _flat(table: Mapping[str, Any], path: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, str):
            yield path + key, value
        else:
            yield from _flat(value, f"{path}{key}.")


@dataclass(frozen=True, slots=True)
class Words:
    """Texts and numbers in one language.

    >>> Words("en")("yes"), Words("ru")("yes")
    ('yes', 'да')
    """

    language: Language

    @property
    def numbers(self) -> Numbers:
        return Numbers(self.language)

    def __call__(self, key: str, **parameters: str) -> str:
        text = texts(self.language)[key]
        return text.format_map(parameters) if parameters else text

    def known(self, key: str, otherwise: str) -> str:
        """The text of ``key``, or ``otherwise`` where there is none: for names that the record brings along."""
        return texts(self.language).get(key, otherwise)

    def reason(self, reason: Reason) -> str:
        """A verdict's reason or limit; one of an unknown code (a newer verdict's) in its English text."""
        try:
            return say(reason.code, reason.parameters, self.language)
        except (KeyError, ValueError, TypeError):
            return reason.text
