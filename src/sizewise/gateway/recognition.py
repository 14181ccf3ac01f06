"""Which task a request is: by the model's name, by a header, or by the prompt that the run's own log shows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal, NamedTuple

from sizewise.core.errors import InputError
from sizewise.core.form import AnswerForm, TaskForm
from sizewise.data.prompts import fingerprint
from sizewise.data.template import ANY, INPUT, Template
from sizewise.gateway.conversation import Asked, Conversation, conversation

By = Literal["name", "header", "prompt"]
MODEL_PREFIX, HEADER = "sizewise/", "x-sizewise-task"
#: fixed text around the input that is shorter does not tell one application's requests from another's
LEAST_FIXED = 12
REMEMBERED, LONGEST_REMEMBERED = 64, 16_384
#: the label and nothing around it
BARE = AnswerForm()
SEVERAL_TURNS = "several turns beyond those of the task's own prompt"


class Found(NamedTuple):
    """A request that is a task's. ``passes`` says why the specialist cannot answer it all the same.

    ``answer`` is the form to answer in; ``usual`` says whether the request looks as those of the run's log do;
    ``size`` is that of its texts in bytes.
    """

    task: str
    by: By
    input: str
    answer: AnswerForm
    usual: bool
    size: int = 0
    passes: str | None = None


@dataclass(frozen=True, slots=True)
class _Prompt:
    task: str
    template: Template
    form: TaskForm


class Recognition:
    """The tasks that are served, found by hash: what one request costs does not grow with their number.

    ``forms`` is by task name; a task in ``named_only`` is not recognised by its prompt. Raises ``InputError`` where a
    request could be two tasks'.
    """

    def __init__(self, forms: Mapping[str, TaskForm], named_only: frozenset[str] = frozenset()) -> None:
        self._forms = dict(forms)
        self._templates = {name: Template(form.template) for name, form in forms.items()}
        self._own = {name: frozenset(lead.fingerprint for lead in form.leads) for name, form in forms.items()}
        self._prompts: dict[str, tuple[_Prompt, ...]] = {}
        for name, form in forms.items():
            if name not in named_only:
                self._enter(name, form)
        leads = [lead for name, form in forms.items() if name not in named_only for lead in form.leads]
        self._lengths = {lead.length for lead in leads}
        # A system prompt is the same from request to request: its digest is worked out once.
        self._digest = lru_cache(REMEMBERED)(fingerprint)

    def _enter(self, name: str, form: TaskForm) -> None:
        template = self._templates[name]
        for digest in own_prompts(form):
            for other in self._prompts.get(digest, ()):
                if _overlap(template.text, other.template.text):
                    raise InputError(
                        f"the tasks {other.task!r} and {name!r} have the same prompt: a request could be either's. Serve "
                        f"one of them, or let {name!r} be recognised by its name alone (--by-name {name})."
                    )
            self._prompts[digest] = (*self._prompts.get(digest, ()), _Prompt(name, template, form))

    def find(self, headers: Mapping[str, str], request: Asked) -> Found | None:
        """The task that ``request`` is, ``None`` where it is none. ``headers`` have lower-case names."""
        model = request.model or ""
        named = headers.get(HEADER)
        by: By = "header" if named is not None else "name"
        if named is None and model.startswith(MODEL_PREFIX):
            named = model[len(MODEL_PREFIX) :]
        if named is not None:
            return self._named(named, by, request) if named in self._forms else None
        if not self._prompts:
            return None
        said = conversation(request.messages)
        return None if isinstance(said, str) else self._by_prompt(said)

    def _by_prompt(self, said: Conversation) -> Found | None:
        if None not in self._lengths and sum(len(text) for _, text in said.lead) not in self._lengths:
            return None  # masked digits leave the length as it is: most foreign prompts need not be hashed
        for prompt in self._prompts.get(self.digest(said.lead), ()):
            cut = prompt.template.cut(said.last)
            if cut is not None:
                answer = prompt.form.answer
                passes = None if answer is not None else "the answers in the run's log have no form in common"
                return Found(prompt.task, "prompt", cut, answer or BARE, usual=True, size=said.size, passes=passes)
        return None

    def digest(self, lead: tuple[tuple[str, str], ...]) -> str:
        """The fingerprint of what precedes the last message."""
        if sum(len(text) for _, text in lead) > LONGEST_REMEMBERED:
            return fingerprint(lead)
        return self._digest(lead)

    def _named(self, name: str, by: By, request: Asked) -> Found:
        form, said = self._forms[name], conversation(request.messages)
        if isinstance(said, str):
            return Found(name, by, "", BARE, usual=False, passes=said)
        cut = self._templates[name].cut(said.last)
        is_own = cut is not None and self.digest(said.lead) in self._own[name]
        if is_own and cut is not None and (said.lead or is_framed(form.template) or by == "header"):
            return Found(name, by, cut, form.answer or BARE, usual=True, size=said.size)
        passes = None if all(role == "system" for role, _ in said.lead) else SEVERAL_TURNS
        return Found(name, by, said.last, BARE, usual=False, size=said.size, passes=passes)


def own_prompts(form: TaskForm) -> tuple[str, ...]:
    """The fingerprints by which a task's requests are told from others': none where nothing stands before the input."""
    nothing = fingerprint(())
    return tuple(lead.fingerprint for lead in form.leads if lead.fingerprint != nothing or is_framed(form.template))


def is_framed(template: str) -> bool:
    """Whether a template has enough fixed text to recognise a request by.

    >>> is_framed("{input}"), is_framed("Which topic is this message about?\\n{input}")
    (False, True)
    """
    return len(template.replace(INPUT, "").replace(ANY, "").strip()) >= LEAST_FIXED


def _overlap(one: str, other: str) -> bool:
    """Whether a message could fit both templates: told by how they begin and how they end."""
    (begin, end), (begins, ends) = _edges(one), _edges(other)
    return (begin.startswith(begins) or begins.startswith(begin)) and (end.endswith(ends) or ends.endswith(end))


def _edges(template: str) -> tuple[str, str]:
    before, after = template.split(INPUT)
    return before.split(ANY)[0], after.split(ANY)[-1]
