"""Content encodings, undone on a copy for the record; what passes keeps its own."""

from __future__ import annotations

import zlib

_WINDOW = {"gzip": 16 + zlib.MAX_WBITS, "x-gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


def decoded(body: bytes, encoding: str, most: int) -> bytes | None:
    """``body`` without its content encoding; ``None`` where it cannot be undone or is longer than ``most`` bytes.

    >>> import gzip
    >>> decoded(gzip.compress(b"{}"), "gzip", 10), decoded(gzip.compress(bytes(99)), "gzip", 10), decoded(b"?", "br", 10)
    (b'{}', None, None)
    """
    for name in reversed([part.strip().lower() for part in encoding.split(",")]):
        if name in ("", "identity"):
            continue
        undone = _inflated(body, name, most)
        if undone is None:
            return None
        body = undone
    return body


def _inflated(body: bytes, name: str, most: int) -> bytes | None:
    if name not in _WINDOW:
        return None
    for window in (_WINDOW[name], -zlib.MAX_WBITS) if name == "deflate" else (_WINDOW[name],):
        inflater = zlib.decompressobj(window)
        try:
            undone = inflater.decompress(body, most + 1)
        except zlib.error:
            continue
        return undone if len(undone) <= most and inflater.eof else None
    return None
