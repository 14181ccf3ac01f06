"""Chat logs made up for the gateway's tests: a support desk's messages, its application's prompt, an LLM's answers."""

from __future__ import annotations

import itertools
import json
import random
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

SYSTEM = "You sort messages for a shop. Answer with one of: refund, delivery, password, cancel. 😀 По-русски тоже."
FRAME = "A customer writes:\n{input}\nWhich topic is it? Answer with the topic alone."

Record = dict[str, Any]
Answered = Callable[[str], str]


OPENINGS = ("please help:", "hello, about", "question:", "здравствуйте,", "подскажите,", "как быть:", "🙂", "URGENT")
TOPICS = {
    "refund": ("refund", "money back", "верните деньги", "возврат оплаты"),
    "delivery": ("parcel", "delivery late", "посылка", "курьер не приехал"),
    "password": ("password", "cannot log in", "пароль", "не могу войти"),
    "cancel": ("cancel subscription", "stop plan", "отменить подписку", "отписаться"),
}
THINGS = ("shoes", "lamp", "book", "phone", "kettle", "лампа", "книга", "чайник", "стул", "ковёр")
ENDINGS = ("today", "again", "asap", "сегодня", "снова", "в моём кабинете")


def texts(n: int, noise: float = 0.0, seed: int = 0) -> Iterator[tuple[str, str]]:
    """``n`` distinct messages with their topics; ``noise`` of them are about nothing at all."""
    draw, labels = random.Random(seed), list(TOPICS)
    seen: set[str] = set()
    for number in itertools.count():
        label = labels[number % len(labels)]
        words = [draw.choice(part) for part in (OPENINGS, TOPICS[label], THINGS, ENDINGS, THINGS)]
        text = " ".join(draw.sample(THINGS, 4) if draw.random() < noise else words)
        if text not in seen:
            seen.add(text)
            yield text, label
        if len(seen) == n:
            return


def bare(label: str) -> str:
    return label


def in_json(label: str) -> str:
    return f'{{"topic": "{label}", "v": 2}}'


def in_fence(label: str) -> str:
    return f'```json\n{{"topic": "{label}"}}\n```'


def in_prose(label: str) -> str:
    return f"Topic: {label}."


def messages(text: str, *, system: str | None = SYSTEM, frame: str | None = None) -> list[dict[str, str]]:
    """The messages by which the application asks about ``text``."""
    lead = [{"role": "system", "content": system}] if system is not None else []
    return [*lead, {"role": "user", "content": frame.replace("{input}", text) if frame else text}]


def chat_log(
    n: int = 600,
    *,
    answered: Answered = bare,
    system: str | None = SYSTEM,
    frame: str | None = None,
    options: Record | None = None,
    noise: float = 0.0,
) -> Iterator[Record]:
    """Requests and responses as a program that calls the API writes them down."""
    for number, (text, label) in enumerate(texts(n, noise)):
        asked = {
            "model": "gpt-4o-mini",
            "messages": messages(text, system=system, frame=frame),
            **(options or {}),
        }
        said = {"role": "assistant", "content": answered(label)}
        yield {
            "id": f"call-{number}",
            "request": asked,
            "response": {
                "id": f"chatcmpl-{number}",
                "model": "gpt-4o-mini",
                "created": 1_760_000_000 + number,
                "choices": [{"index": 0, "message": said, "finish_reason": "stop"}],
                "usage": {"prompt_tokens": 40, "completion_tokens": 3, "total_tokens": 43},
            },
        }


def write(path: Path, records: Iterable[Record]) -> Path:
    path.write_text("".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records), encoding="utf-8")
    return path
