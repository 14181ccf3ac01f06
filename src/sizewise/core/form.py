"""How a task's requests look and which form its answers have: what a run keeps so that it can be served.

Learned from the log that the run was made of; a log without messages gives no leads, and its task is recognised by
name or header alone.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Escape = Literal["none", "json", "ascii"]


@dataclass(frozen=True, slots=True)
class Lead:
    """The messages before the input (a system prompt, turns that serve as examples), as ``rows`` requests had them.

    ``fingerprint`` is a digest in which digits do not count, ``length`` that of all texts in characters. ``messages`` are (role, text), or ``None`` where they
    held personal data, were seen in too few requests, or differed from request to request in their digits.
    """

    fingerprint: str
    rows: int
    messages: tuple[tuple[str, str], ...] | None = None
    length: int | None = None


@dataclass(frozen=True, slots=True)
class AnswerForm:
    """What stands around the label in an answer: ``before``, the label, ``after``.

    ``escape`` says how the label is written inside: as it is, as JSON does, or as JSON in ASCII alone. ``share`` is
    that of the log's ``rows`` usable answers which have this form. ``spelled`` gives each label as the log's answers
    spell it, where they spell it otherwise; ``tokens`` the completion tokens that the LLM's answer had, by label.
    """

    before: str = ""
    after: str = ""
    escape: Escape = "none"
    share: float = 1.0
    rows: int = 0
    spelled: Mapping[str, str] = field(default_factory=dict)
    tokens: Mapping[str, int] = field(default_factory=dict)

    def text(self, label: str) -> str:
        """The answer that says ``label``.

        >>> AnswerForm('{"label": "', '"}', "json").text('a "b"')
        '{"label": "a \\\\"b\\\\""}'
        """
        said = self.spelled.get(label, label)
        if self.escape != "none":
            said = json.dumps(said, ensure_ascii=self.escape == "ascii")[1:-1]
        return f"{self.before}{said}{self.after}"

    @property
    def is_bare(self) -> bool:
        """Whether nothing stands around the label."""
        return not (self.before.strip() or self.after.strip())


@dataclass(frozen=True, slots=True)
class TaskForm:
    """What a run keeps of the requests of its log.

    ``template`` is the one by which the input was cut out of the last message. ``response_format`` is the request's,
    as JSON with sorted keys, where the log's requests agree on one; ``tools`` says whether they offered tools and were
    answered in text all the same. ``answer`` is ``None`` where the log's answers have no form in common: then nothing
    that the specialist could write has the shape that the application is used to. ``bytes_per_token`` is what one
    token of the requests was worth by the log's own usage, in bytes of UTF-8.
    """

    rows: int = 0
    leads: tuple[Lead, ...] = ()
    template: str = "{input}"
    response_format: str | None = None
    tools: bool = False
    answer: AnswerForm | None = None
    bytes_per_token: float | None = None
