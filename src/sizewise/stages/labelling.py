"""Ask an LLM for the answers that a log lacks: plan, ask, write the rows; within a budget, resumable after a kill."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from sizewise.core.errors import DataError, LimitReached, RunError, TaskError
from sizewise.core.task import Task
from sizewise.data.formats.source import Source
from sizewise.data.label_key import label_key
from sizewise.data.read import Reading
from sizewise.llm.asker import NOT_ASKED, Asker
from sizewise.llm.journal import Journal
from sizewise.llm.prompt import OUTSIDE, Prompt
from sizewise.llm.request import Reply, Request, text_tokens
from sizewise.llm.writing import Writing
from sizewise.stages.augmenting import Wanted, Written, wanted, with_splits, write
from sizewise.stages.label_files import row_of, write_review, write_rows
from sizewise.stages.listener import Listener, Silence

SAMPLED = 400
MOST_LABELS = 1_000
FINISHED = "finished"

Batched = Callable[[Asker, Sequence[Request], Callable[[int], None]], list[Reply]]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The rows to label, in order: each as the file has it under our names, and which of them lack an answer."""

    rows: tuple[Mapping[str, Any], ...]
    sha256: str
    found: tuple[str, ...]
    rejected: int

    @property
    def open_rows(self) -> list[int]:
        """Positions of the rows that nobody has answered."""
        return [i for i, row in enumerate(self.rows) if not _answered(row)]


@dataclass(frozen=True, slots=True)
class Estimate:
    """What labelling would take: rows to ask, distinct requests, those known already, tokens and US dollars.

    Token counts are estimates from the length of the texts; ``most_usd`` is the sum of what is reserved before sending.
    """

    rows: int
    distinct: int
    known: int
    prompt_tokens: float
    completion_tokens: float
    usd: float
    most_usd: float


@dataclass(frozen=True, slots=True)
class Labelled:
    """What came of it. ``marked`` counts the rows whose answer has a problem, by the problem."""

    out: Path
    rows: int
    answered: int
    marked: Mapping[str, int]
    unanswered: int
    usd: float
    review: Path | None
    written: Written | None = None


def read_source(task: Task, paths: Sequence[Source]) -> Inputs:
    """Every parsed row of ``paths``. Raises ``DataError`` where there is none."""
    reading = Reading(paths, task.columns, task.only, None, task.template, needs_reference=False)
    rows = [
        {**reading.row, "id": example.id, "input": example.input, "gold": example.gold, "answer": example.answer}
        for example in reading.rows()
    ]
    summary = reading.summary()
    renamed = {theirs: ours for ours, theirs in summary.names.items() if ours != theirs}
    rows = [{renamed.get(k, k): v for k, v in row.items() if k in renamed} | row for row in rows]
    kept = tuple({k: v for k, v in row.items() if v is not None and k not in renamed} for row in rows)
    return Inputs(kept, summary.sha256, summary.found, sum(summary.rejected.values()))


def prompt_of(
    task: Task, source: Inputs, schema: Mapping[str, Any] | None, max_tokens: int | None, temperature: float | None
) -> Prompt:
    """The prompt: by the schema, else by the labels that the task names or the log's gold (or answers) show.

    Raises ``TaskError`` where there is neither a label nor a schema nor an instruction.
    """
    labels = () if schema is not None else _labels(task, source)
    if schema is None and not labels and not task.instructions:
        raise TaskError(
            "nothing says what to ask: name the labels (--labels a,b), a JSON schema (--schema FILE) or "
            "instructions (--instructions TEXT)."
        )
    if len(labels) > MOST_LABELS:
        raise TaskError(
            f"{len(labels):,} labels are more than a prompt holds well ({MOST_LABELS:,}): name them with --labels."
        )
    return Prompt(task.instructions, labels, schema, max_tokens, temperature)


def _labels(task: Task, source: Inputs) -> tuple[str, ...]:
    """The task's, else the gold values, else the answers that are there; each in its commonest spelling."""
    if task.labels:
        return task.labels
    for column in ("gold", "answer"):
        spellings = Counter(str(row[column]) for row in source.rows if row.get(column))
        best: dict[str, str] = {}
        for spelling, _ in spellings.most_common():
            best.setdefault(label_key(spelling), spelling)
        if len(best) >= 2 and len(best) * 3 <= max(spellings.total(), 6):
            return tuple(sorted(best.values()))
    return ()


def estimate(asker: Asker, prompt: Prompt, source: Inputs, batch: bool = False) -> Estimate:
    """What is left to ask and what that would cost, from a sample of the rows."""
    requests = {asker.key(r): r for i in source.open_rows for r in [prompt.request(source.rows[i]["input"])]}
    replies = asker.journal.replies if asker.journal is not None else {}
    left = [request for key, request in requests.items() if key not in replies]
    sample = Random(0).sample(left, min(SAMPLED, len(left)))
    tokens = [text_tokens(r.messages) + (len(r.schema or "") // 4) for r in sample]
    said = [_answer_tokens(label) for label in prompt.labels] or [prompt.most_tokens // 2]
    prompts, completions = sum(tokens) / max(1, len(tokens)), sum(said) / len(said)
    each = asker.price.of(round(prompts), 0, round(completions), batch=batch)
    most = sum(asker.most(request, batch=batch) for request in left)
    known = len(requests) - len(left)
    return Estimate(len(source.open_rows), len(requests), known, prompts, completions, each * len(left), most)


def _answer_tokens(label: str) -> int:
    return text_tokens([("assistant", json.dumps({"label": label}, ensure_ascii=False))])


def open_journal(out: Path, job: str, force: bool) -> Journal:
    """The journal beside ``out``: new, or of the same job. Raises ``RunError`` where ``out`` is finished or another's."""
    path = out.with_name(f"{out.name}.journal")
    if out.is_dir():
        raise RunError(f"{out} is a folder: --out names the file that the rows are written to.")
    if out.exists() and not path.exists() and not force:
        raise RunError(f"{out} exists and was not written by `label`. Choose another --out, or say --force.")
    journal = Journal(path)
    told = journal.notes.get("job")
    if not force and told is not None:
        if told != job:
            journal.close()
            raise RunError(
                f"{path} belongs to another source, model or prompt. Choose another --out, or say --force: what is the "
                "same in both is not paid for again."
            )
        if journal.notes.get(FINISHED) and out.exists():
            journal.close()
            raise RunError(f"{out} is finished. Say --force to write it anew; what was answered is not paid for again.")
    if told != job or journal.notes.get(FINISHED):
        journal.note("job", job)
        journal.note(FINISHED, False)
    return journal


def job_of(source: Inputs, endpoint_name: str, address: str, prompt: Prompt, augment: int = 0) -> str:
    """What makes two jobs the same job."""
    told = json.dumps([source.sha256, endpoint_name, address, prompt.version, *([augment] if augment else [])])
    return hashlib.blake2b(told.encode(), digest_size=16).hexdigest()


def label(
    asker: Asker, prompt: Prompt, source: Inputs, out: Path,
    *, listener: Listener | None = None, review: int = 0, seed: int = 0, batched: Batched | None = None, augment: int = 0,
) -> Labelled:  # fmt: skip
    """Ask for every answer that is missing, then for ``augment`` new inputs for rare labels, and write ``out``.

    Raises ``LimitReached`` at the budget's end, with what was answered written to ``out`` and the rest marked.
    """
    listener = listener or Silence()
    positions = source.open_rows
    requests = [prompt.request(source.rows[i]["input"]) for i in positions]

    def step(done: int) -> None:
        listener.progress("rows", done, len(requests))

    listener.stage("ask")
    replies = batched(asker, requests, step) if batched else asker.ask(requests, lambda *_: step(1))
    listener.stage("write")
    rows: list[Mapping[str, Any]] = list(source.rows)
    for position, reply in zip(positions, replies, strict=True):
        rows[position] = row_of(rows[position], reply, prompt, asker.name)
    write_rows(out, rows)
    told = _told(out, rows, positions, asker, None)
    if review:
        path = write_review(out, rows, positions, review, seed)
        told = replace(told, review=path)
    if any(reply.error == NOT_ASKED for reply in replies):
        not_asked = sum(reply.error == NOT_ASKED for reply in replies)
        raise LimitReached(
            f"the budget of ${asker.budget.limit:g} does not reach further: ${asker.budget.spent:,.4f} is spent, one more call "
            f"may cost up to ${_next_call(asker, requests, replies):,.6f}, and {not_asked:,} of {len(rows):,} rows are not asked. "
            f"What was answered is in {out}: run the same command with a larger --budget to go on."
        )
    if augment:
        told = replace(told, written=_augmented(asker, prompt, rows, out, augment, listener), usd=asker.budget.spent)
    if asker.journal is not None:
        asker.journal.note(FINISHED, True)
    return told


def _augmented(
    asker: Asker, prompt: Prompt, rows: Sequence[Mapping[str, Any]], out: Path, count: int, listener: Listener
) -> Written:
    """Write ``out`` again with what the LLM wrote behind the rows, and with the split of each, which it was shown by."""
    listener.stage("augment")
    placed = with_splits(rows)
    writing = writing_of(prompt)
    written = write(asker, writing, wanted(placed, prompt.labels, count), placed, listener)
    write_rows(out, [*placed, *written.rows])
    if written.refused:
        raise LimitReached(
            f"the budget of ${asker.budget.limit:g} does not reach further: ${asker.budget.spent:,.4f} is spent, and "
            f"{len(written.rows):,} of {count:,} new inputs are written. They are in {out}: run the same command with a "
            "larger --budget to go on."
        )
    return written


def writing_of(prompt: Prompt) -> Writing:
    """The prompt that asks for new inputs. Raises ``TaskError`` where the task has no labels."""
    if not prompt.labels:
        raise TaskError("--augment writes inputs for rare labels: name the labels (--labels a,b), or leave it out.")
    return Writing(prompt.instructions, prompt.labels)


def augmenting(prompt: Prompt, source: Inputs, count: int) -> tuple[Writing, Wanted, bool]:
    """What would be written, and whether that is known: where rows are still to be answered, the labels are a guess."""
    writing, placed = writing_of(prompt), with_splits(source.rows)
    try:
        return writing, wanted(placed, prompt.labels, count), not source.open_rows
    except DataError:
        if not source.open_rows:
            raise
        some = tuple(str(row["input"]) for row in placed if row["split"] == "train")
        return writing, Wanted({prompt.labels[0]: count}, {prompt.labels[0]: some[:1_000]}), False


def _next_call(asker: Asker, requests: Sequence[Request], replies: Sequence[Reply]) -> float:
    return min(
        asker.most(request) for request, reply in zip(requests, replies, strict=True) if reply.error == NOT_ASKED
    )


def _told(
    out: Path, rows: Sequence[Mapping[str, Any]], asked: Sequence[int], asker: Asker, review: Path | None
) -> Labelled:
    marked = Counter(_kind(str(rows[i]["problem"])) for i in asked if "problem" in rows[i])
    unanswered = sum(rows[i].get("answer") is None for i in asked)
    return Labelled(
        out, len(rows), len(asked) - unanswered, dict(marked.most_common()), unanswered, asker.budget.spent, review
    )


def _kind(problem: str) -> str:
    return problem if problem in (OUTSIDE, NOT_ASKED) else problem.split(":")[0]


def _answered(row: Mapping[str, Any]) -> bool:
    answer = row.get("answer")
    return bool(answer) and not (isinstance(answer, str) and not answer.strip())


def read_schema(path: Path) -> Mapping[str, Any]:
    """A JSON schema of an object. Raises ``DataError``."""
    try:
        schema = json.loads(path.read_text(encoding="utf-8-sig"))
    except (OSError, ValueError) as error:
        raise DataError(f"{path} is no JSON schema: {error}.") from error
    if not isinstance(schema, dict) or schema.get("type") != "object" or not isinstance(schema.get("properties"), dict):
        raise DataError(f'{path} is no JSON schema of an object: it needs "type": "object" and "properties".')
    return schema
