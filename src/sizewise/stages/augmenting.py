"""New inputs for rare labels, written by an LLM: for train alone, like no other row, within the budget, resumable.

Each call asks for a few inputs of one label and shows a few real train inputs of it, personal data masked. A call is
determined by its label and number, so a journal that holds it need not be asked again.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np

from sizewise.core.errors import DataError
from sizewise.core.example import Example
from sizewise.data.formats.rows import SPLITS
from sizewise.data.label_key import label_key
from sizewise.data.personal import masked
from sizewise.data.split import TRAIN, assigned
from sizewise.data.tally import PARTS, Tally
from sizewise.data.text import folded
from sizewise.llm.asker import NOT_ASKED, Asker
from sizewise.llm.request import Reply, Request, text_tokens
from sizewise.llm.writing import SHOWN, WRITTEN_A_CALL, Writing, inputs_in
from sizewise.stages.listener import Listener

LEAST_SHOWN = 3  # real train inputs of a label: fewer teach nothing, and nobody could tell whether new ones help
ROUNDS = 4  # after which a label that gives nothing new is given up
Rows = list[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How many inputs to write for each label, and the real train inputs to show for it."""

    counts: Mapping[str, int]
    shown: Mapping[str, tuple[str, ...]]

    @property
    def calls(self) -> int:
        """Calls that are needed where every input that comes back is new."""
        return sum(-(-count // WRITTEN_A_CALL) for count in self.counts.values())


@dataclass(frozen=True, slots=True)
class Written:
    """The rows that were written; how many inputs came back, and why those that were not kept were not."""

    rows: tuple[Mapping[str, Any], ...]
    came: int
    repeated: int
    refused: bool


def with_splits(rows: Sequence[Mapping[str, Any]], seed: int = 0) -> Rows:
    """Every row with its ``split``: what is shown to the LLM must be train, whatever is decided with the rows later."""
    tally = Tally(_example(row) for row in rows)
    parts = assigned(tally.columns(), seed)[0]
    return [dict(row) | {"split": PARTS[int(part)]} for row, part in zip(rows, parts, strict=True)]


def wanted(rows: Sequence[Mapping[str, Any]], labels: Sequence[str], count: int) -> Wanted:
    """``count`` inputs in all, one by one for the label that has the fewest so far.

    Raises ``DataError`` where no label has train inputs enough to go by.
    """
    known = {label_key(label): label for label in labels}
    inputs: dict[str, list[str]] = {}
    for row in rows:
        label = known.get(label_key(str(row.get("gold") or row.get("answer") or "")))
        if row["split"] == PARTS[TRAIN] and not row.get("augmented") and label is not None:
            inputs.setdefault(label, []).append(str(row["input"]))
    enough = {label: tuple(dict.fromkeys(texts)) for label, texts in sorted(inputs.items())}
    enough = {label: texts for label, texts in enough.items() if len(texts) >= LEAST_SHOWN}
    if not enough:
        raise DataError(f"no label has {LEAST_SHOWN} different train inputs to go by: --augment needs answered rows.")
    had = np.array([len(texts) for texts in enough.values()])
    more = np.zeros(len(had), dtype=int)
    for _ in range(count):
        more[int((had + more).argmin())] += 1
    counts = {label: int(n) for label, n in zip(enough, more, strict=True) if n}
    return Wanted(counts, {label: enough[label] for label in counts})


def first_request(writing: Writing, plan: Wanted) -> Request:
    """The first call."""
    label = next(iter(plan.counts))
    return _requests(writing, plan, label, 0, 1)[0]


def most_cost(asker: Asker, writing: Writing, plan: Wanted) -> tuple[float, float]:
    """US dollars that the first round will cost about, and at most."""
    requests = [r for label in plan.counts for r in _requests(writing, plan, label, 0, plan.counts[label])]
    said = WRITTEN_A_CALL * 30  # tokens of five short texts
    about = sum(asker.price.of(text_tokens(r.messages), 0, min(said, r.max_tokens)) for r in requests)
    return about, sum(asker.most(r) for r in requests)


def write(
    asker: Asker, writing: Writing, plan: Wanted, rows: Sequence[Mapping[str, Any]], listener: Listener
) -> Written:
    """Ask until every label has what it wants, gives nothing new any more, or the budget is spent."""
    taken, names = {folded(str(row["input"])) for row in rows}, set(map(label_key, writing.labels))
    kept: dict[str, list[Mapping[str, Any]]] = {label: [] for label in plan.counts}
    numbers, came, repeated = Counter[str](), 0, 0
    for _ in range(ROUNDS):
        asked = [
            (label, request)
            for label, count in plan.counts.items()
            for request in _requests(writing, plan, label, numbers[label], count - len(kept[label]))
        ]
        if not asked:
            break
        replies = asker.ask([request for _, request in asked], lambda *_: listener.progress("written", 1, plan.calls))
        for (label, _), reply in zip(asked, replies, strict=True):
            numbers[label] += 1
            for text in inputs_in(reply):
                came += 1
                key = folded(text)
                if key in taken or label_key(text) in names:
                    repeated += 1
                elif len(kept[label]) < plan.counts[label]:
                    taken.add(key)
                    kept[label].append(_row(text, label, reply, writing, asker.name))
        if any(reply.error == NOT_ASKED for reply in replies):
            return Written(_numbered(kept), came, repeated, refused=True)
    return Written(_numbered(kept), came, repeated, refused=False)


def _requests(writing: Writing, plan: Wanted, label: str, first: int, count: int) -> list[Request]:
    """Calls enough for ``count`` inputs, from the call number ``first`` on."""
    made = []
    for number in range(first, first + -(-count // WRITTEN_A_CALL)):
        texts = plan.shown[label]
        shown = Random(f"{label}:{number}").sample(texts, min(SHOWN, len(texts)))
        made.append(writing.request(label, [masked(text) for text in shown], number))
    return made


def _row(text: str, label: str, reply: Reply, writing: Writing, model: str) -> dict[str, Any]:
    told = {
        "input": text, "answer": label, "split": PARTS[TRAIN], "augmented": True, "model": model,
        "prompt_version": writing.version, "answered_by": reply.model, "labelled_at": reply.at,
    }  # fmt: skip
    return {name: value for name, value in told.items() if value is not None}


def _numbered(kept: Mapping[str, Sequence[Mapping[str, Any]]]) -> tuple[Mapping[str, Any], ...]:
    rows = [row for label in kept for row in kept[label]]
    return tuple({"id": f"augmented-{number}"} | dict(row) for number, row in enumerate(rows, start=1))


def _example(row: Mapping[str, Any]) -> Example:
    split = SPLITS.get(str(row.get("split") or "").strip().casefold())
    return Example(
        id=str(row.get("id")),
        input=str(row["input"]),
        split=split,
        at=str(row["at"]) if row.get("at") else None,
        augmented=bool(row.get("augmented")),
    )
