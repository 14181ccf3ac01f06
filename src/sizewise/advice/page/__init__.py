"""The questionnaire as one HTML file that works in a browser, offline and without a server."""

from __future__ import annotations

import base64
import hashlib
from importlib.resources import files
from typing import Any

import msgspec
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from sizewise.advice.costs import MONTHS_OF_BUILDING, VOLUMES, Assumptions
from sizewise.advice.questionnaire import Answers
from sizewise.advice.rules import LANGUAGES, Rules
from sizewise.advice.words import texts

SCRIPTS = ("judgement.js", "costs.js", "form.js")


def page(
    rules: Rules, assumed: Assumptions, language: str, answers: Answers | None = None, currency: str = "USD"
) -> str:
    """The page, opening in ``language`` with ``answers`` filled in; both languages are in it."""
    lang = "ru" if language == "ru" else "en"
    scripts = [_file(name) for name in SCRIPTS]
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    return environment.from_string(_file("page.html")).render(
        language=lang,
        title=texts(lang)["title"],
        noscript=texts(lang)["noscript"],
        css=Markup(_file("page.css")),  # noqa: S704 - a file of ours
        scripts=[Markup(script) for script in scripts],  # noqa: S704 - files of ours
        hashes=Markup(" ".join(map(_hash, scripts))),  # noqa: S704 - base64
        data=Markup(_embedded(data(rules, assumed, lang, answers or {}, currency))),  # noqa: S704 - escaped below
    )


def data(rules: Rules, assumed: Assumptions, language: str, answers: Answers, currency: str = "USD") -> dict[str, Any]:
    """What the page computes from: rules, words and assumptions, the same as the Python code's."""
    entries = msgspec.to_builtins(assumed)
    return {
        "language": language,
        "currency": assumed.currency(currency).name,
        "answers": dict(answers),
        "rules": msgspec.to_builtins(rules),
        "words": {name: dict(texts(name)) for name in LANGUAGES},
        "assumed": entries | {"volumes": VOLUMES, "months_of_building": MONTHS_OF_BUILDING},
    }


def _embedded(value: Any) -> str:
    """JSON that cannot end the script element that holds it."""
    text = msgspec.json.encode(value).decode()
    return text.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _hash(script: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()}'"


def _file(name: str) -> str:
    return files("sizewise.advice.page").joinpath(name).read_text("utf-8")
