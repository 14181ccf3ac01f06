"""The LLMs' APIs behind the gateway: which one a request goes to, and the one session that carries it there."""

from __future__ import annotations

import asyncio
import ssl
import urllib.request
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from sizewise.core.errors import InputError
from sizewise.core.exchange import Failure
from sizewise.gateway.settings import Limits, UpstreamAddress
from sizewise.gateway.wire.errors import speaks_anthropic

Headers = Sequence[tuple[bytes, bytes]]
#: of one connection only (RFC 9110, 7.6.1), or made anew by whoever sends next
HOP_BY_HOP = frozenset(
    {
        b"connection", b"keep-alive", b"proxy-connection", b"proxy-authenticate", b"proxy-authorization", b"te",
        b"trailer", b"transfer-encoding", b"upgrade",
    }
)  # fmt: skip
_NOT_PASSED = HOP_BY_HOP | {b"host", b"content-length", b"expect"}
_CREDENTIALS = frozenset({b"authorization", b"x-api-key", b"api-key"})
_OWN = b"x-sizewise-"
#: what the record can be read from without another library; a client that offers more is answered in one of these
_READABLE = ("gzip", "deflate", "identity")
_SLICE = _LONGEST_HEADER = 65_536
_WHOLE = 262_144  # bytes; a longer body is handed over in slices, so that the loop breathes


class UpstreamFailed(Exception):
    """Nothing, or nothing whole, came back. ``failure`` says how it ended, ``detail`` in words without addresses."""

    def __init__(self, failure: Failure, detail: str) -> None:
        super().__init__(detail)
        self.failure, self.detail = failure, detail


class Sent(NamedTuple):
    """What goes to an upstream."""

    method: str
    path: str
    query: bytes
    headers: Headers
    body: bytes | AsyncIterable[bytes]


class Upstreams:
    """All of them, behind one session; opened and closed on the loop that uses it."""

    def __init__(self, addresses: Iterable[UpstreamAddress], limits: Limits, ca: str | None = None) -> None:
        self._all = sorted((Upstream(address) for address in addresses), key=lambda u: len(u.prefix), reverse=True)
        self._limits, self._ca = limits, ca
        self._session: aiohttp.ClientSession | None = None

    def __bool__(self) -> bool:
        return bool(self._all)

    @property
    def by_model(self) -> bool:
        """Whether the model's name matters for where a request goes."""
        return len(self._all) > 1

    def start(self) -> None:
        """Open the session. Raises ``InputError`` where the certificates cannot be read."""
        context: ssl.SSLContext | bool = True
        if self._ca is not None:
            try:
                context = ssl.create_default_context(cafile=self._ca)
            except (OSError, ssl.SSLError) as error:
                raise InputError(f"--ca {self._ca}: no certificates can be read from it ({error}).") from None
        limits = self._limits
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=limits.concurrency, ssl=context, ttl_dns_cache=60),
            timeout=aiohttp.ClientTimeout(
                total=None, connect=None, sock_connect=limits.connect_seconds, sock_read=limits.quiet_seconds
            ),
            cookie_jar=aiohttp.DummyCookieJar(),  # one client's cookies are none of another's business
            auto_decompress=False,
            read_bufsize=_SLICE,
            max_line_size=_LONGEST_HEADER,
            max_field_size=_LONGEST_HEADER,
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    def chosen(self, model: str | None) -> Upstream:
        """The one whose prefix is the longest that ``model`` begins with; the last resort is the shortest prefix."""
        for upstream in self._all:
            if model is not None and model.startswith(upstream.prefix):
                return upstream
        return self._all[-1]

    def every(self) -> list[Upstream]:
        """All, longest prefix first."""
        return list(self._all)

    async def open(self, upstream: Upstream, sent: Sent, *, encoded: bool = True) -> aiohttp.ClientResponse:
        """Send it; the response as soon as its headers are there. Raises ``UpstreamFailed``.

        With ``encoded=False`` the answer is for us, and comes without a content encoding.
        """
        assert self._session is not None, "start() opens the session"
        headers, missing = upstream.outgoing(sent)
        if not encoded:
            headers["accept-encoding"] = "identity"
        try:
            return await self._session.request(
                sent.method, upstream.url(sent.path, sent.query), headers=headers, data=_payload(sent.body),
                skip_auto_headers=missing, allow_redirects=False, proxy=upstream.proxy,
            )  # fmt: skip
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise failed(error) from None


class Upstream:
    """One address, resolved."""

    def __init__(self, address: UpstreamAddress) -> None:
        parts = urlsplit(address.url)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise InputError(f"--upstream {address.url}: not an address; it begins with http:// or https://.")
        if parts.query or parts.fragment or parts.username:
            raise InputError(f"--upstream {parts.hostname}: give the address alone, without a query or a login.")
        self.prefix, self._key = address.prefix, address.key
        # As in OpenAI's own library a base address with a path stands for /v1, whatever the path is called.
        path = parts.path.rstrip("/")
        self.base = f"{parts.scheme}://{parts.netloc}{path or '/v1'}"
        self.proxy = _proxy(parts.scheme, parts.hostname, parts.port)
        self._without_query = lru_cache(256)(self._url)

    def url(self, path: str, query: bytes) -> URL:
        """The address of ``path``, which begins with /v1."""
        return self._url(path, query) if query else self._without_query(path)

    def _url(self, path: str, query: bytes = b"") -> URL:
        asked = f"?{query.decode('latin-1')}" if query else ""
        return URL(f"{self.base}{path[3:]}{asked}", encoded=True)

    def outgoing(self, sent: Sent) -> tuple[CIMultiDict[str], Iterable[str] | None]:
        """The headers that go on, and those that nobody may add."""
        ours = self._key is not None
        of_this_hop = _named_by_connection(sent.headers)
        there: set[bytes] = set()
        headers: CIMultiDict[str] = CIMultiDict()
        for name, value in sent.headers:
            if name in _NOT_PASSED or name in of_this_hop or name.startswith(_OWN) or (ours and name in _CREDENTIALS):
                continue
            there.add(name)
            if name == b"accept-encoding":
                headers.add("accept-encoding", _encodings(value, sent.body))
            else:
                headers.add(_text(name), _text(value))
        if b"accept-encoding" not in there:
            headers["accept-encoding"] = "identity"
        if self._key is not None:
            if speaks_anthropic(sent.path):
                headers["x-api-key"] = self._key
            else:
                headers["authorization"] = f"Bearer {self._key}"
        if not isinstance(sent.body, bytes):
            length = next((value for name, value in sent.headers if name == b"content-length"), None)
            if length is not None:
                headers["content-length"] = _text(length)
        elif len(sent.body) > _WHOLE:
            headers["content-length"] = str(len(sent.body))
        missing = [name for name in ("user-agent", "accept", "content-type") if name.encode() not in there]
        return headers, missing or None


def failed(error: BaseException) -> UpstreamFailed:
    """What went wrong on the way, in our own words: a library's may hold addresses."""
    if isinstance(error, TimeoutError) and not isinstance(error, aiohttp.ConnectionTimeoutError):
        return UpstreamFailed("upstream timed out", "upstream did not answer in time")
    if isinstance(error, (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)):
        return UpstreamFailed("upstream unreachable", "upstream cannot be reached")
    if isinstance(error, (aiohttp.ClientPayloadError, aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)):
        return UpstreamFailed("upstream cut", "upstream broke the connection off")
    if isinstance(error, aiohttp.ClientResponseError):
        return UpstreamFailed("upstream cut", "upstream answered with something that is no HTTP")
    return UpstreamFailed("upstream unreachable", "the request could not be sent to upstream")


def _payload(body: bytes | AsyncIterable[bytes]) -> bytes | AsyncIterable[bytes] | None:
    if not isinstance(body, bytes):
        return body
    if len(body) <= _WHOLE:
        return body or None
    return aiohttp.payload.AsyncIterablePayload(_slices(body))  # type: ignore[return-value]


async def _slices(body: bytes) -> AsyncIterator[bytes]:
    view = memoryview(body)
    for start in range(0, len(view), _SLICE):
        yield bytes(view[start : start + _SLICE])
        await asyncio.sleep(0)


def _named_by_connection(headers: Headers) -> frozenset[bytes] | set[bytes]:
    """Header names that the sender declares to be of this hop alone."""
    for name, value in headers:
        if name == b"connection" and value.lower() not in (b"keep-alive", b"close"):
            return {part.strip().lower() for part in value.split(b",")}
    return frozenset()


def _encodings(offered: bytes, body: bytes | AsyncIterable[bytes]) -> str:
    """What may come back compressed: not a stream, whose last event must be seen, and nothing that cannot be recorded."""
    if not isinstance(body, bytes) or b'"stream"' in body:
        return "identity"
    return _readable(offered)


@lru_cache(64)
def _readable(offered: bytes) -> str:
    kept = [part.strip() for part in offered.decode("latin-1").split(",")]
    return ", ".join(part for part in kept if part.split(";")[0].strip().lower() in _READABLE) or "identity"


def _text(header: bytes) -> str:
    try:
        return header.decode("utf-8")
    except UnicodeDecodeError:
        return header.decode("latin-1")


def _proxy(scheme: str, host: str, port: int | None) -> str | None:
    """The proxy that the environment names for this address (``HTTPS_PROXY``, ``NO_PROXY`` …)."""
    if urllib.request.proxy_bypass(f"{host}:{port}" if port else host):
        return None
    found = urllib.request.getproxies()
    return found.get(scheme) or found.get("all")


def certificates(path: Path | None) -> str | None:
    """The file of a CA of the person's own, checked. Raises ``InputError`` where it is not there."""
    if path is None:
        return None
    if not path.is_file():
        raise InputError(f"--ca {path}: there is no such file.")
    return str(path)
