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
from itertools import groupby, islice
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
#: text without such a mark is a frame from this many words on where nearly all texts share it, see ``learn``
LEAST_WORDS = 4
#: where no frame holds most of the texts, what this share of them begin or end with is one from this many words on
PART, LEAST_WORDS_OF_PART = 0.2, 5
#: common words that are too few for a frame are at least said: this many in a part of the texts, one in nearly all
WORDS_SAID = 3
SEEN = 400
#: what fixed text ends with before an input, and begins with after it
_BEFORE = re.compile(r"(?:[\n:>\"«“‘`\]|#=]|(?<!\w)['\-])[ \t]*$")
_AFTER = re.compile(r"[ \t]*(?:[\n<\"»”’`\[|#=]|['\-](?!\w))")
#: two letters of a script that is written without spaces count as a word
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]{2}|\w+")
#: what announces an input, so that few words are enough: ``Classify:``; not ``Re:``
_ANNOUNCED = re.compile(r"[^\n:>\]]{0,80}\w{4}[^\S\n]?[:>\]](?=\s)")
_ANNOUNCED_AFTER = re.compile(r"\n[^\n:]{0,80}\w{4}:\s*\Z")
#: a place where one word ends and another begins
_GAP = re.compile(r"[\s\u3000-\u30ff\u3400-\u9fff]")
_NUMBER = re.compile(r"\d+")
_ANY_NUMBER = "\0"


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


@dataclass(frozen=True, slots=True)
class Common:
    """Words that a share of the texts begin (or end) with, which are too few to be a frame."""

    words: str
    share: float
    at_end: bool


def learn(texts: Sequence[str]) -> tuple[Frame, ...]:
    """The templates of many messages, the commonest first; none where the messages share no frame.

    The texts are walked as a trie: where nine in ten go on alike, that is fixed text; where they part, either the
    input begins, or, if the branches are few and each goes on alike for long, there are several templates. What a
    branch's texts end with alike is fixed as well. Fixed text ends (begins) with a line break, a colon, a quote or a
    bracket, or it is four words long, so that words that many inputs begin with are not taken for a frame. Where
    nothing is found, numbers are taken for one another, and then what only a fifth of the texts share is sought: five
    words, or fewer with a colon.

    The numbers of words are from BANKING77, CLINC150 and a Russian set of intents, inputs without any prompt. Whole or
    by domain, 3 % at the most begin with the same four words and 4 % end with them; of logs of three of their labels
    13 % share four words and 7 % five, of two labels 26 % and 11 %, of one label 39 % and 21 %.
    """
    if len(texts) < LEAST_TEXTS:
        return ()
    masked = [_NUMBER.sub(_ANY_NUMBER, text) for text in texts]
    for seek in (_shared_by_most, _shared_by_a_part):
        for seen in (texts, masked):
            if templates := dict.fromkeys(seek(seen)):
                found = [Frame(one, sum(one.cut(text) is not None for text in texts)) for one in templates]
                return tuple(sorted(found, key=lambda frame: (-frame.fit, frame.template.text)))
    return ()


def _shared_by_most(texts: Sequence[str]) -> list[Template]:
    branches = _branches(sorted(texts), 0, len(texts))
    return [one for prefix, branch in branches if (one := _template(prefix, branch)) is not None]


def _shared_by_a_part(texts: Sequence[str]) -> list[Template]:
    """What a fifth of the texts or more begin with or, of those that are left, end with."""
    least, left, found = max(LEAST_TEXTS, PART * len(texts)), list(texts), []
    for key in (_announced, _first_words, _announced_after, _last_words):
        groups: dict[str, list[str]] = {}
        for text in left:
            groups.setdefault(key(text, LEAST_WORDS_OF_PART), []).append(text)
        for shared, group in groups.items():
            if shared and len(group) >= least and (one := _template(_prefix(sorted(group)), group)) is not None:
                found.append(one)
                left = [text for text in left if one.cut(text) is None]
    return found


def _template(prefix: str, texts: Sequence[str]) -> Template | None:
    suffix = _suffix(prefix, texts)
    return Template(_literal(prefix) + INPUT + _literal(suffix)) if prefix or suffix else None


def _announced(text: str, _: int) -> str:
    found = _ANNOUNCED.match(text)
    return found[0] if found else ""


def _announced_after(text: str, _: int) -> str:
    found = _ANNOUNCED_AFTER.search(text[-SEEN:])
    return found[0] if found else ""


def _first_words(text: str, n: int) -> str:
    """The beginning of ``text`` with ``n`` words, empty where no more follow."""
    words = list(islice(_WORD.finditer(text[:SEEN]), n + 1))
    return text[: words[-2].end()] if len(words) > n else ""


def _last_words(text: str, n: int) -> str:
    """The end of ``text`` with ``n`` words, empty where it has no more."""
    words = list(_WORD.finditer(text[-SEEN:]))
    return text[-SEEN:][words[-n].start() :] if len(words) > n else ""


def common_words(texts: Sequence[str]) -> tuple[Common, ...]:
    """The commonest beginning and end of some words, where a part of the texts share them or nearly all share one.

    >>> common_words([f"I want to {what}" for what in ("go", "stay", "eat", "see it", "know")])
    (Common(words='I want to', share=1.0, at_end=False),)
    """
    found = []
    for key, at_end in ((_first_words, False), (_last_words, True)):
        for n, least in ((WORDS_SAID, PART), (1, UNANIMOUS)):
            counts = Counter(filter(None, (key(text, n) for text in texts)))
            words, count = counts.most_common(1)[0] if counts else ("", 0)
            if count >= max(LEAST_TEXTS, least * len(texts)):
                found.append(Common(words, count / len(texts), at_end))
                break
    return tuple(found)


def _literal(text: str) -> str:
    """Fixed text that happens to hold a placeholder: what it stood for cannot be told, so it may be anything."""
    return text.replace(INPUT, ANY).replace(_ANY_NUMBER, ANY)


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
    return [(_ended(texts[0][:depth], texts), texts)]


def _prefix(texts: Sequence[str]) -> str:
    """The fixed beginning of (sorted) texts."""
    texts, depth = _along(texts, 0)
    return _ended(texts[0][:depth], texts)


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


def _ended(prefix: str, texts: Sequence[str]) -> str:
    """``prefix`` up to the last place where a frame may end: a mark, or the end of a word where many stand before it."""
    end = next((end for end in range(len(prefix), 0, -1) if _is_mark(prefix, end)), 0)
    whole = prefix[: _last_gap(prefix)]
    return whole if _is_wordy(whole[end:], texts) else prefix[:end]


def _last_gap(prefix: str) -> int:
    """Where the last word of ``prefix``, which may go on in some texts, begins."""
    return next((at for at in range(len(prefix), 0, -1) if _GAP.match(prefix, at - 1)), 0)


def _is_wordy(shared: str, texts: Sequence[str]) -> bool:
    """Whether ``shared`` has the words of a frame, and is not one message that was sent again and again."""
    if len(_WORD.findall(shared)) < LEAST_WORDS:
        return False
    return len({_NUMBER.sub(_ANY_NUMBER, text) for text in texts}) >= LEAST_TEXTS


def _is_mark(prefix: str, end: int) -> bool:
    return _BEFORE.search(prefix, max(0, end - 8), end) is not None and _is_whole(prefix, end)


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
    mark = begin.start() if begin else len(suffix)
    gap = found.start() if (found := _GAP.search(suffix)) else len(suffix)
    return suffix[gap:] if _is_wordy(suffix[gap:mark], shared) else suffix[mark:]
