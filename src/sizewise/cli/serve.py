"""``sizewise serve``: the gateway between an application and its LLM."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sizewise.core.errors import InputError

if TYPE_CHECKING:
    from sizewise.gateway.settings import Settings, UpstreamAddress


def serve(
    runs: Annotated[list[Path] | None, typer.Argument(help="Finished runs whose models answer.")] = None,
    upstream: Annotated[
        list[str] | None,
        typer.Option("--upstream", help="Base address of the LLM's API; PREFIX=URL for models named so. Repeatable."),
    ] = None,
    upstream_key_env: Annotated[
        list[str] | None,
        typer.Option(
            "--upstream-key-env", help="Variable that holds upstream's key; PREFIX=NAME. Else the client's goes on."
        ),
    ] = None,
    host: Annotated[
        str, typer.Option("--host", help="Address to listen on; other than loopback needs --key-env.")
    ] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="Port to listen on; 0 takes a free one.")
    ] = 8321,
    store: Annotated[
        str,
        typer.Option("--store", help="Where the traffic is recorded: sqlite:///PATH, postgresql+psycopg://…, or none."),
    ] = "sqlite:///sizewise-traffic.db",
) -> None:
    """Stand between an application and its LLM: record the traffic, answer where a small model is sure."""
    from sizewise.gateway.server import listening
    from sizewise.gateway.settings import Settings
    from sizewise.gateway.worker import work

    settings = Settings(upstreams=_upstreams(upstream or [], upstream_key_env or []), host=host, port=port, store=store)
    if runs:
        raise InputError(f"{runs[0]}: runs are not served yet; leave them out to record the traffic.")
    listener = listening(settings)
    received = work(settings, listener, lambda: _say(settings, listener.getsockname()[1]))
    if received == signal.SIGINT:
        raise KeyboardInterrupt


def _upstreams(addresses: list[str], keys: list[str]) -> tuple[UpstreamAddress, ...]:
    from sizewise.gateway.settings import UpstreamAddress

    named = dict(_split(one) for one in keys)
    found = []
    for one in addresses:
        prefix, url = _split(one)
        variable = named.get(prefix, named.get(""))
        key = os.environ.get(variable) if variable else None
        if variable and not key:
            raise InputError(f"--upstream-key-env {variable}: that variable is empty or not set.")
        found.append(UpstreamAddress(url, prefix, key))
    return tuple(found)


def _split(option: str) -> tuple[str, str]:
    """``PREFIX=REST``; an address may hold an equals sign of its own after its scheme."""
    prefix, equals, rest = option.partition("=")
    return (prefix, rest) if equals and "://" not in prefix else ("", option)


def _say(settings: Settings, port: int) -> None:
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    typer.echo(f"listening on http://{host}:{port}/v1", err=True)
    for one in settings.upstreams:
        typer.echo(
            f"upstream {one.prefix or 'for all other models' if len(settings.upstreams) > 1 else ''} {one.url}",
            err=True,
        )
