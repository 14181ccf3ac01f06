"""Exchanges to write, one unlike the other."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from sizewise.core.exchange import Exchange

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def exchange(number: int = 0, **values: Any) -> Exchange:
    """The exchange of that number, a minute after the one before it; ``values`` replaces what it has."""
    given: dict[str, Any] = {
        "id": f"sw-{number:06d}",
        "at": NOON + timedelta(minutes=number),
        "path": "/v1/chat/completions",
        "status": 200,
        "request": f'{{"model": "gpt-4o", "messages": [{{"role": "user", "content": "вопрос {number}"}}]}}'.encode(),
        "response": b'{"choices": [{"message": {"role": "assistant", "content": "refund"}}]}',
        "model": "gpt-4o",
        "route": "large",
    }
    return Exchange(**(given | values))
