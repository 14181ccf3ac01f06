"""Personal data taken out of an exchange before it is written, with counts by kind."""

from __future__ import annotations

import hashlib
import json
import re
from collections import Counter
from collections.abc import Callable
from typing import Any

from sizewise.core.exchange import Exchange, altered
from sizewise.data.personal import mask, mask_known

#: what APIs name things by; a number in it is no telephone's, so only what is surely personal is taken out
_NAMES = frozenset(
    {
        "id", "object", "type", "role", "model", "tool_call_id", "tool_use_id", "call_id", "item_id", "response_id",
        "previous_response_id", "system_fingerprint", "finish_reason", "stop_reason", "service_tier", "encoding_format",
    }
)  # fmt: skip
#: whose data it is, as the APIs of OpenAI and Anthropic are told
_SUBJECTS = frozenset({"user", "safety_identifier", "user_id"})
_ATTACHED = re.compile(r"data:([\w.+/-]{0,100})((?:;[\w=.+-]{0,100}){0,4});base64,", re.ASCII)
_LEAST_DIGITS = 7
_DEEPEST = 200
Replace = Callable[[str], tuple[str, Counter[str]]]


def pseudonym(subject: str) -> str:
    """What stands for a subject in a masked store: the same for the same subject, and not to be read back.

    >>> pseudonym("ann@example.com")
    'subject-71d4f55f72fa128dfb468a1a'
    """
    return "subject-" + hashlib.sha256(subject.encode("utf-8", "surrogatepass")).hexdigest()[:24]


def masked(exchange: Exchange) -> Exchange:
    """``exchange`` without the personal data that is known, and without attachments; JSON stays JSON.

    A body that is neither JSON nor text is left out whole, and counted as an attachment. Counts are added to those
    that the exchange has.
    """
    counts = Counter(exchange.masked)
    taken: dict[str, Any] = {
        "request": _body(exchange.request, counts),
        "response": _body(exchange.response, counts),
    }
    for name in ("input", "small_answer"):
        text = getattr(exchange, name)
        if text is not None:
            taken[name] = _text(text, counts)
    if exchange.subject is not None:
        taken["subject"] = pseudonym(exchange.subject)
    return altered(exchange, **taken, masked=dict(counts))


def without_texts(exchange: Exchange) -> Exchange:
    """``exchange`` without anything that a person or a model wrote."""
    subject = None if exchange.subject is None else pseudonym(exchange.subject)
    return altered(
        exchange, request=b"", response=b"", input=None, small_answer=None, subject=subject, masked={"everything": 1}
    )


def _body(body: bytes, counts: Counter[str]) -> bytes:
    if not body:
        return body
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        counts["attachment"] += 1
        return b""
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        return _text(text, counts).encode()
    before = counts.total()
    clean = _value(value, counts, is_content=False)
    if counts.total() == before:
        return body
    return json.dumps(clean, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass")


def _value(value: Any, counts: Counter[str], *, is_content: bool, depth: int = 0) -> Any:
    """``value`` masked. In content, which a person or a model wrote, long numbers go too, and nothing is a name."""
    if isinstance(value, str):
        return _text(value, counts)
    if depth > _DEEPEST:
        counts["too deep"] += 1
        return None
    if isinstance(value, list):
        return [_value(one, counts, is_content=is_content, depth=depth + 1) for one in value]
    if isinstance(value, dict):
        return {
            _text(name, counts): _member(name, one, counts, is_content=is_content, depth=depth)
            for name, one in value.items()
        }
    if is_content and isinstance(value, int | float) and sum(c.isdigit() for c in repr(value)) >= _LEAST_DIGITS:
        counts["number"] += 1
        return "▇▇▇"
    return value


def _member(name: str, value: Any, counts: Counter[str], *, is_content: bool, depth: int) -> Any:
    if isinstance(value, str) and not is_content:
        if name in _SUBJECTS:
            counts["subject"] += 1
            return pseudonym(value)
        if name in _NAMES:
            return _counted(value, counts, mask_known)
    within = is_content or name in ("input", "arguments", "parsed", "metadata")
    return _value(value, counts, is_content=within, depth=depth + 1)


def _text(text: str, counts: Counter[str]) -> str:
    """``text`` masked; where it holds JSON itself, as a tool's arguments do, it goes on doing so."""
    if _ATTACHED.match(text):
        counts["attachment"] += 1
        return _ATTACHED.match(text)[0]  # type: ignore[index]
    if text.lstrip()[:1] in ("{", "["):
        try:
            value = json.loads(text)
        except (ValueError, RecursionError):
            return _counted(text, counts, mask)
        before = counts.total()
        clean = _value(value, counts, is_content=True)
        return text if counts.total() == before else json.dumps(clean, ensure_ascii=False)
    return _counted(text, counts, mask)


def _counted(text: str, counts: Counter[str], how: Replace) -> str:
    clean, found = how(text)
    counts.update(found)
    return clean
