"""The files of a labelling: rows by the data contract, and a sample to review their quality by."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from sizewise.llm.prompt import Prompt
from sizewise.llm.request import Reply
from sizewise.store.disk import write_whole
from sizewise.store.lines import lines_into

#: what a table calculation would take for a formula
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def row_of(row: Mapping[str, Any], reply: Reply, prompt: Prompt, model: str) -> dict[str, Any]:
    """The row with its answer. ``at`` stays the time of the input; ``labelled_at`` is when the LLM answered.

    ``cost_usd`` is what a call like this costs, also where an equal input had been paid for already. An answer that
    is no label is kept as it came; ``problem`` marks it, and says why there is none where there is none.
    """
    answer, used = prompt.read(reply), reply.usage
    told = {
        "answer": answer.value, "model": model, "prompt_version": prompt.version, "latency_ms": reply.latency_ms,
        "prompt_tokens": used.prompt_tokens, "cached_tokens": used.cached_tokens,
        "completion_tokens": used.completion_tokens, "cost_usd": used.cost_usd, "finish_reason": reply.finish,
        "answered_by": reply.model, "labelled_at": reply.at, "problem": answer.error,
    }  # fmt: skip
    if answer.value is None and reply.at is None:  # nobody answered: nothing is known of it but why
        told = {"answer": None, "problem": answer.error}
    kept = {name: value for name, value in row.items() if name not in told}
    return kept | {name: value for name, value in told.items() if value is not None or name == "answer"}


def write_rows(out: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """All rows, in order, whole or not at all."""
    with lines_into(out) as write:
        for row in rows:
            write(row)


def write_review(out: Path, rows: Sequence[Mapping[str, Any]], asked: Sequence[int], size: int, seed: int) -> Path:
    """A sample of ``size`` answered rows as CSV, for a person to fill in ``gold``: every label, marked rows first.

    Up to a quarter are rows whose answer was marked; of the rest each label has as equal a share as its rows allow.
    """
    draw = Random(seed)
    answered = [rows[i] for i in asked if rows[i].get("answer") is not None]
    marked = [row for row in answered if "problem" in row]
    chosen = draw.sample(marked, min(len(marked), size // 4))
    by_label: dict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for row in answered:
        if "problem" not in row:
            by_label[str(row["answer"])].append(row)
    queues = [draw.sample(group, len(group)) for _, group in sorted(by_label.items())]
    while len(chosen) < size and any(queues):
        for queue in queues:
            if queue and len(chosen) < size:
                chosen.append(queue.pop())
    text = io.StringIO(newline="")
    writer = csv.writer(text)
    writer.writerow(["id", "input", "answer", "problem", "gold", "remark"])
    for row in chosen:
        cells = (row["id"], row["input"], row["answer"], row.get("problem", ""), row.get("gold", ""), "")
        writer.writerow([_cell(str(cell)) for cell in cells])
    path = out.with_name(f"{out.stem}.review.csv")
    write_whole(path, "\ufeff" + text.getvalue().encode("utf-8", "replace").decode())
    return path


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text
