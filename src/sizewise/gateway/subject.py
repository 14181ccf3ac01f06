"""Whose data a request is, as its client says, so that it can be found and deleted."""

from __future__ import annotations

from typing import Any

import msgspec

from sizewise.core.exchange import Exchange, altered


class _Said(msgspec.Struct, gc=False):
    """Where the APIs are told: ``user`` and ``safety_identifier`` of OpenAI's, ``metadata.user_id`` of Anthropic's."""

    safety_identifier: Any = None
    user: Any = None
    metadata: Any = None


_SAID = msgspec.json.Decoder(_Said)


def with_subject(exchange: Exchange) -> Exchange:
    """``exchange`` with its subject, where none was given (in the header ``x-sizewise-subject``) and the body names one."""
    if exchange.subject is not None:
        return exchange
    subject = subject_of(exchange.request)
    return exchange if subject is None else altered(exchange, subject=subject)


def subject_of(request: bytes) -> str | None:
    """The subject that a request's body names.

    >>> subject_of(b'{"model": "m", "user": "anna"}'), subject_of(b'{"metadata": {"user_id": "u1"}}'), subject_of(b"no")
    ('anna', 'u1', None)
    """
    if not request.startswith(b"{"):
        return None
    try:
        said = _SAID.decode(request)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    within = said.metadata.get("user_id") if isinstance(said.metadata, dict) else None
    return next((name for name in (said.safety_identifier, said.user, within) if isinstance(name, str) and name), None)
