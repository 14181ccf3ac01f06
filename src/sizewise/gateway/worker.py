"""One worker: every part of the gateway put together from its settings, and run."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable

from sizewise.gateway.app import Gateway, build_app
from sizewise.gateway.parts import NoRecording, Recording
from sizewise.gateway.server import run
from sizewise.gateway.settings import Settings
from sizewise.gateway.upstream import Upstreams


def recorder(settings: Settings, notice: Callable[[str], None]) -> Recording:
    """What keeps the traffic, as the settings say; opened by the application."""
    if settings.store == "none":
        return NoRecording()
    from sizewise.gateway.recorder import Recorder
    from sizewise.store.traffic import open_traffic

    return Recorder(
        lambda: open_traffic(settings.store, durable=settings.durable), capacity=settings.queue, mask=settings.mask,
        on_full=settings.on_full, retention_days=settings.retention_days, notice=notice,
    )  # fmt: skip


def gateway(settings: Settings, notice: Callable[[str], None]) -> Gateway:
    """The application, with all that it needs."""
    return build_app(
        settings,
        recorder=recorder(settings, notice),
        upstreams=Upstreams(settings.upstreams, settings.limits, settings.ca),
    )


def work(settings: Settings, listener: socket.socket, ready: Callable[[], None]) -> signal.Signals | None:
    """Serve on ``listener`` until a signal says stop; which one it was."""
    from sizewise.gateway.logs import Log

    with Log() as log:
        return run(gateway(settings, lambda said: log.warning("store", said=said)), listener, ready)
