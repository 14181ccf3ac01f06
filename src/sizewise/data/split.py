"""Divide a checked log into train, calibrate and test, and settle what counts as a label."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Literal

from sizewise.core.errors import DataError
from sizewise.core.example import Calibrate, Example, Test, Train
from sizewise.core.task import ReferenceChoice, ReferenceKind
from sizewise.data.check import CheckedLog

CALIBRATE_SHARE, TEST_SHARE, LARGEST_PART = 0.25, 0.20, 3_000
GOLD_ROWS_NEEDED = 500
LEAST_ANSWERS, LONGEST_LABEL = 5, 80
LEAST_INPUTS_PER_LABEL = 3

LabelSource = Literal["task", "gold", "answers"]


@dataclass(frozen=True, slots=True)
class Splits:
    """The three parts, the labels, and what was set aside on the way, all counted.

    ``labels`` is the label set; ``train.labels`` those of them that train can teach (seen in at least
    three distinct inputs). ``unusable`` counts references that are no label; ``leaked`` counts test and
    calibrate rows whose near-duplicate stands in train; ``without_reference`` counts rows of each split
    that carry no reference of the kind in use.
    """

    train: Train
    calibrate: Calibrate
    test: Test
    reference: ReferenceKind
    labels: tuple[str, ...]
    label_source: LabelSource
    how: Literal["column", "time", "random"]
    carved: tuple[str, ...]
    unusable: tuple[tuple[str, int], ...]
    unusable_rows: dict[str, int]
    without_reference: dict[str, int]
    leaked: dict[str, int]
    collapsed: int
    conflicting: int
    trained_on_answers: int
    untaught: tuple[tuple[str, int], ...]
    class_sizes: dict[str, int]


def split(
    checked: CheckedLog, reference: ReferenceChoice = "auto", labels: Sequence[str] | None = None, seed: int = 0
) -> Splits:
    """Split by the ``split`` column, else by time where ``at`` spans more than a day, else at random.

    Raises ``DataError`` where there is nothing to learn from: no reference, or fewer than two labels
    that stand in at least three distinct train inputs.
    """
    parts, how, carved = _assign(checked.examples, seed)
    kind = _reference(reference, parts)
    known, source = _label_set(parts, labels)
    known_set = frozenset(known)

    def has_reference(example: Example) -> bool:
        return (example.gold if kind == "gold" else example.answer) is not None

    calibrate = tuple(e for e in parts["calibrate"] if has_reference(e))
    test = tuple(e for e in parts["test"] if has_reference(e))
    train = _train(parts["train"], kind, known_set)
    taught = set(train.rows.groups)
    unusable: Counter[str] = Counter()
    unusable_rows = {}
    for name, part in parts.items():
        found = [r for e in part if (r := (e.gold if kind == "gold" else e.answer)) is not None and r not in known_set]
        unusable.update(found)
        unusable_rows[name] = len(found)
    return Splits(
        train=train.rows,
        calibrate=Calibrate(calibrate),
        test=Test(test),
        reference=kind,
        labels=known,
        label_source=source,
        how=how,
        carved=carved,
        unusable=tuple(unusable.most_common()),
        unusable_rows=unusable_rows,
        without_reference={name: sum(not has_reference(e) for e in part) for name, part in parts.items()},
        leaked={
            name: sum(e.group in taught for e in part) for name, part in (("calibrate", calibrate), ("test", test))
        },
        collapsed=train.collapsed,
        conflicting=train.conflicting,
        trained_on_answers=train.on_answers,
        untaught=train.untaught,
        class_sizes=dict(Counter(train.rows.targets).most_common()),
    )


def _assign(
    examples: Sequence[Example], seed: int
) -> tuple[dict[str, list[Example]], Literal["column", "time", "random"], tuple[str, ...]]:
    calibrate_size = min(int(len(examples) * CALIBRATE_SHARE), LARGEST_PART)
    test_size = min(int(len(examples) * TEST_SHARE), LARGEST_PART)
    parts: dict[str, list[Example]] = {"train": [], "calibrate": [], "test": []}
    carved: list[str] = []
    if any(e.split for e in examples):
        for example in examples:
            parts[example.split or "train"].append(example)
        for name, size in (("test", test_size), ("calibrate", calibrate_size)):
            if not parts[name]:
                parts["train"], parts[name] = _carve(parts["train"], size, f"{seed}:{name}")
                carved.append(name)
        return parts, "column", tuple(carved)
    if (times := _times(examples)) is not None:
        order = sorted(range(len(examples)), key=lambda i: (times[i], i))
        cut = len(examples) - test_size
        parts["test"] = [examples[i] for i in sorted(order[cut:])]
        parts["calibrate"] = [examples[i] for i in sorted(order[cut - calibrate_size : cut])]
        parts["train"] = [examples[i] for i in sorted(order[: cut - calibrate_size])]
        return parts, "time", ()
    rest, parts["test"] = _carve(examples, test_size, f"{seed}:test")
    parts["train"], parts["calibrate"] = _carve(rest, calibrate_size, f"{seed}:calibrate")
    return parts, "random", ()


def _carve(examples: Sequence[Example], size: int, seed: str) -> tuple[list[Example], list[Example]]:
    """Move ``size`` rows out of ``examples`` at random, whole near-duplicate groups at a time."""
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, example in enumerate(examples):
        members[example.group].append(index)
    order = list(members)
    Random(seed).shuffle(order)
    taken: set[int] = set()
    for group in order:
        if len(taken) + len(members[group]) <= size:
            taken.update(members[group])
        if len(taken) == size:
            break
    return [e for i, e in enumerate(examples) if i not in taken], [e for i, e in enumerate(examples) if i in taken]


def _times(examples: Sequence[Example]) -> list[datetime] | None:
    """Every row's time, or ``None`` unless all rows have one and they span more than a day."""
    times = []
    for example in examples:
        try:
            time = datetime.fromisoformat(example.at or "")
        except ValueError:
            return None
        times.append(time if time.tzinfo else time.replace(tzinfo=UTC))
    return times if max(times) - min(times) > timedelta(days=1) else None


def _reference(choice: ReferenceChoice, parts: dict[str, list[Example]]) -> ReferenceKind:
    measured = [*parts["calibrate"], *parts["test"]]
    gold = sum(e.gold is not None for e in measured)
    answered = sum(e.answer is not None for e in measured)
    kind: ReferenceKind = choice if choice != "auto" else "gold" if gold >= GOLD_ROWS_NEEDED or not answered else "llm"
    if not measured:
        raise DataError(
            f"{len(parts['train'])} rows are too few, or too alike, to set any aside to calibrate and test on. "
            "A hundred different rows are little, a few thousand are good."
        )
    if not (gold if kind == "gold" else answered):
        have, other = ("gold", "llm") if kind == "gold" else ("answer", "gold")
        advice = f"--reference {other} uses what there is" if gold or answered else "only train rows have a reference"
        raise DataError(f"no row to calibrate or test on carries `{have}`: {advice}.")
    return kind


def _label_set(parts: dict[str, list[Example]], labels: Sequence[str] | None) -> tuple[tuple[str, ...], LabelSource]:
    """The task file's labels; else the gold values; else the answers given often enough in train.

    Where gold is sparse (on fewer than 500 rows and on fewer than half of them) it need not show every
    label, and most of the LLM's answers would become unusable: then the gold values and the answers that
    at least five train rows gave, of at most 80 characters, are the labels together.
    """
    if labels:
        return tuple(dict.fromkeys(labels)), "task"
    rows = [e for part in parts.values() for e in part]
    gold = Counter(e.gold for e in rows if e.gold is not None)
    if gold and (gold.total() >= GOLD_ROWS_NEEDED or 2 * gold.total() >= len(rows)):
        return tuple(sorted(gold)), "gold"
    said = Counter(e.answer for e in parts["train"] if e.answer)
    given = {a for a, n in said.items() if n >= LEAST_ANSWERS and len(a) <= LONGEST_LABEL}
    return tuple(sorted(given.union(gold))), "answers" if given.difference(gold) else "gold"


@dataclass(frozen=True, slots=True)
class _Cleaned:
    rows: Train
    collapsed: int
    conflicting: int
    on_answers: int
    untaught: tuple[tuple[str, int], ...]


def _train(examples: Sequence[Example], kind: ReferenceKind, known: frozenset[str]) -> _Cleaned:
    """One row a distinct input, with its commonest usable target; labels in fewer than three inputs left out."""
    by_input: defaultdict[str, list[tuple[Example, str]]] = defaultdict(list)
    on_answers = 0
    for example in examples:
        target = example.answer if kind == "llm" else example.gold or example.answer
        if target in known and target is not None:
            on_answers += kind == "gold" and example.gold is None
            by_input[example.input].append((example, target))
    rows: list[tuple[Example, str]] = []
    conflicting = 0
    for said in by_input.values():
        counts = Counter(target for _, target in said)
        conflicting += len(counts) > 1
        best = counts.most_common(1)[0][0]
        rows.append((said[0][0], best))
    groups: defaultdict[str, set[int]] = defaultdict(set)
    for example, target in rows:
        groups[target].add(example.group)
    taught = sorted(label for label, inputs in groups.items() if len(inputs) >= LEAST_INPUTS_PER_LABEL)
    if len(taught) < 2:
        found = ", ".join(f"{label!r} ({len(groups[label])})" for label in sorted(groups)[:5]) or "none"
        raise DataError(
            f"nothing to learn: train needs two labels with at least {LEAST_INPUTS_PER_LABEL} distinct inputs each; "
            f"it has {len(rows)} usable rows and {len(groups)} labels: {found}. "
            "Add rows, or check that the right columns are read (--columns)."
        )
    kept = [(e, t) for e, t in rows if t in set(taught)]
    return _Cleaned(
        rows=Train(
            ids=tuple(e.id for e, _ in kept),
            inputs=tuple(e.input for e, _ in kept),
            targets=tuple(t for _, t in kept),
            groups=tuple(e.group for e, _ in kept),
            labels=tuple(taught),
            others=tuple(e.gold if e.gold in set(taught) else None for e, _ in kept) if kind == "llm" else (),
        ),
        collapsed=sum(len(said) for said in by_input.values()) - len(rows),
        conflicting=conflicting,
        on_answers=on_answers,
        untaught=tuple(
            sorted((label, len(inputs)) for label, inputs in groups.items() if len(inputs) < LEAST_INPUTS_PER_LABEL)
        ),
    )
