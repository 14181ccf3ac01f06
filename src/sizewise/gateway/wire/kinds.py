"""Content types: which bodies are text, and so are read and recorded."""

from __future__ import annotations

from functools import lru_cache


@lru_cache(256)
def is_text(kind: str | None) -> bool:
    """Whether a body of this content type is recorded: JSON, text and event streams are; files, pictures, sound are not.

    >>> is_text("application/json; charset=utf-8"), is_text("multipart/form-data; boundary=x"), is_text(None)
    (True, False, True)
    """
    if kind is None:
        return True
    plain = kind.split(";")[0].strip().lower()
    return plain.startswith("text/") or plain.endswith(("json", "jsonl", "ndjson", "xml", "x-www-form-urlencoded"))
