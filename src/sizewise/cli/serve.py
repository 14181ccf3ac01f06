"""``sizewise serve``: the gateway between an application and its LLM."""

from __future__ import annotations

import signal
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class Durable(StrEnum):
    """What a recorded exchange survives."""

    process = "process"
    power = "power"


class OnFull(StrEnum):
    """What happens to requests while the traffic cannot be recorded."""

    serve = "serve"
    refuse = "refuse"


class OnFailure(StrEnum):
    """Who answers an unsure request while upstream does not."""

    error = "error"
    specialist = "specialist"


class Walls(StrEnum):
    """Whether anything may leave."""

    open = "open"
    closed = "closed"


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
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 8321,
    key_env: Annotated[
        str | None, typer.Option("--key-env", help="Variable that holds the gateway's own key, sent as x-sizewise-key.")
    ] = None,
    store: Annotated[
        str, typer.Option("--store", help="Where to record: sqlite:///PATH, postgresql+psycopg://…, or none.")
    ] = "sqlite:///sizewise-traffic.db",
    retention_days: Annotated[
        int, typer.Option("--retention-days", min=0, help="Delete records after so many days; 0 keeps them.")
    ] = 90,
    mask: Annotated[bool, typer.Option("--mask", help="Remove personal data before it is recorded.")] = False,
    durable: Annotated[Durable, typer.Option("--durable", help="What a record survives.")] = Durable.process,
    on_full: Annotated[
        OnFull, typer.Option("--on-full", help="While nothing can be recorded: serve and count, or refuse.")
    ] = OnFull.serve,
    on_upstream_failure: Annotated[
        OnFailure, typer.Option("--on-upstream-failure", help="Who answers where upstream fails and nobody is sure.")
    ] = OnFailure.error,
    perimeter: Annotated[
        Walls, typer.Option("--perimeter", help="closed: nothing leaves, whatever the runs say.")
    ] = Walls.open,
    by_name: Annotated[
        list[str] | None,
        typer.Option("--by-name", help="A task whose requests are known by name or header alone. Repeatable."),
    ] = None,
    workers: Annotated[int, typer.Option("--workers", min=1, max=256, help="Processes that answer.")] = 1,
    max_body_mb: Annotated[float, typer.Option("--max-body-mb", min=0.001, help="Longest request, in MB.")] = 100,
    max_concurrency: Annotated[
        int, typer.Option("--max-concurrency", min=1, help="Requests at once, a worker.")
    ] = 1000,
    timeout: Annotated[float, typer.Option("--timeout", min=0.1, help="Seconds that a whole answer may take.")] = 600,
    quiet_timeout: Annotated[
        float, typer.Option("--quiet-timeout", min=0.1, help="Seconds in which upstream may send nothing.")
    ] = 300,
    drain: Annotated[
        float, typer.Option("--drain", min=0, help="Seconds to finish answers in when told to stop.")
    ] = 30,
    ca: Annotated[
        Path | None, typer.Option("--ca", help="Certificates to trust, PEM; SSL_CERT_FILE is honoured too.")
    ] = None,
    explain: Annotated[
        Path | None,
        typer.Option("--explain", help="Say what would become of the request in this file, and serve nothing."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="With --explain: print it as JSON.")] = False,
) -> None:
    """Stand between an application and its LLM: record the traffic, answer where a small model is sure."""
    if explain is not None:
        from sizewise.cli.explain import explain as explain_request

        explain_request(explain, runs or [], store, by_name or [], as_json=as_json)
        return
    from sizewise.cli.serving import introduce, open_run, upstreams
    from sizewise.gateway.keys import key_from, require_key
    from sizewise.gateway.server import listening
    from sizewise.gateway.settings import MB, Limits, Settings
    from sizewise.gateway.upstream import certificates
    from sizewise.gateway.worker import introduction, work
    from sizewise.gateway.workers import supervise

    settings = Settings(
        upstreams=upstreams(upstream or [], upstream_key_env or []), runs=tuple(map(str, runs or [])),
        by_name=tuple(by_name or ()), host=host, port=port, store=store, durable=durable.value, on_full=on_full.value,
        on_upstream_failure=on_upstream_failure.value, mask=mask, retention_days=retention_days or None,
        key=key_from(key_env), perimeter=perimeter.value, ca=certificates(ca), workers=workers,
        limits=Limits(
            body_bytes=int(max_body_mb * MB), concurrency=max_concurrency, answer_seconds=timeout,
            quiet_seconds=quiet_timeout, drain_seconds=drain,
        ),
    )  # fmt: skip
    require_key(settings)
    with listening(settings) as listener:
        own_port = listener.getsockname()[1]
        if workers == 1:
            received = work(settings, listener, open_run, lambda app: introduce(settings, own_port, introduction(app)))
        else:
            received = supervise(settings, listener, open_run, lambda said: introduce(settings, own_port, said))
    if received == signal.SIGINT:
        raise KeyboardInterrupt
