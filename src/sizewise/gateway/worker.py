"""One worker: every part of the gateway put together from its settings, and run."""

from __future__ import annotations

import signal
import socket
from collections.abc import Callable, Sequence
from pathlib import Path

from sizewise.core.exchange import Exchange
from sizewise.gateway import admin
from sizewise.gateway.accounts import Accounts
from sizewise.gateway.app import Gateway
from sizewise.gateway.explain import introduced
from sizewise.gateway.logs import Log
from sizewise.gateway.metrics import Metrics
from sizewise.gateway.parts import NoRecording, Recording
from sizewise.gateway.served_task import OpenRun
from sizewise.gateway.server import run
from sizewise.gateway.settings import Settings
from sizewise.gateway.state import state_folder
from sizewise.gateway.tasks import Tasks
from sizewise.gateway.upstream import Upstreams
from sizewise.gateway.wire.reading import filled


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
        on_full=settings.on_full, retention_days=settings.retention_days, notice=notice, kept=kept, complete=filled,
    )  # fmt: skip


def gateway(settings: Settings, log: Log, open_run: OpenRun) -> Gateway:
    """The application, with all that it needs. Raises ``InputError`` where a run cannot be served."""
    tasks = Tasks(
        open_run, state_folder(settings.store), named_only=settings.by_name,
        notice=lambda said: log.info("tasks", said=said),
    )  # fmt: skip
    tasks.open([Path(run) for run in settings.runs])
    accounts = Accounts(Metrics(), log, tasks=tasks, capacity=settings.queue)
    accounts.around(recorder(settings, lambda said: log.warning("store", said=said), accounts.kept))
    app = Gateway(
        settings, recorder=accounts, upstreams=Upstreams(settings.upstreams, settings.limits, settings.ca),
        tasks=tasks, routes=[accounts.page(), *admin.routes(tasks, settings.key)], refused=accounts.refused,
        faulty=log.fault,
    )  # fmt: skip
    accounts.running = lambda: app.running
    return app


def introduction(app: Gateway) -> list[str]:
    """What to say of the tasks that are served: mode, how their requests are known, what is cut out of them."""
    lines = []
    for task in app.tasks:
        first, *rest = introduced(task.run, task.name in app.settings.by_name)
        is_closed = "closed" in (task.perimeter, app.settings.perimeter)
        mode = "live, nothing leaves" if is_closed else task.mode
        lines += [f"task {first}", f"  mode {mode}, run {task.run.folder}", *rest]
    return lines


def work(
    settings: Settings, listener: socket.socket, open_run: OpenRun, ready: Callable[[Gateway], None]
) -> signal.Signals | None:
    """Serve on ``listener`` until a signal says stop; which one it was."""
    with Log() as log:
        app = gateway(settings, log, open_run)
        return run(app, listener, lambda: ready(app))
