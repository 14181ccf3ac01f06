"""The operator's endpoint: what is served, what shadow mode has shown, and changing run or mode while serving.

``GET /sizewise/admin/tasks`` lists; ``POST /sizewise/admin/tasks/NAME`` with ``{"to": "live", "run": "/path", "force":
false}`` changes one task (``run`` may be left out; a name that is not served yet needs it). Without an own key only
this machine may ask, and only by an address of this machine, so that no web page can ask on a visitor's behalf.
"""

from __future__ import annotations

import hmac
import ipaddress
from pathlib import Path
from typing import Any, Literal

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sizewise.core.errors import InputError, SizewiseError
from sizewise.core.exchange import Mode
from sizewise.gateway.served_task import ServedTask
from sizewise.gateway.shadow import Agreement
from sizewise.gateway.tasks import Tasks

PATH, KEY_HEADER = "/sizewise/admin/tasks", "x-sizewise-key"
LONGEST_BODY = 65_536
Code = Literal["forbidden", "wrong_key", "invalid_request", "refused"]


class Promotion(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is asked for: a mode, and where another run is to serve, its folder on the server's machine."""

    to: Mode
    run: str | None = None
    force: bool = False


class TaskView(msgspec.Struct, frozen=True):
    """One task as the operator sees it."""

    task: str
    mode: Mode
    run: str
    run_id: str
    decision: str
    reference: str
    perimeter: str
    forced: bool
    waiting: int
    shadow: Agreement


class TaskList(msgspec.Struct, frozen=True):
    """All that is served by the worker that was asked."""

    tasks: list[TaskView]


class _Refused(Exception):
    def __init__(self, status: int, code: Code, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


def routes(tasks: Tasks, key: str | None) -> list[BaseRoute]:
    """The admin pages, for the application's own routes. ``key`` is the server's own key, where it has one."""

    async def listed(request: Request) -> Response:
        return await _answered(request, key, _list(tasks))

    async def changed(request: Request) -> Response:
        return await _answered(request, key, _change(tasks, request))

    return [Route(PATH, listed, methods=["GET"]), Route(PATH + "/{name:path}", changed, methods=["POST"])]


def view(task: ServedTask) -> TaskView:
    """What there is to say of one task."""
    return TaskView(
        task=task.name, mode=task.mode, run=str(task.run.folder.resolve()), run_id=task.run_id,
        decision=task.run.decision, reference=task.run.reference, perimeter=task.perimeter, forced=task.forced,
        waiting=task.batcher.depth, shadow=task.agreement,
    )  # fmt: skip


async def _list(tasks: Tasks) -> TaskList:
    return TaskList([view(task) for task in tasks])


async def _change(tasks: Tasks, request: Request) -> TaskView:
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise _Refused(415, "invalid_request", "the body must be application/json.")
    try:
        wanted = msgspec.json.decode(await _body(request), type=Promotion)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise _Refused(400, "invalid_request", f'not a promotion ({error}): for example {{"to": "live"}}.') from None
    folder = Path(wanted.run) if wanted.run is not None else None
    if folder is not None and ("\0" in str(folder) or not folder.is_absolute()):
        raise _Refused(
            400, "invalid_request", f"run = {wanted.run!r} must be an absolute path on the server's machine."
        )
    name = request.path_params["name"]
    return view(await tasks.promote(folder, wanted.to, task=name, force=wanted.force))


async def _body(request: Request) -> bytes:
    body = b""
    async for piece in request.stream():
        body += piece
        if len(body) > LONGEST_BODY:
            raise _Refused(413, "invalid_request", f"the body is longer than {LONGEST_BODY:,} bytes.")
    return body


async def _answered(request: Request, key: str | None, work: Any) -> Response:
    try:
        _admit(request, key)
        return _json(200, await work)
    except _Refused as refused:
        return _error(refused.status, refused.code, str(refused))
    except InputError as error:
        return _error(409, "refused", str(error))
    except SizewiseError as error:
        return _error(500, "refused", str(error))
    finally:
        work.close()


def _admit(request: Request, key: str | None) -> None:
    if key is not None:
        given = request.headers.get(KEY_HEADER, "")
        if not hmac.compare_digest(given.encode(), key.encode()):
            raise _Refused(401, "wrong_key", f"the header {KEY_HEADER} does not hold this server's key.")
        return
    client = request.client.host if request.client is not None else ""
    if not (_is_loopback(client) and _is_loopback(request.url.hostname or "")):
        raise _Refused(403, "forbidden", "without an own key, tasks are changed from this machine alone.")
    if "origin" in request.headers:
        raise _Refused(403, "forbidden", "a web page may not change what is served.")


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _json(status: int, value: Any) -> Response:
    return Response(msgspec.json.encode(value), status, media_type="application/json")


def _error(status: int, code: Code, message: str) -> Response:
    kind = "authentication_error" if status == 401 else "invalid_request_error" if status < 500 else "api_error"
    return _json(status, {"error": {"message": message, "type": kind, "param": None, "code": code}})
