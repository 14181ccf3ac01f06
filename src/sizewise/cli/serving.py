"""What `sizewise serve` is told of its upstreams, and what it says of itself before it begins."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sizewise.cli.terminal_text import plain
from sizewise.core.errors import InputError

if TYPE_CHECKING:
    from sizewise.gateway.served_task import ServedRun
    from sizewise.gateway.settings import Settings, UpstreamAddress


def upstreams(addresses: Sequence[str], keys: Sequence[str]) -> tuple[UpstreamAddress, ...]:
    """The upstreams with their keys. Raises ``InputError`` where two have one prefix or a key belongs to none."""
    from sizewise.gateway.keys import key_from
    from sizewise.gateway.settings import UpstreamAddress

    variables = dict(_split(one) for one in keys)
    found: dict[str, UpstreamAddress] = {}
    for one in addresses:
        prefix, url = _split(one)
        if prefix in found:
            which = f"models named {prefix}…" if prefix else "all other models"
            raise InputError(f"--upstream {url}: there is an upstream for {which} already; write PREFIX=URL.")
        variable = variables.get(prefix, variables.get(""))
        found[prefix] = UpstreamAddress(url, prefix, key_from(variable, "--upstream-key-env"))
    for prefix, variable in variables.items():
        if prefix and prefix not in found:
            raise InputError(f"--upstream-key-env {prefix}={variable}: no --upstream has that prefix.")
    if variables and not found:
        raise InputError("--upstream-key-env needs an --upstream that the key is for.")
    return tuple(found.values())


def open_run(folder: Path) -> ServedRun:
    """A finished run, opened for serving. What opening needs is loaded only where there is a run."""
    from sizewise.served import open_served

    return open_served(folder)


def _split(option: str) -> tuple[str, str]:
    """``PREFIX=REST``; an address may hold an equals sign of its own."""
    prefix, equals, rest = option.partition("=")
    return (prefix, rest) if equals and "://" not in prefix else ("", option)


def introduce(settings: Settings, port: int, tasks: Sequence[str]) -> None:
    """Say where it listens, where requests go, what is kept, and what is answered here."""
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    limits = settings.limits
    workers = f" with {settings.workers} workers" if settings.workers > 1 else ""
    lines = [
        f"listening on http://{host}:{port}/v1{workers}",
        *(_upstream(one, len(settings.upstreams) > 1) for one in settings.upstreams),
        _recording(settings),
        f"limits: {limits.body_bytes / 1e6:g} MB a request, {limits.concurrency:,} at once, {limits.answer_seconds:g} s an "
        f"answer, {limits.quiet_seconds:g} s of silence; bodies over {limits.recorded_bytes / 1e6:g} MB pass unrecorded",
    ]
    if not settings.upstreams:
        lines.insert(1, "no upstream: what no task answers is refused")
    if settings.perimeter == "closed":
        lines.insert(1, "perimeter closed: nothing leaves, unsure answers are abstentions")
    for line in [*lines, *(tasks or ["no run is served: the traffic passes and is recorded"])]:
        typer.echo(plain(line), err=True)


def _upstream(one: UpstreamAddress, several: bool) -> str:
    models = (f" for models named {one.prefix}…" if one.prefix else " for all other models") if several else ""
    key = "a key of its own" if one.key is not None else "the client's own key"
    return f"upstream {one.url}{models}, with {key}"


def _recording(settings: Settings) -> str:
    if settings.store == "none":
        return "nothing is recorded"
    where = re.sub(r"//[^/@]*@", "//", settings.store)  # a database's address may hold a password
    kept = f"kept {settings.retention_days} days" if settings.retention_days else "kept until they are deleted"
    masked = ", personal data masked" if settings.mask else ""
    full = "requests are refused" if settings.on_full == "refuse" else "answers go on"
    return f"recording to {where}, {kept}{masked}; while that fails {full}"
