"""An exchange as a row of the table, and back."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from operator import itemgetter
from typing import Any

from sizewise.core.exchange import Exchange
from sizewise.store.traffic.schema import EXCHANGES

NAMES = tuple(column.name for column in EXCHANGES.columns if column.name != "number")
#: written as bytes, since anything may stand in them
TEXTS_AS_BYTES = ("input", "small_answer")
SHORT_TEXTS = (
    "id", "path", "method", "request_type", "response_type", "model", "answered_by", "finish_reason", "task", "run_id",
    "subject",
)  # fmt: skip
COUNTS = ("prompt_tokens", "cached_tokens", "completion_tokens")
_FIELDS = itemgetter(*map(Exchange._fields.index, NAMES))
_SHORT = tuple(map(NAMES.index, SHORT_TEXTS))
_AS_BYTES, _COUNTS = tuple(map(NAMES.index, TEXTS_AS_BYTES)), tuple(map(NAMES.index, COUNTS))
_AT, _MASKED, _KEY = map(NAMES.index, ("at", "masked", "idempotency"))
_1970 = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_LARGEST = 2**63 - 1
_LONGEST = 1_000


def microseconds(at: datetime) -> int:
    """``at`` as whole microseconds since 1970; a time without a zone is taken for UTC."""
    return ((at if at.tzinfo else at.replace(tzinfo=UTC)) - _1970) // _MICROSECOND


def moment(stored: int) -> datetime:
    """The time that ``microseconds`` wrote down, in UTC."""
    return _1970 + stored * _MICROSECOND


def storable(text: str) -> str:
    """``text`` as a text column can hold it: no lone surrogate, no NUL, at most 1,000 characters.

    >>> storable("a\\x00b\\ud800")
    'a\\ufffdb\\ufffd'
    """
    text = text[:_LONGEST]
    if _is_plain(text):
        return text
    return text.replace("\0", "\ufffd").encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def is_answered(exchange: Exchange) -> bool:
    """Whether the client got a whole answer, so that a retry with the same key is to get it again."""
    return exchange.status is not None and 200 <= exchange.status < 300 and exchange.failure is None


def row(exchange: Exchange) -> tuple[Any, ...]:
    """The columns ``NAMES`` of ``exchange``. Its key against repetition is kept only where the client got a whole answer.

    Written for speed, since every exchange passes here on a core that answers clients too.
    """
    values = list(_FIELDS(exchange))
    if not _is_plain("".join([values[place] or "" for place in _SHORT])):
        for place in _SHORT:
            if values[place] is not None:
                values[place] = storable(values[place])
    for place in _AS_BYTES:
        if values[place] is not None:
            values[place] = values[place].encode("utf-8", "surrogatepass")
    for place in _COUNTS:
        count = values[place]
        if count is not None and not 0 <= count <= _LARGEST:
            values[place] = None
    values[_AT] = microseconds(exchange.at)
    values[_MASKED] = json.dumps(dict(exchange.masked), sort_keys=True) if exchange.masked else None
    if values[_KEY] is not None and not is_answered(exchange):
        values[_KEY] = None
    return tuple(values)


def _is_plain(text: str) -> bool:
    return len(text) <= _LONGEST and text.isascii() and "\0" not in text


def exchange(stored: Sequence[Any]) -> Exchange:
    """The exchange in a row whose columns are ``NAMES``, in that order."""
    values = dict(zip(NAMES, stored, strict=True))
    for name in TEXTS_AS_BYTES:
        if values[name] is not None:
            values[name] = bytes(values[name]).decode("utf-8", "surrogatepass")
    values["at"] = moment(values["at"])
    values["masked"] = json.loads(values["masked"]) if values["masked"] else {}
    return Exchange(**values)
