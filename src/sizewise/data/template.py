"""The fixed text around a person's input in a prompt: written down as a template, or learned from many requests.

A template is the message as it was sent, with ``{input}`` where the input stood, and ``{*}`` for what varies and is no
input: ``"Customer {*} writes:\\n{input}\\nAnswer with one label."``
"""

from __future__ import annotations

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from math import ceil

from sizewise.core.errors import TaskError

INPUT, ANY = "{input}", "{*}"
#: a continuation that this share of the texts have in common is fixed text; the rest are outliers
UNANIMOUS = 0.9
#: prompts that part ways are two templates where each has this share of the texts and goes on for this many characters
LEAST_SHARE, LEAST_LENGTH = 0.05, 12
#: and where together they hold this share
MOST = 0.8
LEAST_TEXTS = 5
#: what fixed text ends with before an input, and begins with after it; a shared word is no frame
_BEFORE = re.compile(r"[\n:>\"'«“‘`\]|#=\-][ \t]*$")
_AFTER = re.compile(r"[ \t]*[\n<\"'»”’`\[|#=\-]")


@dataclass(frozen=True, slots=True)
class Template:
    """A message with a place for the input. Raises ``TaskError`` where there is not exactly one such place."""

    text: str

    def __post_init__(self) -> None:
        if self.text.count(INPUT) != 1:
            raise TaskError(
                f"the template must hold {INPUT} once, where the person's text stands: {self.text[:200]!r}."
            )

    @property
    def digest(self) -> str:
        """A short name for exactly this template."""
        return hashlib.sha256(self.text.encode()).hexdigest()[:8]

    def cut(self, message: str) -> str | None:
        """The input in ``message``, or ``None`` where the message is not of this form.

        >>> Template("Customer {*} writes: {input}!").cut("Customer 12 writes: where is it?!")
        'where is it?'
        """
        before, after = _sides(self.text)
        if len(before) == len(after) == 1:
            fits = message.startswith(before[0]) and message.endswith(after[0])
            left = len(message) - len(after[0])
            return message[len(before[0]) : left] if fits and left >= len(before[0]) else None
        start = _passed(message, before, 0)
        end = _passed(message[::-1], [part[::-1] for part in reversed(after)], 0)
        if start is None or end is None or start + end > len(message):
            return None
        return message[start : len(message) - end]


@lru_cache(1_024)
def _sides(template: str) -> tuple[list[str], list[str]]:
    """The fixed parts before the input and after it."""
    before, after = template.split(INPUT)
    return before.split(ANY), after.split(ANY)


def _passed(text: str, parts: Sequence[str], at: int) -> int | None:
    """Where ``parts``, with anything between them, end: the first at the beginning, the others as early as can be."""
    if not text.startswith(parts[0]):
        return None
    at = len(parts[0])
    for part in parts[1:]:
        if (found := text.find(part, at)) < 0:
            return None
        at = found + len(part)
    return at


@dataclass(frozen=True, slots=True)
class Frame:
    """A template that was learned, with the number of the texts it was learned from that fit it."""

    template: Template
    fit: int


def learn(texts: Sequence[str]) -> tuple[Frame, ...]:
    """The templates of many messages, the commonest first; none where the messages share no frame.

    The texts are walked as a trie: where nine in ten go on alike, that is fixed text; where they part, either the
    input begins, or, if the branches are few and each goes on alike for long, there are several templates. What a
    branch's texts end with alike is fixed as well. Fixed text must end (begin) with a line break, a colon, a quote or
    a bracket, so that a word that many inputs begin with is not taken for a frame.
    """
    if len(texts) < LEAST_TEXTS:
        return ()
    found = []
    for prefix, branch in _branches(sorted(texts), 0, len(texts)):
        suffix = _suffix(prefix, branch)
        if prefix or suffix:
            template = Template(_literal(prefix) + INPUT + _literal(suffix))
            found.append(Frame(template, sum(template.cut(text) is not None for text in texts)))
    return tuple(sorted(found, key=lambda frame: (-frame.fit, frame.template.text)))


def _literal(text: str) -> str:
    """Fixed text that happens to hold a placeholder: what it stood for cannot be told, so it may be anything."""
    return text.replace(INPUT, ANY)


def _branches(texts: Sequence[str], depth: int, total: int) -> list[tuple[str, Sequence[str]]]:
    """Each fixed beginning with the (sorted) texts that have it."""
    texts, depth = _along(texts, depth)
    if len(texts) < LEAST_TEXTS:
        return []
    deeper = []
    for _, group in groupby(texts, key=lambda text: text[depth : depth + 1]):
        branch = list(group)
        if len(branch) >= max(LEAST_TEXTS, LEAST_SHARE * total) and _along(branch, depth)[1] - depth >= LEAST_LENGTH:
            deeper.append(branch)
    if len(deeper) > 1 and sum(map(len, deeper)) >= MOST * len(texts):
        return [found for branch in deeper for found in _branches(branch, depth, total)]
    prefix = texts[0][:depth]
    return [(_ended(prefix), texts)]


def _along(texts: Sequence[str], depth: int) -> tuple[Sequence[str], int]:
    """As far along as nine in ten texts go on alike, and those that do. ``texts`` are sorted and share ``depth``."""
    least = max(LEAST_TEXTS, ceil(UNANIMOUS * len(texts)))
    while len(texts) >= LEAST_TEXTS:
        depth = _common(texts[0], texts[-1], depth)
        character, count = Counter(text[depth : depth + 1] for text in texts).most_common(1)[0]
        if not character or count < least:
            break
        texts = [text for text in texts if text[depth : depth + 1] == character]
        depth += 1
    return texts, depth


def _common(one: str, other: str, depth: int) -> int:
    shorter = min(len(one), len(other))
    low, high = depth, shorter
    while low < high:  # the first difference, by halves
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[low:middle] == other[low:middle] else (low, middle - 1)
    return low


def _ended(prefix: str) -> str:
    """``prefix`` up to the last place where a frame may end."""
    for end in range(len(prefix), 0, -1):
        if _BEFORE.search(prefix, max(0, end - 8), end) and _is_whole(prefix, end):
            return prefix[:end]
    return ""


def _is_whole(prefix: str, end: int) -> bool:
    """Whether the white space after a mark is taken along."""
    return end == len(prefix) or prefix[end] not in " \t"


def _suffix(prefix: str, texts: Sequence[str]) -> str:
    ends = sorted(text[len(prefix) :][::-1] for text in texts)
    shared, depth = _along(ends, 0)
    if len(shared) < LEAST_TEXTS:
        return ""
    suffix = shared[0][:depth][::-1]
    begin = _AFTER.search(suffix)
    return suffix[begin.start() :] if begin else ""
