"""What an LLM is told so that it writes new inputs for one label: the task, the label, real inputs of it to go by."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from sizewise.llm.request import Reply, Request

#: inputs that one call is asked for, and real ones that it is shown
WRITTEN_A_CALL, SHOWN = 5, 5
LONGEST = 4_000  # characters of an input that is kept
TOKENS_AN_INPUT, LEAST_TOKENS = 120, 400
LABEL = "Label: "
SYSTEM = """{task}

Write {count} new texts for which the label is the one that the user names. Write as the people wrote whose texts are \
shown: in their language, as long, as formal, with their slips; about other things, in other words, none of them a copy. \
Invent no personal data: no names, numbers or addresses.
{labels}
Answer as JSON: {{"inputs": ["…"]}}"""
SCHEMA = json.dumps(
    {
        "type": "object",
        "properties": {"inputs": {"type": "array", "items": {"type": "string"}}},
        "required": ["inputs"],
        "additionalProperties": False,
    }
)


@dataclass(frozen=True)
class Writing:
    """The prompt that asks for new inputs: ``instructions`` say what the task is, ``labels`` what there is beside each."""

    instructions: str | None
    labels: tuple[str, ...]
    temperature: float = 1.0

    @cached_property
    def system(self) -> str:
        """The system message."""
        task = f"The task: {self.instructions.strip()}" if self.instructions else "The task: classify a text."
        others = "The labels are: " + ", ".join(self.labels)
        return SYSTEM.format(task=task, count=WRITTEN_A_CALL, labels=others)

    @cached_property
    def version(self) -> str:
        """A digest of everything but the label and the texts that are shown."""
        told = json.dumps([self.system, SCHEMA, self.temperature])
        return hashlib.blake2b(told.encode(), digest_size=6).hexdigest()

    def request(self, label: str, shown: Sequence[str], number: int) -> Request:
        """The call ``number`` for one label, with the texts that it is shown."""
        texts = "\n".join(f"- {json.dumps(text, ensure_ascii=False)}" for text in shown)
        tokens = max(LEAST_TOKENS, WRITTEN_A_CALL * max([TOKENS_AN_INPUT, *(len(text.encode()) for text in shown)]))
        return Request(
            (("system", self.system), ("user", f"{LABEL}{label}\nTexts with this label:\n{texts}")),
            tokens, SCHEMA, self.temperature, number,
        )  # fmt: skip


def inputs_in(reply: Reply) -> list[str]:
    """The texts in a reply; none where it failed or is not what was asked for."""
    if reply.error is not None or reply.text is None:
        return []
    bare = reply.text.strip()
    if bare.startswith("```"):
        bare = bare.strip("`").removeprefix("json").strip()
    try:
        held = json.loads(bare)
    except (ValueError, RecursionError):
        return []
    texts = held.get("inputs") if isinstance(held, dict) else None
    if not isinstance(texts, list):
        return []
    return [text.strip() for text in texts if isinstance(text, str) and 0 < len(text.strip()) <= LONGEST]
