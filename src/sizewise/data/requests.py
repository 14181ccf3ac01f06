"""How the requests of a log look beside their input: what they begin with, what they ask for, what a token is worth."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

from sizewise.core.form import Lead, TaskForm
from sizewise.data.formats.exports import Request
from sizewise.data.formats.messages import Message
from sizewise.data.personal import READ, found
from sizewise.data.prompts import fingerprint
from sizewise.data.template import INPUT, LEAST_SHARE, LEAST_TEXTS
from sizewise.data.text import readable

MOST_LEADS, MOST_FORMATS, LONGEST_FORMAT = 1_000, 100, 100_000
#: of a lead's requests, this share must have had exactly these texts for them to be kept
ALIKE = 0.9
#: and a response format belongs to the task where this share of the requests asked for it
UNANIMOUS = 0.9
BYTES_PER_TOKEN_MOST, BYTES_PER_TOKEN_LEAST = 20.0, 0.5


class RequestsSeen:
    """Takes note of the requests whose rows are used; ``form`` then says what they have in common."""

    def __init__(self) -> None:
        self._rows = 0
        self._last: tuple[Message, ...] | None = None
        self._digest = ""
        self._leads: Counter[str] = Counter()
        self._lengths: dict[str, int] = {}
        self._exact: dict[str, tuple[tuple[Message, ...], int]] = {}
        self._formats: Counter[str] = Counter()
        self._tools = self._bytes = self._tokens = 0

    def take(self, request: Request) -> None:
        """Count one request."""
        self._rows += 1
        *before, last = request.messages
        lead = tuple(before)
        if lead != self._last:
            self._last, self._digest = lead, fingerprint(lead)
        self._count(lead)
        self._formats[_canonical(request.options.get("response_format"))] += len(self._formats) < MOST_FORMATS
        self._tools += bool(request.options.get("tools"))
        tokens = request.columns.get("prompt_tokens")
        if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens > 0:
            self._tokens += tokens
            self._bytes += sum(len(m.text.encode("utf-8", "replace")) for m in (*lead, last))

    def _count(self, lead: tuple[Message, ...]) -> None:
        digest = self._digest
        if digest not in self._leads and len(self._leads) >= MOST_LEADS:
            return
        self._leads[digest] += 1
        self._lengths.setdefault(digest, sum(len(readable(message.text)) for message in lead))
        kept = self._exact.get(digest)
        if kept is None:
            short = sum(len(m.text) for m in lead) <= READ
            self._exact[digest] = (lead, 1) if short else ((), 0)
        elif kept[0] == lead:
            self._exact[digest] = (lead, kept[1] + 1)

    def form(self, template: str | None) -> TaskForm:
        """What the requests have in common; ``template`` is the one by which their inputs were cut out."""
        least = max(LEAST_TEXTS, LEAST_SHARE * self._rows)
        leads = tuple(
            Lead(digest, rows, self._messages(digest, rows))
            for digest, rows in self._leads.most_common()
            if rows >= least
        )
        asked, count = self._formats.most_common(1)[0] if self._formats else ("", 0)
        worth = self._bytes / self._tokens if self._tokens else None
        is_plausible = worth is not None and BYTES_PER_TOKEN_LEAST <= worth <= BYTES_PER_TOKEN_MOST
        return TaskForm(
            rows=self._rows,
            leads=leads,
            template=template or INPUT,
            response_format=asked if asked and count >= UNANIMOUS * self._rows else None,
            tools=self._rows > 0 and self._tools >= UNANIMOUS * self._rows,
            bytes_per_token=round(worth, 3) if is_plausible and worth is not None else None,
        )

    def _messages(self, digest: str, rows: int) -> tuple[tuple[str, str], ...] | None:
        """The texts of a lead: those of its requests that are all alike and hold nothing personal."""
        lead, alike = self._exact[digest]
        if alike < ALIKE * rows or alike < LEAST_TEXTS or any(found(message.text) for message in lead):
            return None
        return tuple((message.role, message.text) for message in lead)


def _canonical(response_format: Any) -> str:
    """A response format as JSON with sorted keys; empty for plain text, or where it is none."""
    if not isinstance(response_format, Mapping) or response_format.get("type") == "text":
        return ""
    try:
        written = json.dumps(response_format, sort_keys=True)
    except (TypeError, ValueError, RecursionError):
        return ""
    return written if len(written) <= LONGEST_FORMAT else ""
