"""The LLM under harmless rewordings of its prompt and perturbations of its input, with what the budget left over."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sizewise.core.measurement import Measurements, ModelProbes
from sizewise.core.task import Task
from sizewise.evaluate.probes.inputs import RULES, perturbed
from sizewise.evaluate.probes.wordings import frames
from sizewise.llm.prompt import CLASSIFY, Prompt
from sizewise.llm.request import Reply, Request
from sizewise.stages.large_model import LargeAnswers, LargeCalls, asking
from sizewise.stages.listener import Listener
from sizewise.stages.probing import Sample, judged

#: of the budget, what the test rows may take; and the rows that are probed at most, eight rewordings and six rules each
TEST_SHARE, MOST_ROWS = 0.8, 50


def with_large(
    measured: Measurements,
    calls: LargeCalls | None,
    task: Task,
    labels: tuple[str, ...],
    asked: LargeAnswers | None,
    work: Path,
    listener: Listener,
) -> Measurements:
    """``measured`` with the LLM's probes and its sensitivity to wording, where it was asked and its budget reached."""
    if calls is None or asked is None or measured.large is None:
        return measured
    told = probe_large(calls, task, labels, asked, work, listener)
    if told is None:
        return measured
    large = replace(measured.large, wording_sensitivity=told.changed_by_wording)
    return replace(measured, large=large, probes=(*measured.probes, told))


def probe_large(
    calls: LargeCalls, task: Task, labels: tuple[str, ...], asked: LargeAnswers, work: Path, listener: Listener
) -> ModelProbes | None:
    """Row after row, each under every rule, until the budget does not reach; ``None`` where it reached for no row.

    A row counts if all that was asked of it was answered. Accuracy is held against gold.
    """
    rows = asked.rows[:MOST_ROWS]
    prompts = {
        name: Prompt(task.instructions, order, frame=frame)
        for name, (frame, order) in frames(task.instructions or CLASSIFY, labels, task.seed, task.wordings).items()
    }
    plain = Prompt(task.instructions, labels)
    wanted: list[tuple[int, str, Prompt, Request]] = []
    for place, row in enumerate(rows):
        wanted += [(place, name, prompt, prompt.request(row.input)) for name, prompt in prompts.items()]
        for rule in RULES:
            if (text := perturbed(rule, row.input, task.seed)) is not None:
                wanted.append((place, rule, plain, plain.request(text)))
    with asking(calls, work) as asker:
        replies = asker.ask(
            [request for *_, request in wanted],
            lambda *_: listener.progress("probing the large model", 1, len(wanted)),
            until_refused=True,
        )
    said = {
        (place, name): _said(reply, prompt) for (place, name, prompt, _), reply in zip(wanted, replies, strict=True)
    }
    open_rows = {place for place, name, *_ in wanted if said[place, name] is None}
    kept = [place for place in range(len(rows)) if place not in open_rows]
    if not kept:
        return None
    sample = Sample(tuple(rows[i].input for i in kept), tuple(rows[i].gold for i in kept))
    before = [rows[i].answer for i in kept]
    inputs = {rule: [said.get((i, rule), rows[i].answer) for i in kept] for rule in RULES}
    touched = {rule: [(i, rule) in said for i in kept] for rule in RULES}
    reworded = {name: [said[i, name] for i in kept] for name in prompts}
    listener.found(f"{asked.model}: probed on {len(kept)} test rows with what was left of ${calls.budget:g}")
    return judged(asked.model, "large", sample, before, (inputs, touched), reworded)


def _said(reply: Reply, prompt: Prompt) -> str | None:
    """The label, or what was said instead of one; ``None`` where it was not asked."""
    if reply.at is None and not reply.final:
        return None
    answer = prompt.read(reply)
    return answer.value if answer.value is not None and reply.error is None else f"({reply.error or 'no answer'})"
