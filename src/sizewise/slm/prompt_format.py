"""The prompt format of each family: messages → pieces, of which only our own markers may become special tokens."""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal

import msgspec

Role = Literal["system", "user", "assistant"]
PLAIN = "plain"


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation."""

    role: Role
    text: str


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a prompt: ``ours`` may hold markers; what a person or a log wrote never does."""

    text: str
    ours: bool = False


@dataclass(frozen=True, slots=True)
class PromptFormat:
    """How one family is spoken to; ``source`` is the page that says so."""

    name: str
    architectures: tuple[str, ...]
    markers: tuple[str, ...]
    user: str
    assistant: str
    answer: str
    stop: tuple[str, ...]
    source: str
    builtin: str
    system: str | None = None

    def pieces(self, messages: Sequence[Message]) -> list[Piece]:
        """The prompt that ends where the model is to answer. Without a system turn, it opens the first user turn."""
        made: list[Piece] = []
        kept = ""
        for message in messages:
            if message.role == "system" and self.system is None:
                kept += message.text + "\n\n"
                continue
            frame = {"system": self.system or "", "user": self.user, "assistant": self.assistant}[message.role]
            before, _, after = frame.partition("{text}")
            made += [Piece(before, ours=True), Piece(kept + message.text), Piece(after, ours=True)]
            kept = ""
        return [piece for piece in (*made, Piece(kept), Piece(self.answer, ours=True)) if piece.text]


@cache
def formats() -> tuple[PromptFormat, ...]:
    """Every format that is known."""
    text = files("sizewise.slm").joinpath("formats.toml").read_text(encoding="utf-8")
    return msgspec.convert(tomllib.loads(text)["format"], tuple[PromptFormat, ...])


def architectures() -> tuple[str, ...]:
    """llama.cpp's names of the architectures that can be spoken to."""
    return tuple(sorted({name for one in formats() for name in one.architectures}))


def format_for(architecture: str, chats: bool, is_special: Callable[[str], bool]) -> PromptFormat:
    """The format of a model: the first of its architecture whose markers its vocabulary has; else plain text.

    ``chats`` says whether it was taught turns at all; ``is_special`` whether a marker is one special token.
    """
    for one in _of(architecture):
        if one.name != PLAIN and chats and all(is_special(marker) for marker in one.markers):
            return one
    return named(PLAIN)


def named(name: str) -> PromptFormat:
    """The format called ``name``; ``KeyError`` where there is none."""
    return {one.name: one for one in formats()}[name]


def _of(architecture: str) -> Iterator[PromptFormat]:
    return (one for one in formats() if architecture in one.architectures)
