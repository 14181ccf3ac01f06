"""For one request: which task it would be, what the specialist would read of it, and why not otherwise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from sizewise.core.answer import Route
from sizewise.core.form import AnswerForm, TaskForm
from sizewise.data.template import ANY, INPUT, Template
from sizewise.gateway.conversation import Asked, Conversation, conversation
from sizewise.gateway.recognition import HEADER, MODEL_PREFIX, By, Recognition, is_framed, own_prompts
from sizewise.gateway.served_task import ServedRun
from sizewise.gateway.shape import reply, unable

LONGEST_SHOWN = 2_000
Outcome = Literal["specialist", "large model", "abstention", "no task"]


@dataclass(frozen=True, slots=True)
class TaskSaid:
    """One task's view of a request: whether it is its own, and if not, why not."""

    task: str
    matches: bool
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Where a request would go. ``content`` is the specialist's answer in the shape that the client would get."""

    outcome: Outcome
    why: str
    tasks: tuple[TaskSaid, ...]
    task: str | None = None
    by: By | None = None
    input: str | None = None
    label: str | None = None
    confidence: float | None = None
    route: Route | None = None
    content: str | None = None
    usage: Mapping[str, int] | None = None


def explained(
    headers: Mapping[str, str], request: Asked, runs: Sequence[ServedRun], named_only: frozenset[str] = frozenset()
) -> Explanation:
    """What would become of ``request`` if ``runs`` were served live. The specialist is asked; nothing is sent."""
    recognition = Recognition({run.task: run.form for run in runs}, named_only)
    found = recognition.find(headers, request)
    said = tuple(
        TaskSaid(run.task, *_judged(run, headers, request, recognition, run.task in named_only)) for run in runs
    )
    if found is None:
        return Explanation("no task", "no task is recognised in it", said)
    run = next(run for run in runs if run.task == found.task)
    otherwise: Outcome = "abstention" if run.perimeter == "closed" else "large model"
    known = Explanation(otherwise, "", said, found.task, found.by, found.input)
    if (why := found.passes or unable(request, run.form)) is not None:
        return replace(known, why=why)
    answer = run.model.answer([found.input])[0]
    known = replace(known, label=answer.value, confidence=answer.confidence, route=answer.route)
    if answer.value is None:
        return replace(known, why=answer.error or "the specialist has no answer")
    shaped = reply(answer.value, request, found, run.form)
    if isinstance(shaped, str):
        return replace(known, why=shaped)
    usage = {"prompt_tokens": shaped.prompt_tokens, "completion_tokens": shaped.completion_tokens}
    known = replace(known, content=shaped.content, usage=usage)
    if answer.route != "small":
        return replace(known, why="the specialist is not sure enough")
    return replace(known, outcome="specialist")


def _judged(
    run: ServedRun, headers: Mapping[str, str], request: Asked, recognition: Recognition, by_name_alone: bool
) -> tuple[bool, str]:
    named = headers.get(HEADER)
    if named is not None:
        return named == run.task, f"the header {HEADER} names {named!r}"
    if (request.model or "").startswith(MODEL_PREFIX):
        return request.model == MODEL_PREFIX + run.task, f"the model is {request.model!r}"
    if by_name_alone:
        return False, "this task is recognised by its name alone (--by-name)"
    prompts = own_prompts(run.form)
    if not prompts:
        return False, "its log shows no prompt by which a request could be told from others"
    said = conversation(request.messages)
    if isinstance(said, str):
        return False, said
    return _fits(run.form, prompts, said, recognition)


def _fits(form: TaskForm, prompts: Sequence[str], said: Conversation, recognition: Recognition) -> tuple[bool, str]:
    if (digest := recognition.digest(said.lead)) not in prompts:
        known = ", ".join(prompt[:8] for prompt in prompts)
        return False, f"what precedes the last message has the fingerprint {digest[:8]}, the log's is {known}"
    if Template(form.template).cut(said.last) is None:
        return False, "the last message does not fit the template of the run's log"
    return True, "its prompt is that of the run's log"


def introduced(run: ServedRun, by_name_alone: bool = False) -> list[str]:
    """What to say of a run when serving begins: how its requests are known, what is cut out, what answers look like."""
    form = run.form
    ways = [f"model {MODEL_PREFIX}{run.task}", f"header {HEADER}: {run.task}"]
    prompts = () if by_name_alone else own_prompts(form)
    if prompts:
        ways.append(f"its prompt ({', '.join(prompt[:8] for prompt in prompts)}, seen {form.rows:,} times in its log)")
    lines = [f"{run.task}: requests are known by {', by '.join(ways)}"]
    if not prompts and not by_name_alone:
        lines.append("  by no prompt: its log shows none that would tell its requests from others")
    lines.append(f"  the input is {_cut_out(form.template)}")
    lines.append(f"  answers look like {_looks(form.answer)}")
    return lines


def _cut_out(template: str) -> str:
    if template == INPUT:
        return "the last message as a whole"
    kind = "the part of the last message that stands at" if is_framed(template) else "cut out of the last message at"
    return f"{kind} {INPUT} in {_short(template)!r}" + (f" ({ANY}: anything)" if ANY in template else "")


def _looks(answer: AnswerForm | None) -> str:
    if answer is None:
        return "nothing in common in the log: only requests by name or header are answered, with the bare label"
    shape = "the bare label" if answer.is_bare else repr(answer.text("…"))
    return f"{shape} ({answer.share:.0%} of the log's {answer.rows:,} answers do)" if answer.rows else shape


def _short(text: str) -> str:
    if len(text) <= LONGEST_SHOWN:
        return text
    return f"{text[: LONGEST_SHOWN // 2]} […] {text[-LONGEST_SHOWN // 2 :]}"


def as_text(found: Explanation) -> str:
    """The explanation as a person reads it."""
    told = {
        "specialist": f"The specialist of the task {found.task!r} would answer it.",
        "abstention": f"It is the task {found.task!r}, but nothing may leave and nobody answers: {found.why}.",
        "large model": f"It is the task {found.task!r}, but goes to the large model: {found.why}.",
        "no task": "It is no task's: it passes to the upstream unchanged.",
    }
    lines = [told[found.outcome]]
    if found.by is not None:
        lines.append(f"Known by: {found.by}")
    if found.input is not None:
        lines.append(f"Input: {_short(found.input)!r}")
    if found.confidence is not None:
        lines.append(f"The specialist says {found.label!r} with confidence {found.confidence:.3f}")
    if found.content is not None and found.usage is not None:
        lines.append(f"The answer would be: {found.content!r}")
        lines.append(f"Usage: {', '.join(f'{name} {count}' for name, count in found.usage.items())}")
    lines += [f"{'+' if said.matches else '-'} {said.task}: {said.why}" for said in found.tasks]
    return "\n".join(lines)
