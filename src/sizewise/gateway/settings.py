"""All that `sizewise serve` takes, checked and resolved: nothing behind it reads an option or the environment again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from sizewise.core.task import Perimeter

MB = 1_000_000
DEFAULT_PORT, DEFAULT_STORE = 8321, "sqlite:///sizewise-traffic.db"


@dataclass(frozen=True, slots=True)
class UpstreamAddress:
    """One LLM's API: requests for models whose name begins with ``prefix`` go there ("" takes the rest)."""

    url: str
    prefix: str = ""
    key: str | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Limits:
    """What nobody may exceed; sizes in bytes, times in seconds.

    ``answer_seconds`` is for one whole answer, ``quiet_seconds`` for the time in which nothing comes of it,
    ``recorded_bytes`` for the request and the response each: what is longer passes and is recorded without its body.
    ``held_bytes`` is what all requests and answers on their way may take together: beyond it requests are refused, and
    answers pass and are recorded without their bodies.
    """

    body_bytes: int = 100 * MB
    recorded_bytes: int = 16 * MB
    held_bytes: int = 512 * MB
    concurrency: int = 1_000
    body_seconds: float = 120
    connect_seconds: float = 10
    answer_seconds: float = 600
    quiet_seconds: float = 300
    drain_seconds: float = 30


@dataclass(frozen=True, slots=True)
class Settings:
    """Where to listen, where to pass on, what to keep."""

    upstreams: tuple[UpstreamAddress, ...] = ()
    runs: tuple[str, ...] = ()
    by_name: tuple[str, ...] = ()
    host: str = "127.0.0.1"
    port: int = DEFAULT_PORT
    store: str = DEFAULT_STORE
    durable: Literal["process", "power"] = "process"
    on_full: Literal["serve", "refuse"] = "serve"
    on_upstream_failure: Literal["error", "specialist"] = "error"
    mask: bool = False
    retention_days: int | None = 90
    key: str | None = field(default=None, repr=False)
    perimeter: Perimeter = "open"
    ca: str | None = None
    workers: int = 1
    queue: int = 10_000
    locks: str | None = None  # a folder in which several workers agree on who answers a retried request
    limits: Limits = Limits()

    @property
    def authorization_is_ours(self) -> bool:
        """Whether the client's own ``Authorization`` stays here: upstream gets a key of its own."""
        return any(upstream.key is not None for upstream in self.upstreams)
