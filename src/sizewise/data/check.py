"""What the rows can bear, before any model: labels and their merges, duplicates, unusable answers."""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.core.record import LabelMerge
from sizewise.data.read import Log
from sizewise.data.text import folded

_SEPARATORS = re.compile(r"[\s_\-]+")


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """A log whose labels are merged and whose examples know their near-duplicate group."""

    log: Log
    examples: tuple[Example, ...]
    merges: tuple[LabelMerge, ...]
    groups: int
    exact_duplicates: int
    near_duplicates: int
    conflicting_inputs: int
    empty_inputs: int


def check(log: Log, labels: Sequence[str] | None = None, strict_labels: bool = False) -> CheckedLog:
    """Merge label spellings and number the near-duplicate groups.

    ``labels`` are a task file's: they win over the data's spelling. Raises ``DataError`` where
    ``strict_labels`` is set and the data spells a label in more than one way.
    """
    spelling, merges = _merge(log.examples, labels or ())
    if strict_labels and merges:
        shown = "; ".join(f"{m.kept!r} is also written {', '.join(map(repr, m.merged))}" for m in merges[:5])
        raise DataError(f"--strict-labels: {len(merges)} labels are written in several ways: {shown}.")
    groups: dict[str, int] = {}
    examples = tuple(_grouped(example, spelling, groups) for example in log.examples)
    distinct = {e.input for e in examples}
    answers: defaultdict[str, set[str]] = defaultdict(set)
    for example in examples:
        answers[example.input].update(filter(None, (example.gold or example.answer,)))
    return CheckedLog(
        log=log,
        examples=examples,
        merges=merges,
        groups=len(groups),
        exact_duplicates=len(examples) - len(distinct),
        near_duplicates=len(distinct) - len(groups),
        conflicting_inputs=sum(len(said) > 1 for said in answers.values()),
        empty_inputs=sum(not e.input.strip() for e in examples),
    )


def _grouped(example: Example, spelling: Mapping[str, str], groups: dict[str, int]) -> Example:
    return replace(
        example,
        answer=None if example.answer is None else spelling.get(example.answer, example.answer),
        gold=None if example.gold is None else spelling.get(example.gold, example.gold),
        further_answers=tuple(spelling.get(a, a) for a in example.further_answers),
        group=groups.setdefault(folded(example.input), len(groups)),
    )


def label_key(label: str) -> str:
    """Labels with the same key are one label: case, spaces, underscores and hyphens do not count.

    They do count where they make a number what it is: a minus, and what keeps two numbers apart.

    >>> label_key("Card_Arrival") == label_key("card arrival")
    True
    >>> label_key("-1") == label_key("1"), label_key("1-2") == label_key("12")
    (False, False)
    """
    return _SEPARATORS.sub(_between, label.casefold()) or label


def _between(separator: re.Match[str]) -> str:
    before, after = separator.string[: separator.start()][-1:], separator.string[separator.end() :][:1]
    if not after.isdigit():
        return ""
    if before.isdigit():
        return " "
    is_minus = separator[0].endswith("-") and (not before or len(separator[0]) > 1)
    return "-" if is_minus else ""


def _merge(examples: Iterable[Example], labels: Sequence[str]) -> tuple[dict[str, str], tuple[LabelMerge, ...]]:
    gold: Counter[str] = Counter()
    said: Counter[str] = Counter()
    for example in examples:
        if example.gold is not None:
            gold[example.gold] += 1
        said.update(a for a in (example.answer, *example.further_answers) if a is not None)
    spellings: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for label, count in (gold + said).items():
        spellings[label_key(label)][label] += count
    given = {label_key(label): label for label in labels}
    kept_as: dict[str, str] = {}
    merges = []
    for key, counts in spellings.items():
        kept = given.get(key) or min(counts, key=lambda label: (-counts[label], -gold[label], label))
        merged = {label: count for label, count in sorted(counts.items()) if label != kept}
        if merged:
            merges.append(LabelMerge(kept, merged))
            kept_as.update(dict.fromkeys(merged, kept))
    return kept_as, tuple(sorted(merges, key=lambda m: (-sum(m.merged.values()), m.kept)))
