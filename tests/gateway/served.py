"""A real gateway process, as a person starts it, for tests."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path


@dataclass
class Served:
    """A process that listens at ``url``, which ends in /v1; what it says is in a file of ``folder``."""

    process: subprocess.Popen[bytes]
    folder: Path
    url: str = ""

    @property
    def root(self) -> str:
        return self.url.removesuffix("/v1")

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'traffic.db'}"

    def said(self) -> str:
        return (self.folder / "said.txt").read_text(encoding="utf-8")

    def stop(self, number: int = signal.SIGTERM, timeout: float = 15) -> int:
        self.process.send_signal(number)
        return self.process.wait(timeout)


def start(*options: str, folder: Path, environment: dict[str, str] | None = None) -> Served:
    """Start ``sizewise serve`` in ``folder`` on a free port and wait until it listens."""
    folder.mkdir(exist_ok=True)
    stored = () if "--store" in options else ("--store", f"sqlite:///{folder / 'traffic.db'}")
    with (folder / "said.txt").open("wb") as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "sizewise.cli.main", "serve", "--port", "0", *stored, *options],
            cwd=folder, stdout=said, stderr=said, env={**os.environ, "NO_PROXY": "127.0.0.1", **(environment or {})},
        )  # fmt: skip
    served = Served(process, folder)
    patience = time.monotonic() + 60
    while "listening on http" not in served.said():
        if process.poll() is not None or time.monotonic() > patience:
            process.kill()
            raise AssertionError(f"it ended with {process.wait()}: {served.said()}")
        time.sleep(0.02)
    line = next(line for line in served.said().splitlines() if "listening on http" in line)
    served.url = next(word for word in line.split() if word.startswith("http"))
    return served


@contextmanager
def serving(*options: str, folder: Path, environment: dict[str, str] | None = None) -> Iterator[Served]:
    served = start(*options, folder=folder, environment=environment)
    try:
        yield served
    finally:
        if served.process.poll() is None:
            served.process.kill()
        served.process.wait(10)
