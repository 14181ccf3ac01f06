"""Logs made up for whole runs: support messages in English and Russian, with a fallible LLM's answers."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

Row = dict[str, Any]

TOPICS: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "refund": (("refund", "money back", "return payment"), ("верните деньги", "возврат оплаты", "вернуть средства")),
    "delivery": (("parcel", "delivery late", "shipping"), ("посылка", "доставка опоздала", "курьер не приехал")),
    "password": (("password", "cannot log in", "login code"), ("пароль", "не могу войти", "код входа")),
    "cancel": (
        ("cancel subscription", "stop plan", "unsubscribe"),
        ("отменить подписку", "отказ от тарифа", "отписаться"),
    ),
}
OPENINGS = (
    ("please help with", "hello, about", "I have a question:", "what about"),
    ("здравствуйте,", "подскажите,", "вопрос:", "как быть:"),
)
ENDINGS = (
    ("today", "for my account", "again", "as soon as possible"),
    ("сегодня", "в моём кабинете", "снова", "поскорее"),
)
THINGS = (
    ("shoes", "lamp", "book", "phone", "kettle", "chair"),
    ("лампа", "книга", "чайник", "стул", "телефон", "ковёр"),
)


def rows(
    n: int, seed: int = 0, *, answers: bool = True, gold: bool = False, llm_errors: float = 0.0, noise: float = 0.0
) -> list[Row]:
    """``n`` distinct messages. The LLM errs on ``llm_errors`` of them; ``noise`` of them are about nothing at all."""
    draw = random.Random(seed)
    labels = list(TOPICS)
    made: list[Row] = []
    seen: set[str] = set()
    while len(made) < n:
        label, language = draw.choice(labels), draw.randrange(2)
        words = [draw.choice(part[language]) for part in (OPENINGS, TOPICS[label], THINGS, ENDINGS)]
        words.insert(draw.randrange(5), draw.choice(THINGS[language]))
        if draw.random() < noise:
            words = [draw.choice(THINGS[language]) for _ in range(5)]
        text = " ".join(words)
        if text in seen:
            continue
        seen.add(text)
        row: Row = {"id": f"row-{len(made)}", "input": text, "latency_ms": 400 + len(made) % 50, "cost_usd": 0.0004}
        if answers:
            row["answer"] = draw.choice(labels) if draw.random() < llm_errors else label
        if gold:
            row["gold"] = label
        made.append(row)
    return made


def write(path: Path, made: Iterable[Mapping[str, Any]]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in made), encoding="utf-8")
    return path


def read(path: Path) -> list[Row]:
    """The rows of a JSON lines file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
