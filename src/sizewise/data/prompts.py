"""From the requests of a log to its rows: which prompt each was made with, and what in it the person wrote.

What the person wrote is never guessed silently. Where the last message has no text around it that the requests share,
it is the input, and that is said, with the few words that many of them may begin or end with. Where all or a part of
the requests have such a frame, it is shown, and used only once it was accepted.
"""

from __future__ import annotations

import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import takewhile
from typing import Any

from sizewise.core.errors import DataError
from sizewise.data.formats.exports import Request
from sizewise.data.formats.messages import Message
from sizewise.data.template import (
    INPUT,
    LEAST_SHARE,
    LEAST_TEXTS,
    UNANIMOUS,
    Common,
    Frame,
    Template,
    common_words,
    learn,
)
from sizewise.data.text import readable

LOOKED_AT = 2_000
MOST_PROMPTS = 10_000
SHOWN, REMEMBERED = 70, 2_000
_DIGITS = re.compile(r"\d")
_ADDRESS = re.compile(r"\S*@\S*")


class Prompts:
    """What many requests have in common. First ``look`` at all of them, then ``settle``, then cut each with ``row``."""

    def __init__(self) -> None:
        self._draw = random.Random(0)
        self._sample: list[tuple[str, str]] = []
        self._leads: Counter[str] = Counter()
        self._begins: dict[str, str] = {}
        self._with_turns: set[str] = set()
        self._requests = 0
        self._template = Template(INPUT)

    def look(self, request: Request) -> None:
        """Take note of one request; of the texts, a random sample is kept."""
        if isinstance(split := _split(request.messages), str):
            return
        lead, last = split
        key = _version(lead)
        self._requests += 1
        if key in self._leads or len(self._leads) < MOST_PROMPTS:
            self._leads[key] += 1
            self._begins.setdefault(key, " ".join(m.text for m in lead)[:REMEMBERED])
            if any(message.role != "system" for message in lead):
                self._with_turns.add(key)
        if len(self._sample) < LOOKED_AT:
            self._sample.append((key, last))
        elif (place := self._draw.randrange(self._requests)) < LOOKED_AT:
            self._sample[place] = (key, last)

    def settle(self, wanted: str | None, only: str | None, where: str) -> tuple[str, tuple[str, ...]]:
        """The template to use, as text, and what to say about it. ``only`` is the one prompt version to look at.

        ``wanted`` is a template, or "@" and the digest of one that is learned again. Raises ``DataError`` where the
        requests, or a fifth of them, share a frame that nobody has accepted.
        """
        texts = [text for key, text in self._sample if self._is_fixed(key) and only in (None, key)]
        if wanted is not None and not wanted.startswith("@"):
            self._template = Template(wanted)
            fit = sum(self._template.cut(text) is not None for text in texts)
            return wanted, (f"the input is cut out by the template given; it fits {_share(fit, len(texts))}",)
        frames = learn(texts)
        if wanted is not None:
            self._template = _named(wanted[1:], frames, where)
            return self._template.text, (f"the input is cut out by the template {_quoted(self._template.text)}",)
        if frames:
            raise DataError(_shown(frames, texts, where))
        return INPUT, (_whole(texts),)

    def row(self, request: Request) -> dict[str, Any] | str:
        """The request as a row under our column names, or why it is none."""
        if isinstance(split := _split(request.messages), str):
            return split
        lead, last = split
        key = _version(lead)
        if not self._is_fixed(key):
            return "a conversation of several turns"
        said = self._template.cut(last)
        if said is None:
            return "the message does not fit the template"
        return {"prompt_version": key, **request.columns, "input": said}

    def begin(self, version: str, others: Iterable[str] = ()) -> str:
        """How the prompt of a version begins or, where ``others`` begin likewise, where it parts from them."""
        text = self._begins.get(version)
        if not text:
            return ""
        alike = [_shared(text, self._begins.get(other, "")) for other in others if other != version]
        if (shared := max(alike, default=0)) < SHOWN // 2:
            return f", beginning {_quoted(text)}"
        rest = text[text.rfind(" ", 0, shared) + 1 :]
        return f", beginning {_quoted(text[:shared], SHOWN // 2)} and going on {_quoted(rest)}"

    def _is_fixed(self, key: str) -> bool:
        """Whether what precedes the last message is a prompt, not a conversation: turns that recur are examples."""
        return key not in self._with_turns or self._leads[key] >= max(LEAST_TEXTS, LEAST_SHARE * self._requests)


def _split(messages: Sequence[Message]) -> tuple[tuple[Message, ...], str] | str:
    *lead, last = messages
    if last.role == "assistant":
        return "the conversation ends with the assistant"
    return tuple(lead), last.text


def fingerprint(lead: Iterable[tuple[str, str]]) -> str:
    """A digest of the prompt before the input, (role, text) each; digits do not count (a date is no new version)."""
    masked = [(role, _DIGITS.sub("0", readable(text))) for role, text in lead]
    return hashlib.sha256(json.dumps(masked).encode()).hexdigest()


def _version(lead: Iterable[Message]) -> str:
    """A short name for the prompt before the input."""
    return fingerprint(lead)[:8]


def _named(digest: str, frames: Sequence[Frame], where: str) -> Template:
    for frame in frames:
        if frame.template.digest == digest:
            return frame.template
    learned = ", ".join(f"@{frame.template.digest}" for frame in frames) or "none"
    raise DataError(
        f"{where}: no template @{digest} is learned from these requests (learned: {learned}). The log has changed: "
        "read it without --template to see what its requests share."
    )


def _whole(texts: Sequence[str]) -> str:
    """That whole messages are the inputs, and which words they have in common all the same."""
    said = f"the last message, as a whole, is the input: {len(texts):,} requests share no prompt around it"
    shared = " and ".join(map(_common, common_words(texts)))
    return f"{said}, though {shared}; if that is no person's text, cut it off with --template" if shared else said


def _common(common: Common) -> str:
    return f"{common.share:.1%} of them {'end' if common.at_end else 'begin'} with {_quoted(common.words)}"


def _headline(frames: Sequence[Frame], texts: Sequence[str]) -> str:
    """Whether all requests share the frame, or a part of them does, or there are several."""
    if frames[0].fit >= UNANIMOUS * len(texts):
        return "the requests share text around what the person wrote."
    framed = sum(any(frame.template.cut(text) is not None for frame in frames) for text in texts)
    forms = f", in {len(frames)} forms" if len(frames) > 1 else ""
    return (
        f"{_share(framed, len(texts))} have text around what the person wrote{forms}; what does not fit the template "
        "that is used becomes a reject."
    )


def _shown(frames: Sequence[Frame], texts: Sequence[str], where: str) -> str:
    lines = [f"{where}: {_headline(frames, texts)} Look at it before it is cut off:"]
    for frame in frames[:5]:
        lines += ["", f"--template @{frame.template.digest}   fits {_share(frame.fit, len(texts))}:"]
        lines += [f"  | {line}" for line in _middle(frame.template.text).splitlines()]
        cuts = [cut for text in texts if (cut := frame.template.cut(text)) is not None]
        lines += [f"  an input would be: {_quoted(cut)}" for cut in cuts[:2]]
    lines += [
        "",
        f"Accept it: --template @{frames[0].template.digest}, or [data] template in a task file. "
        f'Another: --template "... {INPUT} ..." with {{*}} for what varies. The whole message: --template "{INPUT}".',
    ]
    return "\n".join(lines)


def _middle(text: str) -> str:
    """``text`` with a long beginning or end left out around the place of the input."""
    before, after = text.split(INPUT)
    before = before if len(before) <= 600 else f"{before[:200]} […] {before[-400:]}"
    after = after if len(after) <= 400 else f"{after[:300]} […] {after[-100:]}"
    return before + INPUT + after


def _shared(one: str, other: str) -> int:
    """How many characters both begin with."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))


def _share(fit: int, all_: int) -> str:
    return f"{fit / max(1, all_):.1%} of {all_:,} requests looked at"


def _quoted(text: str, length: int = SHOWN) -> str:
    """A short piece of ``text`` on one line, digits and addresses masked."""
    line = " ".join(_DIGITS.sub("0", _ADDRESS.sub("…", text)).split())
    return f"“{line[:length]}{'…' if len(line) > length else ''}”"
