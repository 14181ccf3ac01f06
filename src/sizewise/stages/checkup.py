"""``sizewise check``: the data check of a log that streams by, and the audit by `keywords` alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sizewise.core.errors import DataError
from sizewise.core.example import Example, Train
from sizewise.core.record import Audit, DataCheck
from sizewise.core.task import Task
from sizewise.data.answers import LogStream
from sizewise.data.check import Checked, check_columns
from sizewise.data.formats.source import Source
from sizewise.data.read import Reading, Reject
from sizewise.data.split import Division, divide
from sizewise.data.survey import Survey
from sizewise.data.tally import Ints, Tally
from sizewise.specialists.folds import folds
from sizewise.specialists.keywords import KeywordsRecipe
from sizewise.specialists.ngrams import LONGEST_INPUT
from sizewise.stages.audit import Doubts, audit, doubt
from sizewise.stages.checking import data_check, told_of_times
from sizewise.stages.listener import Listener

AUDITED_ROWS = 30_000
TOLD_EVERY = 100_000


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found in a log of ``task``, its template settled. ``suspects`` maps the number of a suspected row to the label suggested for it."""

    task: Task
    data_check: DataCheck
    audit: Audit | None
    checked: Checked
    division: Division
    suspects: dict[int, str]


def check_up(
    task: Task,
    paths: Sequence[Source],
    listener: Listener,
    audited: bool = True,
    on_reject: Callable[[Reject], None] | None = None,
) -> Checkup:
    """Read ``paths`` once for the check, and once more for the audit; no text is kept but those to audit.

    Raises ``DataError`` where no use can be made of the log.
    """
    listener.stage("read and check")
    stream = LogStream(task, paths, on_reject)
    tally, survey = Tally(), Survey(LONGEST_INPUT)
    for number, example in enumerate(stream.rows(), 1):
        tally.add(example)
        survey.add(example)
        if number % TOLD_EVERY == 0:
            listener.found(f"{number:,} rows")
    about = stream.summary()
    task = replace(task, template=about.template)
    for sentence in about.found:
        listener.found(sentence)
    listener.stage("split")
    checked = check_columns(tally.columns(), tally.empty_inputs, task.labels, task.strict_labels)
    division = divide(checked, task.reference, task.labels, task.seed)
    if warned := told_of_times(about, division):
        listener.found(warned)
    found = data_check(about, checked, division, survey)
    if not audited:
        return Checkup(task, found, None, checked, division, {})
    listener.stage("audit")
    told, suspects = _audited(task, paths, checked, division)
    return Checkup(task, found, told, checked, division, suspects)


def _audited(
    task: Task, paths: Sequence[Source], checked: Checked, division: Division
) -> tuple[Audit | None, dict[int, str]]:
    """The audit of the train rows, or of a sample where there are many. ``None`` where a sample is too thin."""
    rows, targets = _sampled(checked, division, task.seed)
    if len(np.unique(targets)) < 2:
        return None, {}
    wanted = frozenset(rows.tolist())
    reading = Reading(paths, task.columns, task.only, template=task.template)
    examples = [e for number, e in enumerate(reading.rows()) if number in wanted]
    if len(examples) != len(rows):
        raise DataError(f"{paths[0]} changed while it was read. Run the command again.")
    train = _train(examples, targets, checked, rows)
    evidence = KeywordsRecipe(seed=task.seed).validate(train, folds(train, task.seed), {}).evidence
    slices = {e.id: e.slice for e in examples if e.slice}
    told = audit("keywords", evidence.probabilities, train, slices, division.reference, task.seed)
    return told, _suspects(doubt(train, evidence.probabilities), rows, train)


def _sampled(checked: Checked, division: Division, seed: int) -> tuple[Ints, Ints]:
    rows, targets = division.train_rows, division.train_targets
    order = np.argsort(rows)
    rows, targets = rows[order], targets[order]
    if len(rows) > AUDITED_ROWS:
        drawn = np.sort(np.random.default_rng(seed).choice(len(rows), AUDITED_ROWS, replace=False))
        rows, targets = rows[drawn], targets[drawn]
        groups = checked.columns.groups[rows]
        often = [t for t in np.unique(targets) if len(np.unique(groups[targets == t])) > 2]
        kept = np.isin(targets, often)
        rows, targets = rows[kept], targets[kept]
    return rows, targets


def _train(examples: Sequence[Example], targets: Ints, checked: Checked, rows: Ints) -> Train:
    labels = checked.columns.labels
    said = tuple(labels[code] for code in targets)
    return Train(
        ids=tuple(e.id for e in examples),
        inputs=tuple(e.input for e in examples),
        targets=said,
        groups=tuple(checked.columns.groups[rows].tolist()),
        labels=tuple(sorted(set(said))),
    )


def _suspects(found: Doubts, rows: Ints, train: Train) -> dict[int, str]:
    return {int(rows[row]): train.labels[suggested] for row, suggested in zip(found.rows, found.suggested, strict=True)}
