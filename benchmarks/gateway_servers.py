"""The servers of the gateway's benchmark, each a process of its own, pinned to a core."""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
KEY = "sk-benchmark"
LITELLM_CONFIG = """model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/gpt-4o, api_base: "{upstream}/v1", api_key: none}}
litellm_settings: {{telemetry: false, num_retries: 0}}
general_settings: {{master_key: {key}}}
"""


@dataclass(frozen=True)
class Server:
    """A running server: its address and its process."""

    url: str
    pid: int

    def family(self) -> list[int]:
        """The process and its children."""
        found, left = [], [self.pid]
        while left:
            found.append(left.pop())
            with contextlib.suppress(FileNotFoundError):
                left += [int(pid) for pid in Path(f"/proc/{found[-1]}/task/{found[-1]}/children").read_text().split()]
        return found

    def resident(self) -> float:
        """Resident memory of the family in megabytes (10^6 bytes)."""
        status = "".join(Path(f"/proc/{pid}/status").read_text() for pid in self.family())
        return sum(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) * 1024 / 1e6

    def worked(self) -> float:
        """Seconds of processor time that the family has used."""
        ticks = 0
        for pid in self.family():
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    @contextlib.contextmanager
    def resting(self) -> Iterator[None]:
        """Stopped while another server of the same core is timed."""
        for pid in self.family():
            os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            for pid in self.family():
                os.kill(pid, signal.SIGCONT)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        return int(taken.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str], port: int, core: str, ready: str, log: Path, more: Mapping[str, str] | None = None
) -> Iterator[Server]:
    """``command`` pinned to ``core`` until the block ends, once ``ready`` answers."""
    with log.open("ab") as target:
        process = subprocess.Popen(
            ["taskset", "-c", core, *command], stdout=target, stderr=target, env={**os.environ, **(more or {})}
        )
    server = Server(f"http://127.0.0.1:{port}", process.pid)
    try:
        wait_for(server.url + ready, process, log)
        yield server
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for(url: str, process: subprocess.Popen[bytes], log: Path, seconds: float = 120) -> None:
    """Until ``url`` answers with anything at all."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process.poll() is not None:
            raise RuntimeError(f"{process.args} ended with {process.returncode}:\n{log.read_text()[-2000:]}")
        try:
            urllib.request.urlopen(url, timeout=1).close()
            return
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.1)
    raise TimeoutError(f"{url} does not answer:\n{log.read_text()[-2000:]}")


@contextlib.contextmanager
def stub(core: str, work: Path) -> Iterator[Server]:
    port = free_port()
    with running(
        [sys.executable, str(HERE / "gateway_stub.py"), str(port)], port, core, "/", work / "stub.log"
    ) as server:
        yield server


@contextlib.contextmanager
def bare(upstream: str, core: str, work: Path) -> Iterator[Server]:
    port = free_port()
    command = [sys.executable, str(HERE / "gateway_bare.py"), str(port), upstream]
    with running(command, port, core, "/", work / "bare.log") as server:
        yield server


@contextlib.contextmanager
def litellm(binary: str, upstream: str, core: str, work: Path) -> Iterator[Server]:
    port, config = free_port(), work / "litellm.yaml"
    config.write_text(LITELLM_CONFIG.format(upstream=upstream, key=KEY))
    command = [binary, "--config", str(config), "--port", str(port), "--host", "127.0.0.1", "--num_workers", "1"]
    more = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR", "DISABLE_ADMIN_UI": "True"}
    with running(command, port, core, "/health/liveliness", work / "litellm.log", more) as server:
        yield server


@contextlib.contextmanager
def sizewise(upstream: str, core: str, work: Path, *arguments: str, name: str = "store") -> Iterator[Server]:
    """Our own server with capture on, into a new store of ``work``."""
    port, store = free_port(), work / f"{name}-{time.time_ns()}.db"
    command = [sys.executable, "-m", "sizewise.cli.main", "serve", *arguments, "--upstream", f"{upstream}/v1"]
    command += ["--port", str(port), "--store", f"sqlite:///{store}"]
    with running(command, port, core, "/healthz", work / f"{name}.log") as server:
        yield server


@contextlib.contextmanager
def live(upstream: str, core: str, work: Path, run: Path) -> Iterator[Server]:
    """Our own server answering by the specialist of ``run``."""
    with sizewise(upstream, core, work, str(run), name=run.name) as server:
        command = [
            sys.executable,
            "-m",
            "sizewise.cli.main",
            "promote",
            str(run),
            "--to",
            "live",
            "--server",
            server.url,
            "--force",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        yield server
