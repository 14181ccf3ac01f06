"""Options that several commands share, and how their text becomes values."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from sizewise.core.errors import TaskError


class Language(StrEnum):
    """Languages of reports and of what is said on the terminal."""

    en = "en"
    ru = "ru"


class ReferenceOption(StrEnum):
    """What answers are held against."""

    auto = "auto"
    gold = "gold"
    llm = "llm"


Columns = Annotated[
    str | None, typer.Option("--columns", help="Where the file's columns have other names: input=text,gold=label.")
]
Only = Annotated[
    list[str] | None,
    typer.Option("--only", help="Keep the rows whose column has this value: model=gpt-4o. Repeatable."),
]
Template = Annotated[
    str | None,
    typer.Option(
        "--template", help="Where in a recorded message the input stands: 'Classify: {input}', or @NAME of one shown."
    ),
]
RawAnswers = Annotated[
    bool, typer.Option("--raw-answers", help="Take the LLM's answers as they are; map none of them to a label.")
]
StrictLabels = Annotated[bool, typer.Option("--strict-labels", help="Refuse labels spelled in several ways.")]
Lang = Annotated[Language, typer.Option("--lang", help="Language of the report and the summary.")]
Texts = Annotated[bool, typer.Option("--texts", help="Show example texts in the report.")]

BaseUrl = Annotated[
    str | None, typer.Option("--base-url", help="Another address of the API: http://127.0.0.1:8000/v1.")
]
GivenPrice = Annotated[
    str | None, typer.Option("--price", help="US dollars per million tokens of prompt and answer: 2.50,10.")
]


def names(text: str) -> tuple[str, ...]:
    """``a,b`` as its parts.

    >>> names("majority, keywords,")
    ('majority', 'keywords')
    """
    return tuple(part.strip() for part in text.split(",") if part.strip())


def pairs(option: str, text: str | None) -> dict[str, str]:
    """``a=b,c=d`` as a mapping. Raises ``TaskError``.

    >>> pairs("--columns", "input=text, gold=label")
    {'input': 'text', 'gold': 'label'}
    """
    found = {}
    for part in filter(None, (text or "").split(",")):
        name, equals, value = part.partition("=")
        if not equals or not name.strip() or not value.strip():
            raise TaskError(
                f"{option} {part.strip()!r}: write ours=theirs, for example {option} input=text,gold=label."
            )
        found[name.strip()] = value.strip()
    return found


def filters(parts: list[str] | None) -> dict[str, str]:
    """Each ``column=value`` of ``--only``; a value may hold commas."""
    found = {}
    for part in parts or []:
        name, equals, value = part.partition("=")
        if not equals or not name.strip():
            raise TaskError(f"--only {part!r}: write column=value, for example --only model=gpt-4o.")
        found[name.strip()] = value.strip()
    return found
