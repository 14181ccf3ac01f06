"""What the large model is asked where the client named our own: the task's prompt, as the run's log shows it."""

from __future__ import annotations

import msgspec

from sizewise.core.form import TaskForm
from sizewise.data.template import ANY, INPUT
from sizewise.gateway.recognition import Found

#: whose names may stand before a model's in a log or a task file; another colon is part of the model's own name
PROVIDERS = frozenset({"openai", "anthropic", "cohere", "gemini", "mistral", "azure"})


def escalated(body: bytes, found: Found, form: TaskForm, large: str | None) -> bytes | None:
    """The request for the large model, or ``None`` where nobody can know what to ask it.

    A request that named the large model itself goes as it is. One that named ``sizewise/<task>`` is for ``large``, the
    model of the run's log; where it holds the bare input, the prompt of the log is put around it.
    """
    if found.by != "name":
        return body
    if large is None:
        return None
    request = msgspec.json.decode(body)
    provider, _, name = large.partition(":")
    request["model"] = name if provider in PROVIDERS else large
    if not found.usual and not found.passes:
        messages = asked_as_usual(found.input, form)
        if messages is None:
            return None
        request["messages"] = messages
    return msgspec.json.encode(request)


def asked_as_usual(text: str, form: TaskForm) -> list[dict[str, str]] | None:
    """The messages by which the log's application asked about an input; ``None`` where they were not kept whole."""
    lead = next((lead for lead in form.leads if lead.messages is not None), None)
    if lead is None or lead.messages is None or ANY in form.template:
        return None
    said = [{"role": role, "content": content} for role, content in lead.messages]
    before, after = form.template.split(INPUT)
    return [*said, {"role": "user", "content": before + text + after}]
