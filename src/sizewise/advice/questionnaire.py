"""A filled questionnaire: answers by question, read from and written to a TOML file that can be shared."""

from __future__ import annotations

import difflib
import math
import tomllib
from collections.abc import Mapping
from pathlib import Path

import tomli_w

from sizewise.advice.rules import Question, Rules
from sizewise.core.errors import TaskError

Given = str | float
Answers = Mapping[str, Given]
DONT_KNOW = "unknown"


def read_answers(path: Path, rules: Rules) -> dict[str, Given]:
    """The answers in ``path``; what is left out or "unknown" is not known. Raises ``TaskError``."""
    try:
        raw = tomllib.loads(path.read_text("utf-8-sig"))
    except FileNotFoundError:
        raise TaskError(f"no questionnaire {path}. `sizewise advise --template {path}` writes an empty one.") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise TaskError(f"{path} is no questionnaire: {error}.") from error
    answers = raw.get("answers", raw)
    if not isinstance(answers, dict):
        raise TaskError(f"{path}: [answers] must be a table.")
    return checked_answers(answers, rules, str(path))


def checked_answers(answers: Mapping[str, object], rules: Rules, where: str = "answers") -> dict[str, Given]:
    """``answers`` without those that are not known. Raises ``TaskError`` where one is none of the question's."""
    questions = {q.id: q for q in rules.questions}
    found: dict[str, Given] = {}
    for name, value in answers.items():
        if name not in questions:
            raise TaskError(f"{where}: there is no question {name!r}{_near(name, list(questions))}.")
        if value not in (None, "", DONT_KNOW):
            found[name] = _one(questions[name], value, where)
    return found


def _one(question: Question, value: object, where: str) -> Given:
    if question.options:
        ids = [o.id for o in question.options]
        if value not in ids:
            raise TaskError(
                f"{where}: {question.id} = {value!r}{_near(str(value), ids)}. There are: {', '.join([*ids, DONT_KNOW])}."
            )
        return str(value)
    number = math.nan
    if isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value)
    elif isinstance(value, str):
        try:
            number = float(value.replace(" ", "").replace("_", "").replace("\u00a0", ""))
        except ValueError:
            number = math.nan
    if not math.isfinite(number) or number < 0:
        raise TaskError(f"{where}: {question.id} = {value!r} must be a number from 0 up, or {DONT_KNOW}.")
    return number


def _near(name: str, known: list[str]) -> str:
    near = difflib.get_close_matches(name, known, 1)
    return f" (did you mean {near[0]!r}?)" if near else ""


def written(answers: Answers, rules: Rules) -> str:
    """A questionnaire as a TOML file: every question with its answers as comments, what is not known as such."""
    lines = [
        f"# A questionnaire for `sizewise advise`, rules of {rules.date}. Unknown answers widen the uncertainty.",
        "",
    ]
    lines.append("[answers]")
    for question in rules.questions:
        lines.append(f"# {question.text['en']}")
        lines += [f"#   {option.id}: {option.text['en']}" for option in question.options]
        value = answers.get(question.id, DONT_KNOW)
        lines.append(tomli_w.dumps({question.id: value}).strip())
        lines.append("")
    return "\n".join(lines)
