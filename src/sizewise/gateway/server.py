"""The process that listens: one socket, one worker or several, and an end without a dropped answer."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import signal
import socket
from collections.abc import Callable, Iterator

import uvicorn

from sizewise.core.errors import InputError
from sizewise.gateway.app import Gateway
from sizewise.gateway.settings import Settings

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def listening(settings: Settings) -> socket.socket:
    """A socket that listens where the settings say. Raises ``InputError`` where that cannot be."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((settings.host, settings.port))
        listener.listen(2048)
    except OSError as error:
        listener.close()
        raise InputError(
            f"cannot listen on {settings.host}:{settings.port} ({error.strerror or error}): "
            "choose another --port or --host, or end what listens there."
        ) from None
    return listener


class _Server(uvicorn.Server):
    """uvicorn's, with signals that end it quietly: each answer on its way is finished first."""

    def __init__(self, config: uvicorn.Config, ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._ready = ready
        self.received: signal.Signals | None = None

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        loop = asyncio.get_running_loop()
        for number in _STOPPING:
            if signal.getsignal(number) != signal.SIG_IGN:
                loop.add_signal_handler(number, self._stop, number)
        try:
            yield
        finally:
            for number in _STOPPING:
                loop.remove_signal_handler(number)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if not self.should_exit:
            self._ready()

    def _stop(self, number: signal.Signals) -> None:
        if self.received is not None and number == signal.SIGINT:
            self.force_exit = True
        self.received = self.received or number
        self.should_exit = True


def run(app: Gateway, listener: socket.socket, ready: Callable[[], None] = lambda: None) -> signal.Signals | None:
    """Serve until a signal says stop, finish what has begun, and say which signal it was."""
    limits = app.settings.limits
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app, loop="uvloop", http="httptools", ws="none", lifespan="on", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=75, backlog=2048,
        timeout_graceful_shutdown=int(limits.drain_seconds),
    )  # fmt: skip
    server = _Server(config, ready)
    server.run([listener])
    return server.received
