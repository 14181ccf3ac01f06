"""The real server, started as a person starts it, in a process of its own."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from sizewise.core.exchange import Exchange
from sizewise.store.traffic.store import open_traffic

KEY = "sk-client-0123456789abcdef-C0FFEE"
LISTENING = re.compile(r"listening on (http://[^/\s]+)")


@dataclass
class Served:
    """A running server. ``folder`` is where it was started, ``log`` what it has said so far."""

    url: str
    process: subprocess.Popen[bytes]
    folder: Path
    store: Path

    @property
    def log(self) -> str:
        return (self.folder / "serve.log").read_text(encoding="utf-8", errors="replace")

    def log_lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """The lines that are JSON objects, those of one event where it is named."""
        found = [json.loads(line) for line in self.log.splitlines() if line.startswith("{")]
        return [line for line in found if event is None or line.get("event") == event]

    def get(self, path: str, **headers: str) -> tuple[int, bytes]:
        request = urllib.request.Request(self.url + path, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.read()

    def post(
        self, body: Mapping[str, Any] | bytes, path: str = "/v1/chat/completions", timeout: float = 30, **headers: str
    ) -> tuple[int, Mapping[str, str], bytes]:
        """Status, headers in lower case, body; raises what urllib raises where the answer breaks off."""
        data = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        head = {"content-type": "application/json", "authorization": f"Bearer {KEY}", **named}
        request = urllib.request.Request(self.url + path, data, head)
        try:
            with urllib.request.urlopen(request, timeout=timeout) as answer:
                return answer.status, {k.lower(): v for k, v in answer.headers.items()}, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, {k.lower(): v for k, v in error.headers.items()}, error.read()

    def counted(self) -> dict[tuple[str, ...], float]:
        """The metrics: name and labels' values, in the order of the labels' names → value."""
        status, text = self.get("/metrics")
        assert status == 200, text
        return {
            (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text.decode())
            for sample in family.samples
        }

    def exchanges(self) -> list[Exchange]:
        with open_traffic(f"sqlite:///{self.store}", read_only=True) as traffic:
            return list(traffic.exchanges())

    def until(self, holds: Any, seconds: float = 10) -> None:
        """Wait until ``holds()`` is true; what is recorded or counted may come a moment after the answer."""
        end = time.monotonic() + seconds
        while not holds():
            assert time.monotonic() < end, f"still not so after {seconds} s; the log: {self.log[-2000:]}"
            time.sleep(0.02)

    def stop(self, number: int = signal.SIGTERM, seconds: float = 30) -> int:
        """End it by a signal; its exit status."""
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(seconds)


@contextlib.contextmanager
def serving(
    folder: Path,
    *arguments: str,
    upstream: str | None = None,
    store: Path | None = None,
    environment: Mapping[str, str] | None = None,
    prefix: Sequence[str] = (),
) -> Iterator[Served]:
    """``sizewise serve`` with these arguments, until the block ends; killed where it does not end by itself."""
    kept = store or folder / "traffic.db"
    command = [*prefix, sys.executable, "-m", "sizewise.cli.main", "serve", *arguments, "--port", "0"]
    command += ["--store", f"sqlite:///{kept}"] if "--store" not in arguments else []
    command += ["--upstream", upstream] if upstream else []
    log = folder / "serve.log"
    told = len(log.read_bytes()) if log.exists() else 0
    with log.open("ab") as target:
        process = subprocess.Popen(
            command, cwd=folder, stdout=target, stderr=target, stdin=subprocess.DEVNULL,
            env={**os.environ, "PYTHONUTF8": "1", "NO_PROXY": "127.0.0.1", **(environment or {})},
            preexec_fn=_heed_signals,
        )  # fmt: skip
    try:
        served = Served(_address(process, log, told), process, folder, kept)
        served.until(lambda: served.get("/readyz")[0] == 200, 60)
        yield served
    finally:
        if process.poll() is None:
            process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(20)
        if process.poll() is None:
            process.kill()
            process.wait()


def _heed_signals() -> None:
    """Whoever runs the tests may ignore them (nohup, a job in the background), and a process inherits that."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)


def _address(process: subprocess.Popen[bytes], log: Path, told: int) -> str:
    end = time.monotonic() + 60
    while time.monotonic() < end:
        said = log.read_bytes()[told:].decode("utf-8", "replace")
        if found := LISTENING.search(said):
            return found[1]
        assert process.poll() is None, f"the server ended with {process.returncode}: {said}"
        time.sleep(0.02)
    raise AssertionError(f"the server does not say where it listens: {log.read_text()}")


def chat(text: str, **more: Any) -> dict[str, Any]:
    """A request as applications make them."""
    messages = [{"role": "system", "content": "Answer with one label."}, {"role": "user", "content": text}]
    return {"model": "gpt-4o", "messages": messages, **more}
