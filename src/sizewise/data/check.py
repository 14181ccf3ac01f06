"""What the rows can bear, before any model: labels and their merges, duplicates, several answers to one input."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.core.record import LabelMerge
from sizewise.data.label_key import label_key
from sizewise.data.read import Log
from sizewise.data.tally import UNSHOWN, Columns, Ints, Tally, counted_pairs


@dataclass(frozen=True, slots=True)
class Checked:
    """The rows of a log as numbers, their labels merged, and what was counted on the way."""

    columns: Columns
    merges: tuple[LabelMerge, ...]
    spelling: Mapping[str, str]
    groups: int
    exact_duplicates: int
    near_duplicates: int
    conflicting_inputs: int
    empty_inputs: int


@dataclass(frozen=True, slots=True)
class CheckedLog:
    """A log whose labels are merged and whose examples know their near-duplicate group."""

    log: Log
    examples: tuple[Example, ...]
    facts: Checked


def check(log: Log, labels: Sequence[str] | None = None, strict_labels: bool = False) -> CheckedLog:
    """Merge label spellings and number the near-duplicate groups.

    ``labels`` are a task file's: they win over the data's spelling. Raises ``DataError`` where
    ``strict_labels`` is set and the data spells a label in more than one way.
    """
    tally = Tally(log.examples)
    checked = check_columns(tally.columns(), tally.empty_inputs, labels, strict_labels)
    groups = checked.columns.groups.tolist()
    spelling = checked.spelling
    examples = tuple(_grouped(e, spelling, group) for e, group in zip(log.examples, groups, strict=True))
    return CheckedLog(log, examples, checked)


def check_columns(
    columns: Columns, empty_inputs: int, labels: Sequence[str] | None = None, strict_labels: bool = False
) -> Checked:
    """The same for a log that streamed by."""
    spelling, merges = _merge(columns, labels or ())
    if strict_labels and merges:
        shown = "; ".join(f"{m.kept!r} is also written {', '.join(map(repr, m.merged))}" for m in merges[:5])
        raise DataError(f"--strict-labels: {len(merges)} labels are written in several ways: {shown}.")
    columns = _respelled(columns, spelling)
    groups = int(columns.groups.max(initial=-1)) + 1
    distinct = len(np.unique(columns.inputs))
    return Checked(
        columns=columns,
        merges=merges,
        spelling=spelling,
        groups=groups,
        exact_duplicates=len(columns) - distinct,
        near_duplicates=distinct - groups,
        conflicting_inputs=_conflicting(columns),
        empty_inputs=empty_inputs,
    )


def _conflicting(columns: Columns) -> int:
    """Inputs of which two rows have different references; an empty answer is none."""
    reference = np.where(columns.golds >= 0, columns.golds, columns.answers)
    empty = columns.labels.index("") if "" in columns.labels else -1
    known = (reference >= 0) & (reference != empty)
    inputs, _, _ = counted_pairs(columns.inputs[known], reference[known])
    return int((np.unique(inputs, return_counts=True)[1] > 1).sum())


def _respelled(columns: Columns, spelling: Mapping[str, str]) -> Columns:
    """``columns`` with every label at the position of the spelling that is kept."""
    if not spelling:
        return columns
    labels = list(columns.labels)
    position = {label: i for i, label in enumerate(labels)}
    for kept in spelling.values():
        if kept not in position:
            position[kept] = len(labels)
            labels.append(kept)
    moved = [position[spelling[label]] if label in spelling else i for i, label in enumerate(columns.labels)]
    kept_at = np.array([*moved, -1], dtype=np.int64)
    again = columns.again.copy()
    again[:, 1] = kept_at[again[:, 1]]
    return replace(
        columns, answers=kept_at[columns.answers], golds=kept_at[columns.golds], again=again, labels=tuple(labels)
    )


def _grouped(example: Example, spelling: Mapping[str, str], group: int) -> Example:
    return replace(
        example,
        answer=None if example.answer is None else spelling.get(example.answer, example.answer),
        gold=None if example.gold is None else spelling.get(example.gold, example.gold),
        further_answers=tuple(spelling.get(a, a) for a in example.further_answers),
        group=group,
    )


def _counts(codes: Ints, labels: Sequence[str]) -> Counter[str]:
    counts = np.bincount(codes[codes >= 0], minlength=len(labels))
    return Counter({labels[code]: int(counts[code]) for code in np.flatnonzero(counts).tolist()})


def _merge(columns: Columns, labels: Sequence[str]) -> tuple[dict[str, str], tuple[LabelMerge, ...]]:
    gold = _counts(columns.golds, columns.labels)
    said = _counts(np.concatenate([columns.answers, columns.again[:, 1]]), columns.labels)
    said.pop(UNSHOWN, None)
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
