"""The process that listens: one socket, one worker or several, and an end without a dropped answer."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import socket
from collections.abc import Callable, Iterator
from typing import Any

import uvicorn

from sizewise.core.errors import InputError, SizewiseError
from sizewise.gateway.app import Gateway
from sizewise.gateway.connection import Connection
from sizewise.gateway.settings import Settings

_STOPPING = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
#: thresholds of the garbage collector's three generations
_COLLECTING = (20_000, 10, 20)

#: seconds in which a client that is connected when the signal comes may still send its request
LAST_REQUESTS = 0.3


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
            _rest()
            self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let nobody in, and give those who are in a moment: a request that is on its way to us is answered too."""
        knocked = [listener.dup() for listener in sockets or []]
        for server in self.servers:
            server.close()
        for listener in sockets or []:
            listener.close()
        for listener in knocked:
            await self._let_in(listener)
        self.server_state.default_headers = [*self.server_state.default_headers, (b"connection", b"close")]
        if self.server_state.connections and not self.force_exit:
            await asyncio.sleep(LAST_REQUESTS)
        await super().shutdown(sockets)

    async def _let_in(self, listener: socket.socket) -> None:
        """Those whose connection the kernel has made already and nobody has taken yet; closing would reset them."""
        listener.setblocking(False)
        let_in = []
        with listener, contextlib.suppress(BlockingIOError, OSError):
            while True:
                let_in.append(listener.accept()[0])
        for connection in let_in:
            connection.setblocking(False)
            with contextlib.suppress(OSError):
                await asyncio.get_running_loop().connect_accepted_socket(self._protocol, connection)

    def _protocol(self) -> asyncio.Protocol:
        kind: Any = self.config.http_protocol_class
        made: asyncio.Protocol = kind(config=self.config, server_state=self.server_state, app_state=self.lifespan.state)
        return made

    def _stop(self, number: signal.Signals) -> None:
        if self.received is not None and number == signal.SIGINT:
            self.force_exit = True
        self.received = self.received or number
        self.should_exit = True


def _rest() -> None:
    """What lives as long as the process is not looked through again for garbage; requests make little of it."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*_COLLECTING)


def run(app: Gateway, listener: socket.socket, ready: Callable[[], None] = lambda: None) -> signal.Signals | None:
    """Serve until a signal says stop, finish what has begun, and say which signal it was.

    Raises what kept the application from beginning.
    """
    limits = app.settings.limits
    logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)
    config = uvicorn.Config(
        app, loop="uvloop", http=Connection, ws="none", lifespan="on", log_config=None, access_log=False,
        server_header=False, proxy_headers=False, timeout_keep_alive=75, backlog=2048,
        timeout_graceful_shutdown=int(limits.drain_seconds),
    )  # fmt: skip
    server = _Server(config, ready)
    try:
        server.run([listener])
    except SystemExit:
        raise app.fault or SizewiseError("the server could not begin") from None
    return server.received
