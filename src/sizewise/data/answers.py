"""What an LLM said, read as a label: out of prose, JSON, code fences or quotes, by stated rules.

An answer that is a label already is left exactly as it is, and so is one that no rule fits: it stays an unusable
answer, and is counted. Rules need to know the labels: the task file's, else the gold values, else what at least five
answers come to once they are unwrapped.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

from sizewise.core.example import Example
from sizewise.core.task import Task
from sizewise.data.formats.source import Source
from sizewise.data.label_key import label_key
from sizewise.data.read import Log, Reading, Reject, Summary, read
from sizewise.data.split import GOLD_ROWS_NEEDED, LEAST_ANSWERS, LONGEST_LABEL

TELLING = frozenset(
    {
        "label", "category", "class", "intent", "topic", "classification", "answer", "result", "prediction", "output",
        "tag", "route", "final_answer", "метка", "категория", "класс", "тема", "ответ",
    }
)  # fmt: skip
_THOUGHTS = re.compile(r"\A.*</(?:think|thinking|reasoning)>|<(?:think|thinking|reasoning)>.*?\Z", re.DOTALL)
_FENCE = re.compile(r"```[\w+-]*[ \t]*\n?(.*?)```", re.DOTALL)
_AROUND = " \t\r\n*_`'\"“”‘’«»„.!,;:()[]<>"
_LINE = re.compile(
    r"^[ \t*_#>-]*(?:the |final |predicted )*(?:{})[ \t*_]*(?::|=|—|–| is\b| - )(?P<said>.+)$".format(
        "|".join(sorted(word.replace("_", " ") for word in TELLING))
    ),
    re.IGNORECASE | re.MULTILINE,
)
_WORD = re.compile(r"\w+")
#: words with which a sentence denies what it names, or says that nobody can tell; an honest one may have "without doubt"
_DENIED = re.compile(
    r"""\b(?:
      not | no(?!\W+(?:doubt|question)\b) | neither | nor | none | nothing(?!\W+but\b) | never | cannot | \w+n[’']t | unlikely | hardly | impossible
    | unable\W+to\W+(?:\w+\W+)?(?:{tell}) | (?:hard|difficult)\W+to\W+(?:\w+\W+)?(?:{tell})
    | (?:i|we)\W+(?:(?:a?m|are|re|feel|remain)\W+)?(?:\w+\W+)?(?:unable|unsure|uncertain)
    | (?:unclear|unsure|uncertain|doubtful)\W+(?:if|whether|what|which|that)
    | (?:it|this|that|intent|label|category|message|request|text)\W+(?:is|s|seems|remains)\W+(?:\w+\W+)?
      (?:unclear|uncertain|ambiguous|doubtful|unrelated)
    | (?:is|are|was|were|be|been)\W+(?:\w+\W+)?(?:ruled\W+out|excluded)
    | не | нет | ни | никак\w* | нельзя | невозможно | неясно | непонятно | неизвестно | неверно | ничего | вряд\W+ли | едва\W+ли
    | (?:трудно|сложно|тяжело|затруднительно|затрудняюсь)\W+(?:\w+\W+)?
      (?:сказать|понять|определить|решить|судить|классифицировать|отнести|назвать|ответить)
    | под\W+вопросом | отнюдь | сомнительно | исключ(?:ено|ена|ён|ены)
    )\b""".replace(
        "{tell}",
        "tell|say|know|classify|categori[sz]e|label|determine|decide|identify|assign|map|pick|choose|judge|see|confirm",
    ),
    re.IGNORECASE | re.VERBOSE,
)
#: what sets the label aside that follows it within a few words
_SET_ASIDE = re.compile(
    r"""\b(?:
      without(?!\W+(?:(?:a|any)\W+)?(?:shadow|doubt|question|hesitation)\b) | instead\W+of | rather\W+than
    | (?:anything|everything|all)\W+but | other\W+than | except(?:\W+for)? | non | far\W+from
    | rul(?:es?|ed|ing)\W+out | exclud(?:es?|ed|ing) | opposite\W+of
    | без(?!\W+(?:всяких\W+|всякого\W+)?сомнени) | вместо | кроме | помимо | исключает | исключая | исключить | исключаю | исключаем
    )\W+(?:\w+\W+){0,3}\Z""",
    re.IGNORECASE | re.VERBOSE,
)
_BEFORE_LABEL = 120
LEAST_WORDS_OF_PROSE = 3
_ENDS = (".", "!", "?", "…")
LONGEST_ANSWER, LONGEST_GOLD, MOST_LABELS, MOST_REMEMBERED = 8_000, 400, 5_000, 20_000


def thoughts(text: str) -> str | None:
    """What follows a reasoning model's thoughts (``<think>…</think>``)."""
    rest = _THOUGHTS.sub("", text)
    return rest if rest != text else None


def fence(text: str) -> str | None:
    """What stands in the code fence, where there is one only."""
    found = _FENCE.findall(text)
    return found[0] if len(found) == 1 else None


def json_value(text: str) -> str | None:
    """The value in a JSON text: of its one telling key (``label``, ``category`` …), else its only value."""
    if text.lstrip()[:1] not in ("{", "[", '"'):
        return None
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return None
    for _ in range(3):
        if isinstance(value, Mapping):
            telling = [v for k, v in value.items() if k.strip().casefold() in TELLING]
            held = telling if len(telling) == 1 else list(value.values())
        elif isinstance(value, list):
            held = value
        else:
            break
        if len(held) != 1:
            return None
        value = held[0]
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value) if isinstance(value, str | int | float) else None


def quotes(text: str) -> str | None:
    """The text without markdown, quotes, brackets and punctuation around it."""
    bare = text.strip(_AROUND)
    return bare if bare and bare != text else None


def line(text: str) -> str | None:
    """What one line says after a telling word: ``Label: x``, ``The category is x``; all such lines must agree."""
    found = {label_key(m["said"].strip(_AROUND)): m["said"].strip(_AROUND) for m in _LINE.finditer(text)}
    return next(iter(found.values())) if len(found) == 1 else None


Rule = Callable[[str], str | None]
#: in this order, each on what the ones before it have left; after each, what is left may be a label
UNWRAP: Mapping[str, Rule] = {
    "thoughts": thoughts, "fence": fence, "json": json_value, "quotes": quotes, "line": line,
}  # fmt: skip
#: what is never part of a label
WRAPPINGS = ("thoughts", "fence", "json", "line")
PLAIN, PROSE, UNMAPPED = "plain", "prose", "unmapped"


@dataclass(frozen=True, slots=True)
class Labels:
    """The known labels, by key, and a pattern that finds them in a text."""

    by_key: Mapping[str, str]
    pattern: re.Pattern[str] | None

    @classmethod
    def of(cls, labels: Iterable[str]) -> Labels:
        """Where several spellings are one label, the first stands for all."""
        by_key: dict[str, str] = {}
        for label in labels:
            by_key.setdefault(label_key(label), label)
        spelled = sorted(filter(None, map(_spelled, by_key.values())), key=len, reverse=True)
        sought = rf"(?<!\w)(?:{'|'.join(spelled)})(?!\w)" if 0 < len(spelled) <= MOST_LABELS else None
        return cls(by_key, re.compile(sought, re.IGNORECASE) if sought else None)

    def read(self, answer: str) -> tuple[str, str]:
        """The name of the rule that fits, and the label: the answer itself where it is plain or no rule fits."""
        if label_key(answer) in self.by_key:
            return PLAIN, answer
        left = answer[:LONGEST_ANSWER]
        for name, rule in UNWRAP.items():
            if (unwrapped := rule(left)) is not None:
                left = unwrapped.strip()
                if (label := self.by_key.get(label_key(left))) is not None:
                    return name, label
        label = self.named_in(left)
        return (PROSE, label) if label is not None else (UNMAPPED, answer)

    def named_in(self, text: str) -> str | None:
        """The one known label that a sentence names, as whole words; ``None`` where it names several or denies it.

        A sentence has at least three words beside the label: fewer, and it may be another label.
        """
        if self.pattern is None:
            return None
        found = list(self.pattern.finditer(text))
        labels = {self.by_key.get(label_key(m[0])) for m in found}
        rest = self.pattern.sub(" ", text)
        if len(labels) != 1 or len(_WORD.findall(rest)) < LEAST_WORDS_OF_PROSE or _DENIED.search(rest):
            return None
        if any(_SET_ASIDE.search(text[max(0, m.start() - _BEFORE_LABEL) : m.start()]) for m in found):
            return None
        return labels.pop()


def _spelled(label: str) -> str:
    """A pattern for a label whose words may be parted by spaces, underscores or hyphens."""
    return r"[\s_\-]+".join(map(re.escape, re.split(r"[\s_\-]+", label.strip()))) if re.search(r"\w", label) else ""


@lru_cache(MOST_LABELS)
def spelled_pattern(label: str) -> re.Pattern[str]:
    """Finds a label in a text, in whichever case, its words parted by whichever separators.

    >>> spelled_pattern("card_arrival").findall("Label: Card arrival.")
    ['Card arrival']
    """
    return re.compile(rf"(?<!\w){_spelled(label) or re.escape(label)}(?!\w)", re.IGNORECASE)


def unwrapped(answer: str, rules: Iterable[str] = tuple(UNWRAP)) -> str:
    """An answer after those of the rules that need no label."""
    left = answer[:LONGEST_ANSWER]
    for name in rules:
        if (inner := UNWRAP[name](left)) is not None:
            left = inner.strip()
    return left


def known_labels(examples: Iterable[Example], labels: Sequence[str] | None) -> Labels:
    """The labels that answers may be read as: given, else gold, else what five answers come to (DESIGN.md's rule).

    ``examples`` may be a stream; what is kept of it are the distinct texts that are short enough to be labels.
    """
    if labels:
        return Labels.of(labels)
    rows, gold, inner = 0, Counter[str](), Counter[str]()
    for example in examples:
        rows += 1
        if example.gold is not None and (example.gold in gold or len(example.gold) <= LONGEST_GOLD):
            gold[example.gold] += 1
        if example.answer is not None and len(text := unwrapped(example.answer, WRAPPINGS)) <= 2 * LONGEST_LABEL:
            inner[text] += 1
    if gold and (gold.total() >= GOLD_ROWS_NEEDED or 2 * gold.total() >= rows):
        return Labels.of(label for label, _ in gold.most_common())
    return Labels.of([*gold, *_come_to(inner)])


def _come_to(inner: Mapping[str, int]) -> list[str]:
    """The labels among the answers without their wrappings: what at least five come to, the commonest first.

    Quotes and punctuation may belong to a label: they are taken off one that is said often only if what is left is
    said often by itself. A sentence that names one of the others is an answer in prose, however often it was given.
    """
    by_itself: Counter[str] = Counter()
    for text, count in inner.items():
        by_itself[label_key(text)] += count
    often = {key for key, count in by_itself.items() if count >= LEAST_ANSWERS}
    total: Counter[str] = Counter()
    spelled: dict[str, Counter[str]] = {}
    for text, count in inner.items():
        bare = unwrapped(text)
        label = bare if label_key(bare) in often or label_key(text) not in often else text
        if 0 < len(label) <= LONGEST_LABEL:
            total[label_key(label)] += count
            spelled.setdefault(label_key(label), Counter())[label] += count
    found = [spelled[key].most_common(1)[0][0] for key, count in total.most_common() if count >= LEAST_ANSWERS]
    short = Labels.of(label for label in found if not is_sentence(label))
    return [label for label in found if not is_sentence(label) or short.named_in(label) is None]


def is_sentence(label: str) -> bool:
    """Whether a label reads like a sentence that somebody said.

    >>> is_sentence("I cannot help with that."), is_sentence("Refund status?"), is_sentence("wrong amount of cash received")
    (True, False, False)
    """
    return label.endswith(_ENDS) and len(_WORD.findall(label)) > LEAST_WORDS_OF_PROSE


class _Reader:
    """Reads answers as labels and counts by which rule; what was read often is not worked out again."""

    def __init__(self, known: Labels) -> None:
        self._known = known
        self._read: dict[str, tuple[str, str]] = {}
        self._counts: Counter[str] = Counter()

    def mapped(self, example: Example) -> Example:
        """``example`` with its answers read, itself where they are plain."""
        if example.answer is None:
            return example
        answer, again = self._label(example.answer), tuple(map(self._label, example.further_answers))
        if answer is example.answer and again == example.further_answers:
            return example
        return replace(example, answer=answer, further_answers=again)

    def _label(self, answer: str) -> str:
        found = self._read.get(answer)
        if found is None:
            found = self._known.read(answer)
            if len(self._read) < MOST_REMEMBERED:
                self._read[answer] = found
        self._counts[found[0]] += 1
        return found[1]

    def counts(self) -> dict[str, int]:
        return {name: self._counts[name] for name in (PLAIN, *UNWRAP, PROSE, UNMAPPED) if self._counts[name]}


def map_answers(log: Log, labels: Sequence[str] | None = None) -> Log:
    """``log`` with its answers read as labels; how many by which rule is in ``answers`` and in ``found``."""
    reader = _Reader(known_labels(log.examples, labels))
    examples = tuple(map(reader.mapped, log.examples))
    by_rule = reader.counts()
    return replace(log, examples=examples, answers=by_rule, found=(*log.found, *_said(by_rule)))


def _said(by_rule: Mapping[str, int]) -> list[str]:
    mapped = {name: count for name, count in by_rule.items() if name not in (PLAIN, UNMAPPED)}
    if not mapped:
        return []
    listed = ", ".join(f"{name} {count:,}" for name, count in mapped.items())
    return [
        f"{sum(mapped.values()):,} of {sum(by_rule.values()):,} answers were read as labels by rule ({listed}); "
        f"{by_rule.get(UNMAPPED, 0):,} are no label by any rule (--raw-answers takes all as they are)"
    ]


def read_log(task: Task, paths: Sequence[Source]) -> Log:
    """The log of a task: read with its columns, filters and template, its answers read as labels unless told not to."""
    log = read(paths, task.columns, task.only, task.template)
    said = tuple(example.answer for example in log.examples)
    return replace(log if task.raw_answers else map_answers(log, task.labels), said=said)


class LogStream:
    """``read_log`` as a stream in bounded memory, used as ``Reading`` is: ``rows()`` once, then ``summary()``.

    Where the labels are not given and answers are to be read, the files are read twice: first for the labels.
    """

    def __init__(self, task: Task, paths: Sequence[Source], on_reject: Callable[[Reject], None] | None = None) -> None:
        self._task, self._paths = task, paths
        self._reading = self._new(on_reject)
        self._reader: _Reader | None = None

    def _new(self, on_reject: Callable[[Reject], None] | None = None) -> Reading:
        return Reading(self._paths, self._task.columns, self._task.only, on_reject, self._task.template)

    def rows(self) -> Iterator[Example]:
        """The examples, in order."""
        if self._task.raw_answers:
            yield from self._reading.rows()
            return
        labels = self._task.labels
        self._reader = _Reader(known_labels(() if labels else self._new().rows(), labels))
        yield from map(self._reader.mapped, self._reading.rows())

    def summary(self) -> Summary:
        """What was read, once ``rows`` has come to its end. Raises ``DataError`` where no use can be made of it."""
        about = self._reading.summary()
        if self._reader is None:
            return about
        by_rule = self._reader.counts()
        return replace(about, answers=by_rule, found=(*about.found, *_said(by_rule)))
