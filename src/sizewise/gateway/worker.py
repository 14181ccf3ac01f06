"""One worker: every part of the gateway put together from its settings, and run."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence

from sizewise.core.exchange import Exchange
from sizewise.gateway.accounts import Accounts
from sizewise.gateway.app import Gateway, build_app
from sizewise.gateway.logs import Log
from sizewise.gateway.metrics import Metrics
from sizewise.gateway.parts import NoRecording, Recording
from sizewise.gateway.server import run
from sizewise.gateway.settings import Settings
from sizewise.gateway.upstream import Upstreams


def recorder(
    settings: Settings, notice: Callable[[str], None], kept: Callable[[Sequence[Exchange]], None]
) -> Recording:
    """What keeps the traffic, as the settings say; opened by the application."""
    if settings.store == "none":
        return NoRecording()
    from sizewise.gateway.recorder import Recorder
    from sizewise.store.traffic import open_traffic

    return Recorder(
        lambda: open_traffic(settings.store, durable=settings.durable), capacity=settings.queue, mask=settings.mask,
        on_full=settings.on_full, retention_days=settings.retention_days, notice=notice, kept=kept,
    )  # fmt: skip


def gateway(settings: Settings, log: Log) -> Gateway:
    """The application, with all that it needs."""
    accounts = Accounts(Metrics(), log, capacity=settings.queue)
    accounts.around(recorder(settings, lambda said: log.warning("store", said=said), accounts.kept))
    app = build_app(
        settings, recorder=accounts, upstreams=Upstreams(settings.upstreams, settings.limits, settings.ca),
        routes=[accounts.page()], refused=accounts.refused, faulty=log.fault,
    )  # fmt: skip
    accounts.running = lambda: app.running
    return app


def work(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> signal.Signals | None:
    """Serve on ``listener`` until a signal says stop; which one it was."""
    with Log() as log:
        return run(gateway(settings, log), listener, ready)
