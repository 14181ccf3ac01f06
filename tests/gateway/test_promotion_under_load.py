"""A real server with two workers, under load, while its task's run and mode change: nobody is dropped, all follow."""

from __future__ import annotations

import json
import threading
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from typer.testing import CliRunner

from sizewise.cli.main import app

from .chat_logs import messages
from .scripted_upstream import ScriptedUpstream
from .whole_server import Served, serving

CLIENTS = 6


class Load:
    """Clients that ask one after another until the block ends; ``seen`` counts (status, route, run)."""

    def __init__(self, server: Served) -> None:
        self._server, self._done = server, threading.Event()
        self.seen: Counter[tuple[int, str, str]] = Counter()
        self.failed: list[str] = []
        self._threads = [threading.Thread(target=self._ask) for _ in range(CLIENTS)]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        for thread in self._threads:
            thread.join()

    def _ask(self) -> None:
        body = {"model": "gpt-4o-mini", "messages": messages("please help: верните деньги lamp today book")}
        while not self._done.is_set():
            try:
                status, headers, _ = self._server.post(body)
                self.seen[status, headers["x-sizewise-route"], headers["x-sizewise-run"]] += 1
            except (OSError, KeyError) as error:
                self.failed.append(repr(error))

    def until(self, route: str, run: str, seconds: float = 20) -> None:
        """Wait until all that is answered now comes by this route and run, from every worker."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.seen.clear()
            time.sleep(0.5)
            if self.seen and set(self.seen) == {(200, route, run)}:
                return
        raise AssertionError(f"still {dict(self.seen)}, {self.failed[:3]}")


def _renamed(run: Path, to: str) -> str:
    """Give a copied run another identity, as one made anew would have."""
    before = str(json.loads((run / "state.json").read_text(encoding="utf-8"))["run_id"])
    for file in (run / "state.json", run / "verdict.json", run / "specialist" / "manifest.json"):
        file.write_text(file.read_text(encoding="utf-8").replace(before, to), encoding="utf-8")
    return before


def test_runs_and_modes_change_under_load(
    run_of: Callable[[str], Path], copied: Callable[[str], Path], tmp_path: Path
) -> None:
    newer = copied("shop")
    old_id, new_id = _renamed(newer, "7" * 32), "7" * 32
    broken = tmp_path / "broken"
    store = f"sqlite:///{tmp_path / 'traffic.db'}"
    with ScriptedUpstream(says=lambda _: "refund") as upstream:
        with (
            serving(tmp_path, str(run_of("shop")), "--workers", "2", upstream=upstream.url) as server,
            Load(server) as load,
        ):
            load.until("large", old_id)  # it begins in shadow mode
            assert server.post({"to": "live"}, "/sizewise/admin/tasks/shop")[0] == 200
            load.until("small", old_id)
            broken.mkdir()
            assert server.post({"to": "live", "run": str(broken)}, "/sizewise/admin/tasks/shop")[0] == 409
            load.until("small", old_id)
            promoted = CliRunner().invoke(app, ["promote", str(newer), "--store", store])
            assert promoted.exit_code == 0, promoted.output
            load.until("small", new_id)
            assert not load.failed
        with serving(tmp_path, str(run_of("shop")), upstream=upstream.url) as server:
            _, headers, _ = server.post(
                {"model": "x", "messages": messages("please help: верните деньги lamp today book")}
            )
            assert (headers["x-sizewise-route"], headers["x-sizewise-run"]) == ("small", new_id)
            listed = json.loads(server.get("/sizewise/admin/tasks")[1])["tasks"]
            assert [(task["mode"], task["run"]) for task in listed] == [("live", str(newer.resolve()))]
    tallies = json.loads((tmp_path / "sizewise-shadow.json").read_text(encoding="utf-8"))["runs"]
    assert tallies[old_id]["compared"] == tallies[old_id]["agreed"] > 0
