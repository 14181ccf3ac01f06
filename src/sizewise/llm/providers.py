"""``provider:model`` and who answers to it: the client, the address, the environment variables of the key."""

from __future__ import annotations

import datetime as dt
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Literal
from urllib.parse import urlsplit

from sizewise.core.errors import ModelReferenceError

ClientName = Literal["openai", "anthropic", "cohere", "gemini"]


@dataclass(frozen=True, slots=True)
class Provider:
    """One entry of ``providers.toml``; ``key`` says whether a key must be there, ``limit`` how the limit of an answer is called, ``echoes`` whether answers name their model."""

    name: str
    title: str
    client: ClientName
    keys: tuple[str, ...]
    base_url: str
    source: str
    seen: dt.date
    key: bool = True
    limit: str = "max_tokens"
    echoes: bool = False
    batches: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A model where it is reached. The key is no part of it: it is read from the environment when a client is made."""

    provider: Provider
    model: str
    base_url: str

    @property
    def name(self) -> str:
        return f"{self.provider.name}:{self.model}"

    @property
    def host(self) -> str:
        return urlsplit(self.base_url).netloc

    @property
    def is_local(self) -> bool:
        """Whether the address is this machine's own."""
        return urlsplit(self.base_url).hostname in ("localhost", "127.0.0.1", "::1")


@cache
def providers() -> Mapping[str, Provider]:
    """Every provider by its name."""
    read = tomllib.loads(files("sizewise.llm").joinpath("providers.toml").read_text(encoding="utf-8"))
    return {name: Provider(name=name, **{**entry, "keys": tuple(entry["keys"])}) for name, entry in read.items()}


def endpoint(reference: str, base_url: str | None = None) -> Endpoint:
    """The endpoint that ``provider:model`` names. Raises ``ModelReferenceError`` where it names none.

    >>> endpoint("openai:gpt-4o").host
    'api.openai.com'
    """
    name, colon, model = reference.partition(":")
    provider = providers().get(name.strip().casefold())
    if provider is None or not colon or not model.strip():
        raise ModelReferenceError(
            f"{reference!r} names no model behind an API: write provider:model, for example openai:gpt-4o. "
            f"Providers: {', '.join(providers())}."
        )
    address = (base_url or provider.base_url).strip()
    if "<" in address:
        raise ModelReferenceError(f"{reference}: give the address with --base-url, for example {provider.base_url}.")
    parts = _split(address)
    if parts is None or parts.username or parts.password:
        raise ModelReferenceError(
            f"--base-url must be an address like https://host/v1, without a name or a password in it; the key of "
            f"{provider.name} is read from {' or '.join(provider.keys)}."
        )
    return Endpoint(provider, model.strip(), address)


def is_remote(reference: str) -> bool:
    """Whether ``reference`` names a provider of the table (a local reference begins with hf:, pypi: or file:)."""
    return reference.partition(":")[0].strip().casefold() in providers()


def key_of(provider: Provider) -> str:
    """The key, from the environment alone. Raises ``ModelReferenceError`` that names the variables where there is none."""
    for variable in provider.keys:
        if value := os.environ.get(variable, "").strip():
            return value
    if provider.key:
        raise ModelReferenceError(
            f"no key for {provider.name}: set the environment variable {' or '.join(provider.keys)}. "
            "Keys are read from the environment only, and are never stored or shown."
        )
    return "none"


def _split(address: str):  # type: ignore[no-untyped-def]
    try:
        parts = urlsplit(address)
        _ = parts.port
    except ValueError:
        return None
    return parts if parts.scheme in ("http", "https") and parts.hostname else None
