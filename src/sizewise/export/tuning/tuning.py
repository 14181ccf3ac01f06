"""Training and validation files for a provider's fine-tuning, out of the log that a run was made from.

Only train rows go into them, a part of those as validation: what the run calibrates and tests on is never learned
from, so that the tuned model can be measured on it as one more large model.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tomli_w

from sizewise.core.errors import DataError, RunError
from sizewise.core.example import Example, Train
from sizewise.core.record import RunRecord
from sizewise.core.task import Task
from sizewise.data.check import check
from sizewise.data.split import Splits, split
from sizewise.export.publish import Content
from sizewise.export.run_texts import source_log
from sizewise.export.tuning.guide import Guide
from sizewise.export.tuning.providers import providers, row
from sizewise.llm.prompt import NOTHING, Prompt
from sizewise.report.words import Words
from sizewise.store.run_folder import read_manifest
from sizewise.verdict.wording import LANGUAGES

TASK, ASKED = "contest-ask.toml", "contest-ask.jsonl"
VALIDATION_SHARE = 0.1
AROUND = 4  # tokens that a chat format adds to a message, about
ASCII_IN_A_TOKEN, OTHERS_IN_A_TOKEN = 4.0, 2.0  # characters, about: the provider's tokenizer counts otherwise


@dataclass(frozen=True, slots=True)
class Choices:
    """What the person chose: the model to be tuned, US dollars per million training tokens, passes over the rows."""

    model: str | None = None
    training_price: float | None = None
    epochs: int = 3


def tuning_files(run: Path, record: RunRecord, source: Path | None, to: str, choices: Choices) -> dict[str, Content]:
    """Every file of the export. Raises ``DataError`` where the log is not the run's or too short for the provider."""
    task, splits = _splits(run, record, source)
    provider = providers()[to]
    prompt = Prompt(task.instructions, splits.train.labels)
    learned, held = _divided(splits.train, provider.most_validation)
    if len(learned) < provider.least_rows:
        raise DataError(
            f"{provider.title} asks for {provider.least_rows} training rows at least; this run has {len(learned)}."
        )
    rows = {
        "train.jsonl": [_row(to, prompt, splits.train, i) for i in learned],
        "validation.jsonl": [_row(to, prompt, splits.train, i) for i in held],
        "contest-train.jsonl": list(_taught(splits.train)),
        ASKED: list(_asked(splits)),
    }
    tokens = {name: sum(_tokens(prompt, r) for r in texts) for name, texts in _texts(splits, learned, held).items()}
    files: dict[str, Content] = {name: _lines(lines) for name, lines in rows.items()}
    files[TASK] = _as_task(record.verdict.task, prompt)
    for language in LANGUAGES:
        guide = Guide(record, provider, choices, tokens, {n: len(r) for n, r in rows.items()}, Words(language))
        name = "README.md" if language == "en" else f"README.{language}.md"
        files[name] = guide.text(run.name).encode()
    return files


def _as_task(name: str, prompt: Prompt) -> bytes:
    """The task file by which `sizewise label` asks in the very prompt that the rows teach."""
    told: dict[str, Any] = {"name": name, "labels": list(prompt.labels)}
    if prompt.instructions:
        told["instructions"] = prompt.instructions
    return tomli_w.dumps({"task": told, "data": {"path": ASKED}}).encode("utf-8", "replace")


def _splits(run: Path, record: RunRecord, source: Path | None) -> tuple[Task, Splits]:
    """The run's own splits, found again in its log."""
    if record.measurements.bar.perimeter == "closed":
        raise RunError("the task's perimeter is closed: nothing may leave, so no files for a provider are written.")
    task, log = source_log(run, record, source)
    splits = split(check(log, task.labels, task.strict_labels), record.verdict.reference, task.labels, task.seed)
    if list(splits.train.ids) != read_manifest(run / "specialist").get("training_ids"):
        raise RunError(
            f"{run}: this version splits the log otherwise than the one that made the run. Make the run again."
        )
    return task, splits


def _divided(train: Train, most: int) -> tuple[list[int], list[int]]:
    """Positions to learn from and to validate on: a tenth at the most, near-duplicates together, each time the same."""
    order = sorted(set(train.groups), key=lambda group: hashlib.sha256(str(group).encode()).digest())
    wanted, held, members = min(most, int(len(train) * VALIDATION_SHARE)), set[int](), _members(train)
    for group in order:
        if len(held) + len(members[group]) <= wanted:
            held.update(members[group])
    return [i for i in range(len(train)) if i not in held], sorted(held)


def _members(train: Train) -> dict[int, list[int]]:
    members: dict[int, list[int]] = {}
    for i, group in enumerate(train.groups):
        members.setdefault(group, []).append(i)
    return members


def _row(to: str, prompt: Prompt, train: Train, i: int) -> Mapping[str, Any]:
    """A row asked as `sizewise label` asks, answered as it reads answers."""
    answer = json.dumps({"label": train.targets[i]}, ensure_ascii=False)
    return row(to, prompt.system, train.inputs[i] if train.inputs[i].strip() else NOTHING, answer)


def _taught(train: Train) -> Iterator[Mapping[str, Any]]:
    for identifier, text, target in zip(train.ids, train.inputs, train.targets, strict=True):
        yield {"id": identifier, "input": text, "gold": target, "split": "train"}


def _asked(splits: Splits) -> Iterator[Mapping[str, Any]]:
    """What the tuned model is to be asked: calibrate and test, their reference as gold."""
    for name, part in (("calibrate", splits.calibrate), ("test", splits.test)):
        for example in part.examples:
            yield {"id": example.id, "input": example.input, "gold": _reference(splits, example), "split": name}


def _reference(splits: Splits, example: Example) -> str | None:
    return example.gold if splits.reference == "gold" else example.answer


def _texts(splits: Splits, learned: Sequence[int], held: Sequence[int]) -> dict[str, list[str]]:
    asked = [*splits.calibrate.examples, *splits.test.examples]
    return {
        "train": [splits.train.inputs[i] for i in learned],
        "validation": [splits.train.inputs[i] for i in held],
        "asked": [example.input for example in asked],
    }


def _tokens(prompt: Prompt, text: str) -> float:
    return 3 * AROUND + estimated_tokens(prompt.system) + estimated_tokens(text) + 8


def estimated_tokens(text: str) -> float:
    """Tokens of ``text``, about: a third more or less is usual.

    >>> estimated_tokens("Where is it?"), estimated_tokens("Где?")
    (3.0, 1.75)
    """
    ascii_count = sum(character.isascii() for character in text)
    return ascii_count / ASCII_IN_A_TOKEN + (len(text) - ascii_count) / OTHERS_IN_A_TOKEN


def _lines(rows: Sequence[Mapping[str, Any]]) -> bytes:
    return b"".join(json.dumps(row, ensure_ascii=False).encode("utf-8", "replace") + b"\n" for row in rows)
