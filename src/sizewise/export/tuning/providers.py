"""Who tunes large models, and how a training row looks there."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Mapping
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from sizewise.models.known_facts import TwoLanguages

Row = dict[str, Any]


class Provider(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A service, its documentation as of ``seen``, and the limits that it sets.

    ``least_rows`` are needed to train, ``most_validation`` are looked at; ``model`` is how the tuned model is named.
    """

    title: str
    docs: str
    pricing: str
    seen: dt.date
    terms: str
    least_rows: int
    most_validation: int
    model: str
    state: TwoLanguages | None = None


@cache
def providers() -> Mapping[str, Provider]:
    """Every provider by the name of its format."""
    text = files("sizewise.export.tuning").joinpath("providers.toml").read_text(encoding="utf-8")
    return msgspec.toml.decode(text, type=dict[str, Provider])


def row(to: str, system: str, text: str, answer: str) -> Row:
    """One training row in the format ``to``.

    >>> row("openai-finetune", "Classify.", "Hi", "greeting")["messages"][-1]
    {'role': 'assistant', 'content': 'greeting'}
    """
    return _ROWS[to](system, text, answer)


def _openai(system: str, text: str, answer: str) -> Row:
    return {"messages": [_said("system", system), _said("user", text), _said("assistant", answer)]}


def _bedrock(system: str, text: str, answer: str) -> Row:
    return {"system": system, "messages": [_said("user", text), _said("assistant", answer)]}


def _cohere(system: str, text: str, answer: str) -> Row:
    return {"messages": [_said("System", system), _said("User", text), _said("Chatbot", answer)]}


def _gemini(system: str, text: str, answer: str) -> Row:
    return {
        "systemInstruction": {"role": "system", "parts": [{"text": system}]},
        "contents": [{"role": role, "parts": [{"text": said}]} for role, said in (("user", text), ("model", answer))],
    }


def _said(role: str, content: str) -> Row:
    return {"role": role, "content": content}


_ROWS: Mapping[str, Callable[[str, str, str], Row]] = {
    "openai-finetune": _openai, "bedrock-finetune": _bedrock, "cohere-finetune": _cohere, "gemini-finetune": _gemini,
}  # fmt: skip
