"""A finished run, opened for the gateway."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from sizewise.core.answer import Answer
from sizewise.core.errors import RunError
from sizewise.core.verdict import Verdict
from sizewise.data.answers import Labels
from sizewise.data.label_key import label_key
from sizewise.data.task_file import read_task
from sizewise.gateway.served_task import ServedRun
from sizewise.run import load
from sizewise.store.run_folder import read_form, read_record

#: LLMs say the same few things again and again: how many are remembered, and up to how many characters
REMEMBERED, SHORT = 2_048, 200
_TRIED = ("?", "a first request")


def open_served(folder: Path | str) -> ServedRun:
    """Check and load the run in ``folder``, and let it answer once: what then raises would have done so under load.

    Raises ``RunError`` where it is no finished run, is damaged, or cannot answer.
    """
    path = Path(folder)
    model, record, task = load(path), read_record(path), read_task(path / "task.toml")
    try:
        _require_answers(path, [*model.answer(_TRIED), *model.answer(_TRIED[:1])])
    except (ValueError, LookupError, TypeError, ArithmeticError) as error:
        raise RunError(f"{path} cannot answer ({error}). Make the run again.") from error
    verdict = record.verdict
    return ServedRun(
        folder=path,
        run_id=verdict.run_id,
        task=verdict.task,
        model=model,
        labels=model.specialist.labels,
        form=read_form(path / "specialist"),
        decision=verdict.decision,
        reference=verdict.reference,
        target=task.bar.effective_target if verdict.reference == "llm" else None,
        delta=verdict.delta,
        perimeter=task.bar.perimeter,
        large=(verdict.large.model if verdict.large else None) or task.large,
        large_cost_usd=_cost_of_one(verdict),
        read_answer=_Reading(model.specialist.labels, raw=task.raw_answers),
    )


def _cost_of_one(verdict: Verdict) -> float | None:
    cost = verdict.large.cost_per_1k_usd if verdict.large is not None else None
    return None if cost is None else cost.value / 1000


def _require_answers(path: Path, answers: list[Answer]) -> None:
    for answer in answers:
        if answer.error is not None:
            raise RunError(f"{path} cannot answer ({answer.error}). Make the run again.")


class _Reading:
    """Reads what an LLM said as the label that the specialist would call it."""

    def __init__(self, labels: tuple[str, ...], *, raw: bool) -> None:
        self._known, self._raw = Labels.of(labels), raw
        self._remembered = lru_cache(REMEMBERED)(self._read)

    def __call__(self, said: str) -> str:
        if self._raw:
            return said
        return self._remembered(said) if len(said) <= SHORT else self._read(said)

    def _read(self, said: str) -> str:
        label = self._known.read(said)[1]
        return self._known.by_key.get(label_key(label), label)
