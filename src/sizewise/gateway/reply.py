"""What came back from an upstream, as far as it is kept for the record."""

from __future__ import annotations

import aiohttp

from sizewise.core.exchange import Failure
from sizewise.gateway.memory import Share
from sizewise.gateway.wire.encoding import decoded
from sizewise.gateway.wire.kinds import is_text


class Reply:
    """An answer while it comes. Nothing of it is kept once it is longer than ``most`` bytes, or memory is short."""

    __slots__ = ("_most", "_pieces", "_share", "_size", "encoding", "failure", "status", "streamed", "type")

    def __init__(self, response: aiohttp.ClientResponse, most: int, share: Share) -> None:
        headers = response.headers
        self.status = response.status
        self.type = headers.get("content-type")
        self.encoding = headers.get("content-encoding")
        self.streamed = self.type is not None and self.type.lower().startswith("text/event-stream")
        self.failure: Failure | None = "upstream refused" if refuses(response.status) else None
        self._share = share
        self._pieces: list[bytes] = []
        self._size, self._most = 0, most if is_text(self.type) else 0

    def keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= self._most and self._share.take(len(piece)):
            self._pieces.append(piece)
        else:
            self._most = 0
            self._share.give(sum(map(len, self._pieces)))
            self._pieces.clear()

    def body(self) -> bytes:
        """All that came, content encoding removed; nothing where it is too long or no text."""
        if self._size > self._most:
            return b""
        whole = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
        return whole if self.encoding is None else decoded(whole, self.encoding, self._most) or b""


def refuses(status: int) -> bool:
    """Whether a status says that upstream will not answer now, whatever was asked."""
    return status == 429 or status >= 500
