"""Divide a checked log into train, calibrate and test, and settle what counts as a label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sizewise.core.errors import DataError
from sizewise.core.example import Calibrate, Test, Train
from sizewise.core.record import Leak
from sizewise.core.task import ReferenceChoice, ReferenceKind
from sizewise.data.check import Checked, CheckedLog
from sizewise.data.tally import NONE, PARTS, Columns, Ints, counted_pairs, numbered
from sizewise.data.teaching import teaching

CALIBRATE_SHARE, TEST_SHARE, LARGEST_PART = 0.25, 0.20, 3_000
GOLD_ROWS_NEEDED = 500
LEAST_ANSWERS, LONGEST_LABEL = 5, 80
LEAST_INPUTS_PER_LABEL = 3
A_DAY = 86_400.0
TIMED_PER_CENT = 99  # of the rows, for a split by time
TRAIN, CALIBRATE, TEST = range(3)

LabelSource = Literal["task", "gold", "answers"]
How = Literal["column", "time", "random"]
NotByTime = Literal["unreadable", "within_a_day"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Division:
    """Where each row belongs, the labels, and what was set aside on the way, all counted.

    ``parts`` has shape (rows,) and holds positions in ``PARTS``; ``train_rows`` and ``train_targets`` have shape
    (train,): the rows that are learned from and the position in the columns' labels of what they teach.
    ``labels`` is the label set, ``taught`` those of them that train can teach (seen in at least three distinct
    inputs). ``sizes`` counts the rows of each part that are used; ``unusable`` counts references that are no
    label; ``leaked`` counts test and calibrate rows whose near-duplicate stands in train, ``leaks`` says more;
    ``without_reference`` counts rows of each part that carry no reference of the kind in use. ``augmented`` rows were
    written by an LLM and are in none of these counts; ``written_rows`` and ``written_targets`` are those that may be
    learned from beside the train rows: of a taught label, and like no other row. ``untimed`` counts rows without a time
    that can be read, and ``not_by_time`` says why rows that carry times were split at random all the same.
    """

    parts: Ints
    train_rows: Ints
    train_targets: Ints
    reference: ReferenceKind
    labels: tuple[str, ...]
    taught: tuple[str, ...]
    label_source: LabelSource
    how: How
    carved: tuple[str, ...]
    sizes: dict[str, int]
    unusable: tuple[tuple[str, int], ...]
    unusable_rows: dict[str, int]
    without_reference: dict[str, int]
    leaked: dict[str, int]
    leaks: tuple[Leak, ...]
    collapsed: int
    conflicting: int
    trained_on_answers: int
    untaught: tuple[tuple[str, int], ...]
    class_sizes: dict[str, int]
    augmented: int
    written_rows: Ints
    written_targets: Ints
    untimed: int
    not_by_time: NotByTime | None


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts of a log that is held in memory, and how they came about.

    ``written`` are rows that an LLM wrote: they may be learned from beside ``train``, and are never scored.
    """

    train: Train
    calibrate: Calibrate
    test: Test
    division: Division
    written: Train | None = None

    @property
    def reference(self) -> ReferenceKind:
        return self.division.reference

    @property
    def labels(self) -> tuple[str, ...]:
        return self.division.labels


def split(
    checked: CheckedLog, reference: ReferenceChoice = "auto", labels: Sequence[str] | None = None, seed: int = 0
) -> Splits:
    """Split by the ``split`` column, else by time where ``at`` spans more than a day, else at random.

    By time, the few rows without a time that can be read are train; where they are more than one in a hundred, the
    split is at random.

    Raises ``DataError`` where there is nothing to learn from: no reference, or fewer than two labels
    that stand in at least three distinct train inputs.
    """
    columns = checked.facts.columns
    division = divide(checked.facts, reference, labels, seed)
    gold = division.reference == "gold"
    has_reference = (columns.golds if gold else columns.answers) >= 0
    taught = frozenset(division.taught)
    rows = [checked.examples[i] for i in division.train_rows]
    targets = tuple(columns.labels[code] for code in division.train_targets)
    soft, rationales = teaching(rows, targets, division.taught)
    train = Train(
        ids=tuple(e.id for e in rows),
        inputs=tuple(e.input for e in rows),
        targets=targets,
        groups=tuple(e.group for e in rows),
        labels=division.taught,
        others=() if gold else tuple(e.gold if e.gold in taught else None for e in rows),
        soft=soft,
        rationales=rationales,
    )
    calibrate, test = (
        tuple(checked.examples[i] for i in np.flatnonzero((division.parts == part) & has_reference))
        for part in (CALIBRATE, TEST)
    )
    return Splits(train, Calibrate(calibrate), Test(test), division, _written(checked, division))


def _written(checked: CheckedLog, division: Division) -> Train | None:
    rows = [checked.examples[i] for i in division.written_rows]
    if not rows:
        return None
    return Train(
        ids=tuple(e.id for e in rows),
        inputs=tuple(e.input for e in rows),
        targets=tuple(checked.facts.columns.labels[code] for code in division.written_targets),
        groups=tuple(e.group for e in rows),
        labels=division.taught,
    )


def divide(
    checked: Checked, reference: ReferenceChoice = "auto", labels: Sequence[str] | None = None, seed: int = 0
) -> Division:
    """``split`` for rows that are numbers: the same rows go to the same parts."""
    columns = checked.columns
    parts, how, carved = assigned(columns, seed)
    real = ~columns.augmented
    kind = _reference(reference, parts, columns)
    references = columns.golds if kind == "gold" else columns.answers
    known, source = _label_set(parts, columns, labels)
    known_set = frozenset(known)
    is_label = np.array([*(label in known_set for label in columns.labels), False])
    cleaned = _cleaned(columns, (parts == TRAIN) & real, kind, is_label)
    written, written_targets = _like_no_other(columns, cleaned.taught)
    unusable = (references != NONE) & ~is_label[references] & real
    leaks, leaked = _leaks(columns, parts, references, cleaned)
    return Division(
        parts=parts,
        train_rows=cleaned.rows,
        train_targets=cleaned.targets,
        reference=kind,
        labels=known,
        taught=cleaned.taught,
        label_source=source,
        how=how,
        carved=carved,
        sizes={
            "train": len(cleaned.rows),
            **{PARTS[part]: int(((parts == part) & (references != NONE)).sum()) for part in (CALIBRATE, TEST)},
        },
        unusable=_counted(references[unusable], columns.labels),
        unusable_rows={name: int((unusable & (parts == part)).sum()) for part, name in enumerate(PARTS)},
        without_reference={
            name: int(((references == NONE) & (parts == part) & real).sum()) for part, name in enumerate(PARTS)
        },
        leaked=leaked,
        leaks=leaks,
        collapsed=cleaned.collapsed,
        conflicting=cleaned.conflicting,
        trained_on_answers=cleaned.on_answers,
        untaught=cleaned.untaught,
        class_sizes=dict(_counted(cleaned.targets, columns.labels)),
        augmented=int(columns.augmented.sum()),
        written_rows=written,
        written_targets=written_targets,
        untimed=int(np.isnan(columns.times[real]).sum()),
        not_by_time=_not_by_time(columns.times[real]) if how == "random" else None,
    )


def _like_no_other(columns: Columns, taught: Sequence[str]) -> tuple[Ints, Ints]:
    """The rows that an LLM wrote for a taught label and that are near-duplicates of no real row; one of those alike."""
    known = frozenset(taught)
    is_taught = np.array([*(label in known for label in columns.labels), False])
    strange = ~np.isin(columns.groups, columns.groups[~columns.augmented])
    rows = np.flatnonzero(columns.augmented & strange & is_taught[columns.answers])
    _, first = np.unique(columns.groups[rows], return_index=True)
    rows = rows[np.sort(first)]
    return rows, columns.answers[rows]


def _counted(codes: Ints, labels: Sequence[str]) -> tuple[tuple[str, int], ...]:
    """Labels with their counts, the commonest first; texts that share a name are counted together."""
    counts: Counter[str] = Counter()
    for code, count in zip(*np.unique(codes, return_counts=True), strict=True):
        counts[labels[code]] += int(count)
    return tuple(counts.most_common())


def assigned(columns: Columns, seed: int) -> tuple[Ints, How, tuple[str, ...]]:
    """The part of each row, how that was found, and the parts that were carved out of train.

    What an LLM wrote is train, and moves no other row.
    """
    if not columns.augmented.any():
        return _assigned(columns, seed)
    real = np.flatnonzero(~columns.augmented)
    parts = np.full(len(columns), TRAIN, dtype=np.int64)
    some = replace(
        columns, inputs=columns.inputs[real], groups=columns.groups[real], parts=columns.parts[real],
        times=columns.times[real],
    )  # fmt: skip
    parts[real], how, carved = _assigned(some, seed)
    return parts, how, carved


def _assigned(columns: Columns, seed: int) -> tuple[Ints, How, tuple[str, ...]]:
    rows = len(columns)
    calibrate_size = min(int(rows * CALIBRATE_SHARE), LARGEST_PART)
    test_size = min(int(rows * TEST_SHARE), LARGEST_PART)
    parts = np.maximum(columns.parts, TRAIN).astype(np.int64)
    if (columns.parts != NONE).any():
        carved = []
        for part, size in ((TEST, test_size), (CALIBRATE, calibrate_size)):
            if not (parts == part).any():
                parts[_carved(columns, np.flatnonzero(parts == TRAIN), size, f"{seed}:{PARTS[part]}")] = part
                carved.append(PARTS[part])
        return parts, "column", tuple(carved)
    if rows and not np.isnan(columns.times).all() and _not_by_time(columns.times) is None:
        order = np.argsort(np.where(np.isnan(columns.times), -np.inf, columns.times), kind="stable")
        parts[order[rows - test_size - calibrate_size :]] = CALIBRATE
        parts[order[rows - test_size :]] = TEST
        return parts, "time", ()
    for part, size in ((TEST, test_size), (CALIBRATE, calibrate_size)):
        parts[_carved(columns, np.flatnonzero(parts == TRAIN), size, f"{seed}:{PARTS[part]}")] = part
    return parts, "random", ()


def _not_by_time(times: NDArray[np.float64]) -> NotByTime | None:
    """What speaks against a split by ``times``, NaN where unknown; ``None`` also where there are none at all."""
    known = times[~np.isnan(times)]
    if not len(known):
        return None
    if 100 * len(known) < TIMED_PER_CENT * len(times):
        return "unreadable"
    return None if np.ptp(known) > A_DAY else "within_a_day"


def _carved(columns: Columns, rows: Ints, size: int, seed: str) -> Ints:
    """``size`` of ``rows`` drawn at random, whole near-duplicate groups at a time."""
    groups = numbered(columns.groups[rows])
    members = np.bincount(groups).tolist()
    order = list(range(len(members)))
    Random(seed).shuffle(order)
    taken = np.zeros(len(members), dtype=bool)
    count = 0
    for group in order:
        if count + members[group] <= size:
            taken[group] = True
            count += members[group]
        if count == size:
            break
    return rows[taken[groups]] if len(rows) else rows


def _reference(choice: ReferenceChoice, parts: Ints, columns: Columns) -> ReferenceKind:
    measured = parts != TRAIN
    gold = int((columns.golds[measured] != NONE).sum())
    answered = int((columns.answers[measured] != NONE).sum())
    kind: ReferenceKind = choice if choice != "auto" else "gold" if gold >= GOLD_ROWS_NEEDED or not answered else "llm"
    if not measured.any():
        raise DataError(
            f"{len(parts)} rows are too few, or too alike, to set any aside to calibrate and test on. "
            "A hundred different rows are little, a few thousand are good."
        )
    if not (gold if kind == "gold" else answered):
        have, other = ("gold", "llm") if kind == "gold" else ("answer", "gold")
        advice = f"--reference {other} uses what there is" if gold or answered else "only train rows have a reference"
        raise DataError(f"no row to calibrate or test on carries `{have}`: {advice}.")
    return kind


def _label_set(parts: Ints, columns: Columns, labels: Sequence[str] | None) -> tuple[tuple[str, ...], LabelSource]:
    """The task file's labels; else the gold values; else the answers given often enough in train.

    Where gold is sparse (on fewer than 500 rows and on fewer than half of them) it need not show every
    label, and most of the LLM's answers would become unusable: then the gold values and the answers that
    at least five train rows gave, of at most 80 characters, are the labels together.
    """
    if labels:
        return tuple(dict.fromkeys(labels)), "task"
    rows = columns.golds[columns.golds != NONE]
    gold = {columns.labels[code] for code in np.unique(rows)}
    if gold and (len(rows) >= GOLD_ROWS_NEEDED or 2 * len(rows) >= len(columns)):
        return tuple(sorted(gold)), "gold"
    said = columns.answers[(parts == TRAIN) & (columns.answers != NONE) & ~columns.augmented]
    codes, counts = np.unique(said, return_counts=True)
    often = {columns.labels[code] for code in codes[counts >= LEAST_ANSWERS]}
    given = {answer for answer in often if 0 < len(answer) <= LONGEST_LABEL}
    return tuple(sorted(given | gold)), "answers" if given - gold else "gold"


@dataclass(frozen=True, slots=True)
class _Cleaned:
    rows: Ints
    targets: Ints
    taught: tuple[str, ...]
    collapsed: int
    conflicting: int
    on_answers: int
    untaught: tuple[tuple[str, int], ...]


def _cleaned(columns: Columns, in_train: Ints, kind: ReferenceKind, is_label: Ints) -> _Cleaned:
    """One row a distinct input, with its commonest usable target; labels in fewer than three inputs left out."""
    targets = columns.answers if kind == "llm" else np.where(columns.golds != NONE, columns.golds, columns.answers)
    usable = np.flatnonzero(in_train & is_label[targets])
    on_answers = int((columns.golds[usable] == NONE).sum()) if kind == "gold" else 0
    inputs = numbered(columns.inputs[usable])
    _, first = np.unique(inputs, return_index=True)
    rows, best = usable[first], targets[usable[first]]
    which, _, _ = counted_pairs(inputs, targets[usable])
    conflicting = np.flatnonzero(np.bincount(which) > 1) if len(which) else which
    best[conflicting] = _commonest(conflicting, inputs, targets[usable])
    codes, _, _ = counted_pairs(best, columns.groups[rows])
    codes, distinct = np.unique(codes, return_counts=True)
    seen = {columns.labels[code]: int(count) for code, count in zip(codes, distinct, strict=True)}
    taught = tuple(sorted(label for label, count in seen.items() if count >= LEAST_INPUTS_PER_LABEL))
    if len(taught) < 2:
        found = ", ".join(f"{label!r} ({seen[label]})" for label in sorted(seen)[:5]) or "none"
        raise DataError(
            f"nothing to learn: train needs two labels with at least {LEAST_INPUTS_PER_LABEL} distinct inputs each; "
            f"it has {len(rows)} usable rows and {len(seen)} label{'' if len(seen) == 1 else 's'}: {found}. "
            "Add rows, or check that the right columns are read (--columns)."
        )
    kept = np.isin(best, codes[distinct >= LEAST_INPUTS_PER_LABEL])
    return _Cleaned(
        rows=rows[kept],
        targets=best[kept],
        taught=taught,
        collapsed=len(usable) - len(rows),
        conflicting=len(conflicting),
        on_answers=on_answers,
        untaught=tuple(sorted((label, n) for label, n in seen.items() if n < LEAST_INPUTS_PER_LABEL)),
    )


def _commonest(wanted: Ints, inputs: Ints, targets: Ints) -> list[int]:
    """For each of the ``wanted`` inputs its commonest target; of two that are as common, the first."""
    said: defaultdict[int, list[int]] = defaultdict(list)
    picked = np.isin(inputs, wanted)
    for one, target in zip(inputs[picked].tolist(), targets[picked].tolist(), strict=True):
        said[one].append(target)
    return [Counter(said[one]).most_common(1)[0][0] for one in wanted.tolist()]


def _leaks(
    columns: Columns, parts: Ints, references: Ints, cleaned: _Cleaned
) -> tuple[tuple[Leak, ...], dict[str, int]]:
    """Rows of calibrate and test, with a reference, whose duplicate stands in train, by how alike they are."""
    exact = np.isin(columns.inputs, columns.inputs[cleaned.rows])
    near = np.isin(columns.groups, columns.groups[cleaned.rows]) & ~exact
    labels = len(columns.labels) + 1
    groups = numbered(np.concatenate([columns.groups, columns.groups[cleaned.rows]]))
    inputs = numbered(np.concatenate([columns.inputs, columns.inputs[cleaned.rows]]))
    rows = len(columns)
    leaks = []
    leaked = {}
    for part in (CALIBRATE, TEST):
        measured = (parts == part) & (references != NONE)
        leaked[PARTS[part]] = int((measured & (exact | near)).sum())
        for kind, which, keys in (("exact", exact, inputs), ("near", near, groups)):
            found = np.flatnonzero(measured & which)
            same = int(np.isin(keys[found] * labels + references[found], keys[rows:] * labels + cleaned.targets).sum())
            if len(found):
                leaks.append(Leak(PARTS[part], kind, len(found), same, len(found) - same))  # type: ignore[arg-type]
    return tuple(leaks), leaked
