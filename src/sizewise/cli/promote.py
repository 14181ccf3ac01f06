"""``sizewise promote``: let a run answer, or take it back, while serving."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from sizewise.gateway.shadow import Agreement, Share

DEFAULT_SERVER = "http://127.0.0.1:8321"
PATIENCE = 120.0  # seconds: a run is loaded beside the one that serves


class ModeOption(StrEnum):
    """What a task's run may do."""

    capture = "capture"
    shadow = "shadow"
    live = "live"


def promote(
    run: Annotated[Path, typer.Argument(help="A finished run's folder, on the machine of the server.")],
    to: Annotated[
        ModeOption, typer.Option("--to", help="capture: record only; shadow: compare; live: answer where it is sure.")
    ] = ModeOption.live,
    server: Annotated[
        str | None,
        typer.Option("--server", help=f"The running server's address; {DEFAULT_SERVER} where none is named."),
    ] = None,
    store: Annotated[
        str | None,
        typer.Option(
            "--store", help="Change the state beside this store instead: servers on it follow within a second."
        ),
    ] = None,
    key_env: Annotated[
        str | None, typer.Option("--key-env", help="Variable that holds the server's own key, where it has one.")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also against the verdict, or against what shadow mode has shown.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print what came of it as JSON.")] = False,
) -> None:
    """Serve RUN in another mode, or in the place of another run, without a dropped request."""
    from sizewise.core.errors import InputError

    if server is not None and store is not None:
        raise InputError("--server and --store are two ways to the same server: name one of them.")
    where = _Beside(store) if store is not None else _Server(server or DEFAULT_SERVER, key_env)
    shown = where.shown(run)
    if not as_json:
        typer.echo(_told(shown))
    if to is ModeOption.live and shown is not None and shown.support == "contradicted" and not force:
        raise InputError(
            f"{run} is not served live: shadow mode contradicts its target (see above). --force serves it all the same."
        )
    promoted = where.promote(run, to.value, force)
    if as_json:
        import msgspec

        typer.echo(msgspec.json.encode(promoted).decode())
    else:
        typer.echo(f"{promoted['task']} is served by {promoted['run']} in mode {promoted['mode']}.")


class _Server:
    """A running server, by its admin endpoint."""

    def __init__(self, address: str, key_env: str | None) -> None:
        from sizewise.core.errors import InputError

        if not address.startswith(("http://", "https://")):
            raise InputError(f"--server {address} is no address. Write for example {DEFAULT_SERVER}.")
        self._address = address.rstrip("/").removesuffix("/v1")
        self._key = os.environ.get(key_env) if key_env else None
        if key_env and not self._key:
            raise InputError(f"--key-env {key_env}: that variable is empty or not set.")

    def shown(self, run: Path) -> Agreement | None:
        """What shadow mode has shown of this very run."""
        import msgspec

        from sizewise.gateway.admin import PATH, TaskList
        from sizewise.store.run_folder import read_record

        run_id = read_record(run).verdict.run_id
        served = msgspec.json.decode(self._ask("GET", PATH), type=TaskList)
        return next((task.shadow for task in served.tasks if task.run_id == run_id), None)

    def promote(self, run: Path, to: str, force: bool) -> dict[str, Any]:
        import json
        from urllib.parse import quote

        from sizewise.gateway.admin import PATH
        from sizewise.store.run_folder import read_record

        name = read_record(run).verdict.task
        body = json.dumps({"to": to, "run": str(run.resolve()), "force": force}).encode()
        return dict(json.loads(self._ask("POST", f"{PATH}/{quote(name, safe='')}", body)))

    def _ask(self, method: str, path: str, body: bytes | None = None) -> bytes:
        import json
        from urllib.error import HTTPError, URLError
        from urllib.request import ProxyHandler, Request, build_opener

        from sizewise.core.errors import InputError
        from sizewise.gateway.admin import KEY_HEADER

        headers = {"content-type": "application/json"} | ({KEY_HEADER: self._key} if self._key else {})
        asked = Request(self._address + path, body, headers, method=method)  # noqa: S310 its scheme was checked
        try:
            with build_opener(ProxyHandler({})).open(asked, timeout=PATIENCE) as answer:
                return bytes(answer.read())
        except HTTPError as error:
            try:
                said = json.loads(error.read())["error"]["message"]
            except (ValueError, LookupError, TypeError, OSError):
                said = f"it answered {error.code}"
            raise InputError(f"{self._address} refused: {said}") from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            raise InputError(
                f"no server answers at {self._address} ({reason}). Name it with --server, or change the state of one "
                "that does not run with --store."
            ) from None


class _Beside:
    """The state file beside a store, whether or not a server runs."""

    def __init__(self, store: str) -> None:
        from sizewise.core.errors import InputError
        from sizewise.gateway.state import state_folder

        folder = state_folder(store)
        if folder is None:
            raise InputError("--store none keeps no state: name the store of the server, or --server.")
        if not folder.is_dir():
            raise InputError(f"{folder} is no folder: --store names the store that the server records into.")
        self._folder = folder

    def shown(self, run: Path) -> Agreement | None:
        from sizewise.gateway.shadow import agreement
        from sizewise.gateway.state import TALLIES_NAME, StateFile, Tallies, Tally
        from sizewise.served import open_served

        opened = open_served(run)
        tallies = StateFile(self._folder / TALLIES_NAME, Tallies).read()
        return agreement(tallies.runs.get(opened.run_id, Tally()), opened.target, opened.delta)

    def promote(self, run: Path, to: Any, force: bool) -> dict[str, Any]:
        from sizewise.gateway.recognition import Recognition
        from sizewise.gateway.state import STATE_NAME, State, StateFile
        from sizewise.gateway.tasks import noted, require_servable
        from sizewise.served import open_served
        from sizewise.store.run_folder import read_form

        opened = open_served(run)
        require_servable(opened, to, force)
        file = StateFile(self._folder / STATE_NAME, State)
        others = {name: task for name, task in file.read().tasks.items() if name != opened.task}
        Recognition(
            {name: read_form(Path(task.run) / "specialist") for name, task in others.items()}
            | {opened.task: opened.form}
        )
        task = file.update(noted(opened, to)).tasks[opened.task]
        return {"task": opened.task, "run": task.run, "run_id": task.run_id, "mode": task.mode, "forced": task.forced}


def _told(shown: Agreement | None) -> str:
    """What shadow mode has shown of the run, in a few lines."""
    if shown is None or not shown.overall.n:
        return "Shadow mode has compared nothing of this run yet."
    lines = [
        f"In shadow mode, over {shown.overall.n:,} requests (each interval holds however often one looks):",
        f"  same as the large model        {_share(shown.overall)}",
        f"  it would have answered         {_share(shown.coverage)}",
        f"  of those, same                 {_share(shown.answered)}",
        f"  all traffic, answered as by it {_share(shown.system)}",
    ]
    verdict = {
        "supported": f"That supports the run's target of {shown.target}.",
        "contradicted": f"That contradicts the run's target of {shown.target}.",
        "undecided": f"That neither supports nor contradicts the run's target of {shown.target} yet.",
        "not about the LLM": "The run was held against gold: agreement with the large model does not tell its target.",
        "nothing compared": "",
    }
    return "\n".join([*lines, verdict[shown.support]])


def _share(share: Share) -> str:
    if share.value is None:
        return "nothing yet"
    return f"{share.value:.1%} ({share.low:.1%} to {share.high:.1%}, n = {share.n:,})"
