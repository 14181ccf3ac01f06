"""A cleaned copy of a log: train cleaned, calibrate and test as they were, and a list of all that was changed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sizewise.core.errors import DataError, RunError
from sizewise.core.example import Example
from sizewise.data.formats.source import Source
from sizewise.data.read import Reading
from sizewise.data.split import TRAIN
from sizewise.data.tally import NONE, PARTS
from sizewise.stages.checkup import Checkup
from sizewise.stages.listener import Listener
from sizewise.store.lines import lines_into

#: what to do with train rows whose label is probably wrong
LabelFix = Literal["leave", "drop", "suggest"]


@dataclass(frozen=True, slots=True)
class Change:
    """One thing that the copy has otherwise: ``what`` is a column, or "row" where the row was left out."""

    id: str
    what: str
    from_: Any
    to: Any
    why: str

    def line(self) -> dict[str, Any]:
        """The change as it is written down."""
        return {"id": self.id, "what": self.what, "from": self.from_, "to": self.to, "why": self.why}


def changes_path(target: Path) -> Path:
    """Where the list of changes stands."""
    return target.with_name(target.name + ".changes.jsonl")


def require_free(target: Path, sources: Sequence[Source], force: bool) -> None:
    """Raise ``RunError`` where the copy would take the place of a source, or without ``force`` of any file."""
    for path in (target, changes_path(target)):
        if any(isinstance(source, Path) and path.resolve() == source.resolve() for source in sources):
            raise RunError(f"--fix {target}: {path} is a log that is being read. Name another file.")
        if path.is_dir():
            raise RunError(f"--fix {target}: {path} is a folder. Name a file.")
        if path.exists() and not force:
            raise RunError(f"{path} exists. --force writes it anew; another --fix FILE keeps it.")


def clean(paths: Sequence[Source], found: Checkup, target: Path, labels: LabelFix, listener: Listener) -> int:
    """Write the copy to ``target`` and the changes beside it; give their number.

    Every row keeps all its columns, under the names of the data contract, and gets an explicit ``id`` and
    ``split``, so that deciding on the copy uses exactly the same split. Only train rows are changed: those with
    an empty input, an unusable reference, or an input that an earlier row has are left out; spellings of labels
    are merged. A suspected label is touched only where ``labels`` asks for it.
    """
    listener.stage("clean")
    task = found.task
    theirs = {name: ours for ours, name in task.columns.items()}
    plan = _Plan(found, labels)
    reading = Reading(paths, task.columns, task.only, template=task.template)
    changed = rows = 0
    with lines_into(changes_path(target)) as write_change, lines_into(target) as write:
        for number, example in enumerate(reading.rows()):
            if number >= len(plan):
                break
            rows += 1
            row = _by_contract(example, {theirs.get(name, name): value for name, value in reading.row.items()})
            row["split"] = PARTS[found.division.parts[number]]
            for change in plan.changes(number, example):
                write_change(change.line())
                changed += 1
                if change.what == "row":
                    break
                row[change.what] = _in_place(row.get(change.what), change.to)
            else:
                write(row)
        if rows != len(plan):
            raise DataError(f"{paths[0]} changed while it was read. Run the command again.")
    return changed


def _by_contract(example: Example, row: dict[str, Any]) -> dict[str, Any]:
    """The row with an id, and with what the reader found where the file has no column of that name."""
    known = {"answer": example.answer, "gold": example.gold}
    found = {name: value for name, value in known.items() if value is not None and row.get(name) is None}
    return {"id": example.id, "input": example.input} | row | {"id": example.id} | found


def _in_place(was: Any, to: Any) -> Any:
    """A new label in the place of the first of several answers, else instead of what was there."""
    return [to, *was[1:]] if isinstance(was, list) and not isinstance(to, list) else to


class _Plan:
    """What is to be done with each row of train."""

    def __init__(self, found: Checkup, labels: LabelFix) -> None:
        self._columns, self._division = found.checked.columns, found.division
        self._spelling: Mapping[str, str] = found.checked.spelling
        self._labels, self._suspects = labels, found.suspects
        known = frozenset(self._division.labels)
        self._is_label = np.array([*(label in known for label in self._columns.labels), False])
        kind, golds, answers = self._division.reference, self._columns.golds, self._columns.answers
        self._targets = answers if kind == "llm" else np.where(golds != NONE, golds, answers)
        self._field = np.where(golds != NONE, "gold", "answer") if kind == "gold" else np.full(len(golds), "answer")
        self._taken: dict[int, str] = {}
        self._commonest = self._commonest_targets()

    def __len__(self) -> int:
        return len(self._columns)

    def _commonest_targets(self) -> dict[int, int]:
        """For each train input with several usable references, the one that train learns."""
        said: defaultdict[int, dict[int, int]] = defaultdict(dict)
        usable = np.flatnonzero((self._division.parts == TRAIN) & self._is_label[self._targets])
        inputs, counts = np.unique(self._columns.inputs[usable], return_counts=True)
        several = inputs[counts > 1]
        for row in usable[np.isin(self._columns.inputs[usable], several)].tolist():
            votes = said[int(self._columns.inputs[row])]
            votes[int(self._targets[row])] = votes.get(int(self._targets[row]), 0) + 1
        return {one: max(votes, key=votes.__getitem__) for one, votes in said.items() if len(votes) > 1}

    def changes(self, number: int, example: Example) -> Iterator[Change]:
        """The changes of one row; after a change of the whole row there is no other."""
        if self._division.parts[number] != TRAIN:
            return
        target, one = int(self._targets[number]), int(self._columns.inputs[number])
        if why := self._unusable(example, target):
            yield Change(example.id, "row", None, None, why)
            return
        if one in self._taken:
            yield Change(example.id, "row", None, None, f"same input as {self._taken[one]}")
            return
        self._taken[one] = example.id
        yield from self._respelled(example)
        field, label = str(self._field[number]), self._columns.labels[target]
        if (best := self._commonest.get(one, target)) != target:
            chosen = self._columns.labels[best]
            yield Change(example.id, field, label, chosen, "the commonest of several answers to this input")
            label = chosen
        suggested = self._suspects.get(number)
        if suggested is not None and suggested != label and self._labels != "leave":
            if self._labels == "drop":
                yield Change(example.id, "row", label, None, f"suspected label error: {suggested!r} is more probable")
            else:
                yield Change(example.id, field, label, suggested, "suspected label error")

    def _unusable(self, example: Example, target: int) -> str | None:
        if not example.input.strip():
            return "empty input"
        if target == NONE:
            return "no reference"
        return None if self._is_label[target] else "the reference is no label"

    def _respelled(self, example: Example) -> Iterator[Change]:
        answers = [a for a in (example.answer, *example.further_answers) if a is not None]
        kept = [self._spelling.get(a, a) for a in answers]
        if kept != answers:
            several = len(answers) > 1
            yield Change(
                example.id, "answer", answers if several else answers[0], kept if several else kept[0], "label spelling"
            )
        if example.gold is not None and example.gold in self._spelling:
            yield Change(example.id, "gold", example.gold, self._spelling[example.gold], "label spelling")
