"""What can go wrong at a provider, told apart at one boundary: what ends the work, what marks a row, what is tried again.

============  =====================================================  ==========================================
kind          what happened                                          what follows
============  =====================================================  ==========================================
``key``       the key is missing, wrong or may not do this           ends (``ModelReferenceError``)
``model``     the provider knows no such model                       ends (``ModelReferenceError``)
``quota``     the account's money or quota is used up                ends (``LimitReached``): resumable
``rate``      too many requests (429)                                waits as told, then again; in the end, ends
``network``   no connection                                          again; in the end, ends (``LimitReached``)
``server``    the provider's fault (5xx)                             again; in the end, a row that may be asked anew
``timeout``   no answer in time                                      again; in the end, a row that may be asked anew
``refused``   the provider refused the content                       a marked row
``too_long``  the prompt exceeds the model's context                 a marked row
``request``   any other refusal of this request                      a marked row
============  =====================================================  ==========================================

A message never holds a key: what a provider says about keys is not repeated, and the key itself is cut out of the rest.
"""

from __future__ import annotations

import email.utils
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from sizewise.core.errors import LimitReached, ModelReferenceError, SizewiseError

Kind = Literal["key", "model", "quota", "rate", "network", "server", "timeout", "refused", "too_long", "request"]

TRIED_AGAIN = frozenset({"rate", "network", "server", "timeout"})
LONGEST_QUOTE = 240
_SECRET = re.compile(
    r"(?i)\b(?:sk|pk|key|api[_-]?key|token|bearer)[-_ :=]+[\w.*…-]{6,}|\bAIza[\w*-]{10,}|\bAQVN[\w*-]{10,}|\beyJ[\w.*-]{20,}"
)
#: classes of the HTTP clients beneath the SDKs: nothing was sent, so nothing can have been billed
_NOT_SENT = {
    "ConnectError", "ConnectTimeout", "PoolTimeout", "ClientConnectorError", "ClientConnectorDNSError",
    "ConnectionRefusedError", "gaierror", "UnsupportedProtocol", "ClientProxyConnectionError", "ProxyError",
}  # fmt: skip
_CUT = {"ServerDisconnectedError", "ClientPayloadError", "ReadError", "RemoteProtocolError", "ConnectionResetError"}
_TIMEOUTS = {"APITimeoutError", "ReadTimeout", "WriteTimeout", "TimeoutException", "TimeoutError", "ServerTimeoutError"}
_BROKEN = {
    "APIConnectionError", "ReadError", "WriteError", "RemoteProtocolError", "NetworkError", "ServerDisconnectedError",
    "ClientOSError", "ClientPayloadError", "ConnectionResetError", "IncompleteRead", "TransportError", "CloseError",
}  # fmt: skip
_QUOTA = re.compile(
    r"insufficient_quota|insufficient[_ ]funds|exceeded your current quota|credit balance|billing|payment required"
    r"|out of credits|monthly limit|trial key",
    re.IGNORECASE,
)
_TOO_LONG = re.compile(
    r"context[_ ]?(?:length|window|size)|maximum (?:context|prompt|input)|prompt is too long|too many (?:input )?tokens"
    r"|input token count|exceeds? .{0,40}context|too long",
    re.IGNORECASE,
)
_REFUSED = re.compile(
    r"content[_ ](?:policy|filter|management)|moderation|safety|blocked|harmful|responsible ?ai|prohibited_content",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    r"model.{0,80}(?:not found|does not exist|not exist|not supported|unknown)|model_not_found", re.IGNORECASE
)
_KEY = re.compile(r"api[_ ]key.{0,40}(?:not valid|invalid|incorrect|missing)|invalid.{0,20}api[_ ]?key", re.IGNORECASE)


@dataclass(eq=False)
class Failure(Exception):
    """One call that failed. ``doubtful``: it may have been billed. ``parameter``: what of the request was refused."""

    kind: Kind
    said: str
    retry_after: float | None = None
    doubtful: bool = False
    parameter: str | None = None

    def __str__(self) -> str:
        return f"{MARKS[self.kind]}{f': {self.said}' if self.said else ''}"


#: what a marked row says, before what the provider said
MARKS: dict[Kind, str] = {
    "key": "the key was refused", "model": "no such model", "quota": "the account's quota or money is used up",
    "rate": "too many requests", "network": "no connection", "server": "the provider failed",
    "timeout": "no answer in time", "refused": "the provider refused the content",
    "too_long": "the prompt is longer than the model's context", "request": "the provider refused the request",
}  # fmt: skip


def understood(error: BaseException, secret: str) -> Failure:
    """What ``error``, raised by any-llm or an SDK, means. ``secret`` is the key, which must not be quoted."""
    chain = list(_chain(error))
    status = next((s for e in chain if (s := _status(e)) is not None), None)
    said = _quote(chain, secret)
    whole = " ".join(f"{e} {getattr(e, 'code', '')} {getattr(e, 'body', '')}" for e in chain)
    wait = next((w for e in chain if (w := retry_after(e)) is not None), None)
    parameter = next((p for e in chain if isinstance(p := getattr(e, "param", None), str) and p), None)
    names = {kind.__name__ for e in chain for kind in type(e).__mro__}
    if status is None:
        return _without_status(names, said, whole)
    kind = _by_status(status, whole)
    return Failure(kind, "" if kind == "key" else said, wait, parameter=parameter)


def _without_status(names: set[str], said: str, whole: str) -> Failure:
    if "ClientOSError" in names and "ClientConnectorError" not in names:
        names |= {"ServerDisconnectedError"}  # a connection that was there and broke; httpx calls it a ConnectError
    if names & _NOT_SENT and not names & _CUT:
        return Failure("network", said)
    if names & _TIMEOUTS:
        return Failure("timeout", "", doubtful=True)
    if names & _BROKEN:
        return Failure("network", said, doubtful=True)
    if "ContentFilterError" in names:
        return Failure("refused", said)
    if "UnsupportedParameterError" in names or "NotImplementedError" in names:
        return Failure("request", said)
    if names & {"ValidationError", "DecodeError", "JSONDecodeError"} or "ProviderError" in names:
        return Failure("server", said, doubtful=True)
    return Failure("request", said, doubtful=bool(whole) and "InvalidRequestError" not in names)


def _by_status(status: int, whole: str) -> Kind:
    if status in (401, 403):
        return "key"
    if status == 402 or (status in (400, 403, 429) and _QUOTA.search(whole)):
        return "quota"
    if status == 429:
        return "rate"
    if status == 408:
        return "timeout"
    if status >= 500 or status < 400:
        return "server"
    if _KEY.search(whole):
        return "key"
    if status == 404 or _NO_MODEL.search(whole):
        return "model"
    if status == 413 or _TOO_LONG.search(whole):
        return "too_long"
    return "refused" if _REFUSED.search(whole) else "request"


def ending(failure: Failure, endpoint_name: str, host: str, variables: str) -> SizewiseError:
    """The error that ends the work, with what to do."""
    said = f" ({failure.said})" if failure.said else ""
    if failure.kind == "key":
        return ModelReferenceError(
            f"{host} refused the key for {endpoint_name}. Check the environment variable {variables}, "
            "and that the account may use this model."
        )
    if failure.kind == "model":
        return ModelReferenceError(f"{host} knows no model {endpoint_name.partition(':')[2]!r}{said}. Check its name.")
    if failure.kind == "quota":
        return LimitReached(
            f"{host}: the quota or the money of the account is used up{said}. What was answered is kept: "
            "top the account up and run the same command again."
        )
    if failure.kind == "rate":
        return LimitReached(
            f"{host} keeps saying that there are too many requests{said}. What was answered is kept: run the same "
            "command again later, or with a lower --concurrency or --per-minute."
        )
    if failure.kind == "network":
        return LimitReached(
            f"no connection to {host}{said}. What was answered is kept: check the network and the address, and run the "
            "same command again."
        )
    return LimitReached(
        f"one call after another fails at {host}: {failure}. What was answered is kept: run the same command again "
        "when the cause is gone."
    )


def retry_after(error: BaseException) -> float | None:
    """Seconds that the provider asks to wait: ``Retry-After`` (seconds or a date), ``retry-after-ms``, Google's ``retryDelay``."""
    for held in (error, getattr(error, "response", None)):
        headers: Any = getattr(held, "headers", None)
        if not callable(getattr(headers, "items", None)):
            continue
        lowered = {str(k).casefold(): v for k, v in dict(headers).items()}  # a plain dict minds the case
        if (ms := _number(lowered.get("retry-after-ms"))) is not None:
            return ms / 1_000
        if (value := lowered.get("retry-after")) is not None:
            return _number(value) if _number(value) is not None else _until(str(value))
    delay = re.search(r"retryDelay\W+(\d+(?:\.\d+)?)s", str(error))
    return float(delay[1]) if delay else None


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if 0 <= number < 1e9 else None


def _until(date: str) -> float | None:
    try:
        return max(0.0, email.utils.parsedate_to_datetime(date).timestamp() - time.time())
    except (TypeError, ValueError):
        return None


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """``error``, what it wraps, and what caused it."""
    seen: set[int] = set()
    queue = [error]
    while queue:
        one = queue.pop(0)
        if one is None or id(one) in seen or len(seen) > 12:
            continue
        seen.add(id(one))
        yield one
        queue += [getattr(one, "original_exception", None), one.__cause__, one.__context__]


def _status(error: BaseException) -> int | None:
    if any(kind.__name__ == "HttpProcessingError" for kind in type(error).__mro__):
        return None  # aiohttp's own word for an answer that broke off: the provider did not say it
    for held in (error, getattr(error, "response", None)):
        for name in ("status_code", "status", "code"):
            value = getattr(held, name, None)
            if isinstance(value, int) and not isinstance(value, bool) and 100 <= value < 600:
                return value
    return None


def _quote(chain: list[BaseException], secret: str) -> str:
    """What the provider said, on one line, short and without secrets."""
    for error in chain:
        body = getattr(error, "body", None) or getattr(error, "details", None)
        held = body.get("error", body) if isinstance(body, dict) else None
        message = held.get("message") if isinstance(held, dict) else held
        if isinstance(message, str) and message.strip():
            return clean(message, secret)
    return clean(str(chain[-1] if len(chain) == 1 else chain[min(1, len(chain) - 1)]), secret)


def clean(text: str, secret: str) -> str:
    """``text`` on one line, cut, without the key and what looks like one."""
    if len(secret) > 4:
        text = text.replace(secret, "…")
    line = " ".join(_SECRET.sub("…", text).split())
    return line if len(line) <= LONGEST_QUOTE else line[: LONGEST_QUOTE - 1] + "…"
