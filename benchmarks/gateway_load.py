"""Load on a server, and what it did: wrk for throughput and latency, a client of our own for the first byte of a stream."""

from __future__ import annotations

import json
import re
import socket
import statistics
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from gateway_servers import KEY

#: a classification as applications ask for it: instructions with 77 labels would be longer, a bare question shorter
SYSTEM = (
    "You sort messages of a bank's customers. Answer with one label and nothing else: card_arrival, refund, exchange."
)
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3, "m": 6e4}
SCRIPT = """
local bodies = {{{bodies}}}
local number = {start}
request = function()
  number = number + 1
  return wrk.format("{method}", "{path}", {{["Content-Type"]="application/json", ["Authorization"]="Bearer {key}"}},
    bodies[number % #bodies + 1])
end
done = function(summary, latency, requests)
  io.write(string.format("JSON {{\\"requests\\": %d, \\"us\\": %d, \\"bad\\": %d, \\"errors\\": %d, \\"p50\\": %f, \\"p99\\": %f}}\\n",
    summary.requests, summary.duration, summary.errors.status,
    summary.errors.connect + summary.errors.read + summary.errors.write + summary.errors.timeout,
    latency:percentile(50) / 1000, latency:percentile(99) / 1000))
end
"""


@dataclass(frozen=True)
class Load:
    """What wrk saw; milliseconds. ``failed`` counts answers that were no success and connections that broke, ``busy_us``
    is the server's processor time a request in microseconds, which other work on the machine disturbs less."""

    per_second: float
    p50: float
    p99: float
    requests: int
    failed: int
    busy_us: float = 0.0


def chat(text: str, model: str = "gpt-4o", stream: bool = False) -> str:
    messages = [{"role": "system", "content": SYSTEM}, {"role": "user", "content": text}]
    asked = {"model": model, "messages": messages, "temperature": 0, **({"stream": True} if stream else {})}
    return json.dumps(asked, ensure_ascii=False)


def lua(text: str) -> str:
    level = 1
    while f"]{'=' * level}]" in text:
        level += 1
    return f"[{'=' * level}[{text}]{'=' * level}]"


def wrk(
    url: str,
    path: str,
    bodies: Sequence[str],
    core: str,
    work: Path,
    *,
    connections: int,
    seconds: float,
    method: str = "POST",
) -> Load:
    """One run of wrk, one thread, pinned to ``core``."""
    script = work / "load.lua"
    joined = ",".join(lua(body) for body in bodies) or '""'
    script.write_text(
        SCRIPT.format(bodies=joined, method=method, path=path, key=KEY, start=time.time_ns() // 1000 % 1000)
    )
    command = [
        "taskset",
        "-c",
        core,
        "wrk",
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        "--timeout",
        "30s",
        "-s",
        str(script),
        url,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=seconds + 120)
    found = re.search(r"^JSON (.*)$", done.stdout, re.MULTILINE)
    assert found, done.stdout
    said = json.loads(found[1])
    rate = said["requests"] / said["us"] * 1e6
    return Load(rate, said["p50"], said["p99"], said["requests"], said["bad"] + said["errors"])


def first_bytes(url: str, count: int, model: str = "gpt-4o") -> list[float]:
    """Milliseconds from the request's last byte to the first byte of the first event, one stream after the other."""
    parts = urlsplit(url)
    body = chat("Where is my card?", model, stream=True).encode()
    request = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: {parts.netloc}\r\ncontent-type: application/json\r\n"
        f"authorization: Bearer {KEY}\r\ncontent-length: {len(body)}\r\n\r\n"
    ).encode() + body
    times = []
    with socket.create_connection((parts.hostname or "", parts.port or 80)) as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for _ in range(count):
            came, first = b"", 0.0
            began = time.perf_counter()
            raw.sendall(request)
            while not came.endswith(b"0\r\n\r\n"):
                piece = raw.recv(65536)
                assert piece, came
                came += piece
                first = first or (time.perf_counter() if b"data: " in came else 0.0)
            assert came.startswith(b"HTTP/1.1 200"), came[:200]
            times.append((first - began) * 1000)
    return times


def median(values: Sequence[float]) -> float:
    return statistics.median(values)
