"""The gateway's own key: who may use it, and where that may be left open."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Sequence
from hmac import compare_digest

from sizewise.core.errors import InputError
from sizewise.gateway.settings import Settings

#: a key that can be guessed is none
SHORTEST = 16


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach ``host``.

    >>> [is_loopback(host) for host in ("127.0.0.1", "::1", "localhost", "0.0.0.0", "", "gateway.example")]
    [True, True, True, False, False, False]
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def key_from(variable: str | None, option: str = "--key-env") -> str | None:
    """The key that an environment variable holds. Raises ``InputError`` where it holds none or one that is no header."""
    if variable is None:
        return None
    key = os.environ.get(variable, "").strip()
    if not key:
        raise InputError(f"{option} {variable}: that variable is empty or not set.")
    if not key.isascii() or not key.isprintable():
        raise InputError(f"{option} {variable}: a key holds printable ASCII characters alone.")
    return key


def require_key(settings: Settings) -> None:
    """Raise ``InputError`` where strangers could use the gateway, or a key of it could be guessed."""
    if settings.key is not None and len(settings.key) < SHORTEST:
        raise InputError(f"--key-env: a key of {len(settings.key)} characters can be guessed; take {SHORTEST} or more.")
    if settings.key is None and not is_loopback(settings.host):
        raise InputError(
            f"--host {settings.host or '(all)'}: others could reach the gateway there. Put a key of at least {SHORTEST} "
            "characters into an environment variable and name it with --key-env; clients send it as x-sizewise-key."
        )


class Door:
    """Lets a request in by the gateway's own key; without one by where it comes from."""

    def __init__(self, settings: Settings) -> None:
        self._key = None if settings.key is None else settings.key.encode()
        names = [b"x-sizewise-key"]
        if settings.authorization_is_ours:
            names += [b"authorization", b"x-api-key", b"api-key"]
        self._names = frozenset(names)

    def refuses(self, headers: Sequence[tuple[bytes, bytes]]) -> str | None:
        """Why this request is not let in, ``None`` where it is."""
        if self._key is None:
            return _from_a_page(headers)
        right = False
        for name, value in headers:
            if name in self._names:
                shown = value[7:] if name == b"authorization" and value[:7].lower() == b"bearer " else value
                right |= compare_digest(shown.strip(), self._key)
        return None if right else "the key of this gateway is missing or wrong"


def _from_a_page(headers: Sequence[tuple[bytes, bytes]]) -> str | None:
    """A page of another site, open in a browser on this machine, reaches loopback too: it must not spend our key."""
    for name, value in headers:
        if name == b"origin":
            host = (
                value.decode("latin-1").partition("://")[2].rpartition(":")[0]
                or value.decode("latin-1").partition("://")[2]
            )
            if not is_loopback(host):
                return "pages of other sites are not served; set a key with --key-env and send it as x-sizewise-key"
    return None
