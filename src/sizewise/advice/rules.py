"""The questions, what each answer is worth, and why: read from ``advice.toml`` or a file of the person's."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from sizewise.core.errors import TaskError

Language = Literal["en", "ru"]
Way = Literal["small", "cascade", "large"]
Text = Mapping[Language, str]
LANGUAGES: tuple[Language, ...] = ("en", "ru")


@dataclass(frozen=True, slots=True)
class Option:
    """One answer that can be chosen; ``points`` above zero speak for a small model."""

    id: str
    points: float
    text: Text


@dataclass(frozen=True, slots=True)
class Question:
    """One rule: its answers are ``options``, or a number read off ``scale`` (value, points), ascending."""

    id: str
    text: Text
    reason: Text
    find_out: Text
    source: str
    options: tuple[Option, ...] = ()
    scale: tuple[tuple[float, float], ...] = ()

    @property
    def reach(self) -> tuple[float, float]:
        """The fewest and the most points that any answer gives."""
        points = [o.points for o in self.options] or [p for _, p in self.scale]
        return min(points), max(points)


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Answers that do not go together."""

    when: Mapping[str, str]
    text: Text


@dataclass(frozen=True, slots=True)
class Risk:
    """What can go wrong with one way, where one of the answers in ``when`` is given; always where it is empty."""

    id: str
    way: Way
    when: Mapping[str, tuple[str, ...]]
    text: Text


@dataclass(frozen=True, slots=True)
class Borders:
    """The score up to which a large model is advised, up to which it is open, and up to which a cascade is."""

    large: float
    cascade: float
    small: float


@dataclass(frozen=True, slots=True)
class Rules:
    """All that an advice rests on, but for money."""

    date: str
    borders: Borders
    sources: Mapping[str, str]
    questions: tuple[Question, ...]
    contradictions: tuple[Contradiction, ...]
    risks: tuple[Risk, ...]

    def question(self, name: str) -> Question:
        """The question of that id. Raises ``KeyError``."""
        return next((q for q in self.questions if q.id == name), None) or _missing(name)


def _missing(name: str) -> Question:
    raise KeyError(name)


def read_rules(path: Path | None = None) -> Rules:
    """The rules of ``path``, or the ones that come with Sizewise. Raises ``TaskError`` with file and place."""
    where = str(path or "advice.toml")
    try:
        text = path.read_text("utf-8-sig") if path else files(__package__).joinpath("advice.toml").read_text("utf-8")
        raw = tomllib.loads(text)
    except FileNotFoundError:
        raise TaskError(f"no file of rules {where}.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaskError(f"{where} is no file of rules: {error}.") from error
    try:
        return _checked(where, _rules(raw))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise TaskError(
            f"{where}: {error} is missing or of the wrong kind. The shipped advice.toml shows the form."
        ) from error


def _rules(raw: Mapping[str, Any]) -> Rules:
    return Rules(
        date=str(raw["date"]),
        borders=Borders(**{name: float(value) for name, value in raw["borders"].items()}),
        sources={str(k): str(v) for k, v in raw["sources"].items()},
        questions=tuple(map(_question, raw["questions"])),
        contradictions=tuple(Contradiction(dict(c["when"]), _text(c)) for c in raw.get("contradictions", [])),
        risks=tuple(
            Risk(r["id"], r["way"], {k: tuple(v) for k, v in r.get("when", {}).items()}, _text(r))
            for r in raw.get("risks", [])
        ),
    )


def _question(raw: Mapping[str, Any]) -> Question:
    return Question(
        id=raw["id"],
        text=_text(raw),
        reason=_text(raw, "reason_"),
        find_out=_text(raw, "find_out_"),
        source=raw["source"],
        options=tuple(Option(o["id"], float(o["points"]), _text(o)) for o in raw.get("options", [])),
        scale=tuple((float(value), float(points)) for value, points in raw.get("scale", [])),
    )


def _text(raw: Mapping[str, Any], prefix: str = "") -> Text:
    return {language: str(raw[prefix + language]) for language in LANGUAGES}


def _checked(where: str, rules: Rules) -> Rules:
    known = {q.id: {o.id for o in q.options} for q in rules.questions}
    for question in rules.questions:
        if question.source not in rules.sources:
            raise TaskError(
                f"{where}: question {question.id!r} names the source {question.source!r}, which is not listed."
            )
        if bool(question.options) == bool(question.scale):
            raise TaskError(f"{where}: question {question.id!r} needs either options or a scale.")
        if any(a[0] <= 0 or a[0] >= b[0] for a, b in pairwise(question.scale)):
            raise TaskError(f"{where}: the scale of {question.id!r} must rise from above zero.")
    if not rules.borders.large < rules.borders.cascade < rules.borders.small:
        raise TaskError(f"{where}: [borders] must rise: large < cascade < small.")
    conditions: list[tuple[str, Sequence[str]]] = [
        (name, (value,)) for c in rules.contradictions for name, value in c.when.items()
    ]
    conditions += [(name, values) for r in rules.risks for name, values in r.when.items()]
    for name, values in conditions:
        if name not in known or not set(values) <= known[name]:
            raise TaskError(f"{where}: a condition names {name} = {', '.join(values)}, which is no answer.")
    return rules
