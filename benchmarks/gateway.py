"""The gateway's table: pass-through, overhead, specialists under load, the first byte of a stream, memory.

``python benchmarks/gateway.py --litellm VENV/bin/litellm [--runs FOLDER] [--repeats 5] [--seconds 5] [--only ROW ...]``

One load generator (wrk), one local stub as upstream, capture on, one worker. The server that is measured has core 0 to
itself, wrk and the stub share core 1; the other servers are stopped (SIGSTOP) meanwhile. What is compared takes turns within each
repeat, a ratio is formed within each repeat, and the table shows the median of the ratios and their range. Everything is kept in
memory-backed or temporary folders; ``--runs`` keeps the two runs (``keywords``, ``encoder``) that the specialists' rows need.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import gateway_servers as servers
from gateway_load import Load, chat, first_bytes, median, wrk
from shared_data import path, result, rows

SERVER_CORE, LOAD_CORE = "0", "1"
CHAT = "/v1/chat/completions"
TASK = "banking"
TEXTS = 400


@dataclass
class Bench:
    """The options, and the lines of the table so far."""

    work: Path
    runs: Path
    binary: str | None
    repeats: int
    seconds: float
    requests: int = 100_000
    table: list[tuple[str, ...]] = field(default_factory=list)

    def load(
        self, server: servers.Server, bodies: Sequence[str], connections: int, path: str = CHAT, method: str = "POST"
    ) -> Load:
        before = server.worked()
        done = wrk(
            server.url, path, bodies, LOAD_CORE, self.work, connections=connections, seconds=self.seconds, method=method
        )
        done = replace(done, busy_us=(server.worked() - before) / max(done.requests, 1) * 1e6)
        if done.failed:
            print(f"warning: {done.failed} of {done.requests} requests failed at {server.url}{path}", file=sys.stderr)
        return done

    def line(self, work: str, floor: str, aim: str, ratios: Sequence[float], unit: str, **figures: object) -> None:
        """One line of the table: ``ratios`` holds one value a repeat."""
        low, high = min(ratios), max(ratios)
        said = f"**{median(ratios):.3g}{unit}** ({low:.3g}–{high:.3g}, {len(ratios)} repeats)"
        details = "; ".join(f"{name.replace('_', ' ')} {value}" for name, value in figures.items())
        self.table.append((work, floor, aim, said, details))
        result(work, median=median(ratios), low=low, high=high, repeats=len(ratios), unit=unit.strip(), **figures)

    def print(self) -> None:
        print("\n| work | floor | aim | measured | figures (medians) |\n|---|---|---|---|---|")
        for line in self.table:
            print("| " + " | ".join(line) + " |")


def rates(loads: Sequence[Load]) -> str:
    busy = median([load.busy_us for load in loads])
    used = f", {busy:,.0f} µs of processor time each" if busy else ""
    return (
        f"{median([load.per_second for load in loads]):,.0f} req/s{used} (n = {sum(load.requests for load in loads):,})"
    )


def p50s(loads: Sequence[Load]) -> str:
    return f"{median([load.p50 for load in loads]):.3f} ms (n = {sum(load.requests for load in loads):,})"


@contextlib.contextmanager
def alone(chosen: servers.Server, everybody: Sequence[servers.Server]) -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for server in everybody:
            if server is not chosen:
                stack.enter_context(server.resting())
        yield


def pass_through(bench: Bench) -> None:
    """Rows 1 to 3: throughput and overhead, against a bare pass-through and LiteLLM."""
    bodies = [chat(f"Where is my card {number}?") for number in range(50)]
    with contextlib.ExitStack() as stack:
        stub = stack.enter_context(servers.stub(LOAD_CORE, bench.work))
        bare = stack.enter_context(servers.bare(stub.url, SERVER_CORE, bench.work))
        ours = stack.enter_context(servers.sizewise(stub.url, SERVER_CORE, bench.work))
        measured = {"bare": bare, "ours": ours}
        if bench.binary:
            measured["litellm"] = stack.enter_context(servers.litellm(bench.binary, stub.url, SERVER_CORE, bench.work))
        loads: dict[tuple[str, int], list[Load]] = {}
        for repeat in range(bench.repeats + 1):  # the first warms up
            for name, server in measured.items():
                with alone(server, list(measured.values())):
                    for connections in (16, 1):
                        done = bench.load(server, bodies, connections)
                        if repeat:
                            loads.setdefault((name, connections), []).append(done)
            for connections in (16, 1):
                done = bench.load(stub, bodies, connections)
                if repeat:
                    loads.setdefault(("stub", connections), []).append(done)

    def ratio(one: str, other: str) -> list[float]:
        return [a.per_second / b.per_second for a, b in zip(loads[one, 16], loads[other, 16], strict=True)]

    def overhead(one: str) -> list[float]:
        return [a.p50 - b.p50 for a, b in zip(loads[one, 1], loads["stub", 1], strict=True)]

    if bench.binary:
        bench.line(
            "pass-through throughput at concurrency 16, against the LiteLLM proxy", "15 ×", "35 ×", ratio("ours", "litellm"), " ×",
            ours=rates(loads["ours", 16]), litellm=rates(loads["litellm", 16]), stub_alone=rates(loads["stub", 16]),
        )  # fmt: skip
    bench.line(
        "pass-through with capture, against a bare Starlette + aiohttp pass-through", "0.6 ×", "0.85 ×", ratio("ours", "bare"), " ×",
        ours=rates(loads["ours", 16]), bare=rates(loads["bare", 16]),
    )  # fmt: skip
    if bench.binary:
        shares = [a / b for a, b in zip(overhead("ours"), overhead("litellm"), strict=True)]
        bench.line(
            "overhead over the stub, p50 at concurrency 1, against LiteLLM's", "0.1 ×", "0.033 ×", shares, " ×",
            ours=p50s(loads["ours", 1]), litellm=p50s(loads["litellm", 1]), bare=p50s(loads["bare", 1]), stub=p50s(loads["stub", 1]),
        )  # fmt: skip


def run_of(bench: Bench, rung: str) -> Path:
    """A finished run of the banking log whose chosen rung is ``rung``; made once."""
    folder = bench.runs / rung
    if not (folder / "verdict.json").exists():
        task = bench.runs / f"{rung}.toml"
        task.write_text(f'[task]\nname = "{TASK}"\n\n[data]\npath = "{path("banking77_llm_log")}"\n', encoding="utf-8")
        command = [
            sys.executable,
            "-m",
            "sizewise.cli.main",
            "decide",
            str(task),
            "--out",
            str(folder),
            "--rungs",
            f"majority,{rung}",
        ]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


SURE = """
import json, sys
import sizewise
model, texts = sizewise.load(sys.argv[1]), json.load(sys.stdin)
print(json.dumps([text for text, answer in zip(texts, model.answer(texts)) if answer.route == "small"]))
"""
BATCHES = """
import json, sys, time
import sizewise
model, texts = sizewise.load(sys.argv[1]), json.load(sys.stdin)
model.answer(texts[:64])
began, done = time.perf_counter(), 0
while (passed := time.perf_counter() - began) < float(sys.argv[2]):
    start = done % len(texts)
    done += len(model.answer((texts + texts)[start:start + 64]))
print(done / passed)
"""


def in_process(code: str, texts: Sequence[str], *arguments: str) -> object:
    command = ["taskset", "-c", SERVER_CORE, sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, input=json.dumps(texts), capture_output=True, text=True, check=True)
    return json.loads(done.stdout)


def specialist(bench: Bench, rung: str) -> None:
    """Rows 4 and 5: a specialist under load, batched across requests."""
    run = run_of(bench, rung)
    asked = [row["input"] for row in rows("banking77_llm_log") if row.get("split") == "test"]
    sure = in_process(SURE, asked[: 4 * TEXTS], str(run))
    assert isinstance(sure, list)
    texts = sure[:TEXTS]
    bodies = [chat(text, f"sizewise/{TASK}") for text in texts]
    connections, ratios, answered, against = 64, [], [], []
    with (
        servers.stub(LOAD_CORE, bench.work) as stub,
        servers.live(stub.url, SERVER_CORE, bench.work, run) as ours,
    ):
        for repeat in range(bench.repeats + 1):
            load = bench.load(ours, bodies, connections)
            if rung == "keywords":
                health = bench.load(ours, [], connections, "/healthz", "GET")
                rate, shown = health.per_second, health
            else:
                with ours.resting():
                    batch = in_process(BATCHES, texts, str(run), str(bench.seconds))
                assert isinstance(batch, float)
                rate, shown = batch, Load(batch, 0, 0, round(batch * bench.seconds), 0)
            if repeat:
                ratios.append(load.per_second / rate)
                answered.append(load)
                against.append(shown)
    what, floor, aim = SPECIALISTS[rung]
    name = "healthz" if rung == "keywords" else "own batches of 64"
    bench.line(
        f"{what}, at concurrency {connections}", floor, aim, ratios, " ×",
        ours=rates(answered), p50=p50s(answered), **{name: rates(against)},
    )  # fmt: skip


SPECIALISTS = {
    "keywords": ("`keywords` specialist answering, one worker, against the same server's `/healthz`", "0.3 ×", "0.5 ×"),
    "encoder": ("`encoder` specialist under load, against the encoder's own batch rate", "0.5 ×", "0.75 ×"),
}


def first_byte(bench: Bench) -> None:
    """Row 6: the first byte of a stream over the stub's own, one stream after the other."""
    count = max(50, int(40 * bench.seconds))
    more: list[float] = []
    figures: dict[str, list[float]] = {"stub": [], "ours": [], "bare": []}
    with servers.stub(LOAD_CORE, bench.work) as stub, servers.bare(stub.url, SERVER_CORE, bench.work) as bare, \
            servers.sizewise(stub.url, SERVER_CORE, bench.work) as ours:  # fmt: skip
        os.sched_setaffinity(0, {int(LOAD_CORE)})
        for repeat in range(bench.repeats + 1):
            times = {name: median(first_bytes(server.url, count)) for name, server in
                     (("stub", stub), ("ours", ours), ("bare", bare))}  # fmt: skip
            if repeat:
                more.append(times["ours"] - times["stub"])
                for name, value in times.items():
                    figures[name].append(value)
        os.sched_setaffinity(0, {int(LOAD_CORE), int(SERVER_CORE)})
    shown = {name: f"{median(values):.3f} ms (n = {count * bench.repeats})" for name, values in figures.items()}
    bench.line("first byte of a stream over the stub's own, p50", "3 ms", "1 ms", more, " ms", **shown)


def memory(bench: Bench) -> None:
    """Row 7: memory at rest, and after 100,000 requests against after 2,000."""
    bodies = [chat(f"Where is my card {number}?") for number in range(50)]
    with servers.stub(LOAD_CORE, bench.work) as stub:
        with servers.sizewise(stub.url, SERVER_CORE, bench.work) as ours:
            time.sleep(3)
            rest, marks, served = ours.resident(), {}, 0
            for target in (2_000, bench.requests):
                while served < target:
                    seconds = min(10.0, max(0.5, (target - served) / 3000))
                    served += wrk(
                        ours.url, CHAT, bodies, LOAD_CORE, bench.work, connections=16, seconds=seconds
                    ).requests
                time.sleep(2)
                marks[target] = (served, ours.resident())
        grown = marks[bench.requests][1] / marks[2_000][1] - 1
        bench.line(
            f"memory after {bench.requests:,} requests against after 2,000", "+10 %", "+3 %", [100 * grown], " %",
            **{f"after {count:,}": f"{size:.1f} MB" for count, size in marks.values()},
        )  # fmt: skip
        if bench.binary:
            with servers.litellm(bench.binary, stub.url, SERVER_CORE, bench.work) as other:
                time.sleep(3)
                theirs = other.resident()
            bench.line(
                "resident at rest, no run loaded, against LiteLLM", "0.333 ×", "0.2 ×", [rest / theirs], " ×",
                ours=f"{rest:.1f} MB", litellm=f"{theirs:.1f} MB",
            )  # fmt: skip


ROWS: dict[str, Callable[[Bench], None]] = {
    "pass": pass_through,
    "keywords": lambda bench: specialist(bench, "keywords"),
    "encoder": lambda bench: specialist(bench, "encoder"),
    "first-byte": first_byte,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--litellm", help="the binary `litellm` of an environment with litellm[proxy]")
    parser.add_argument("--runs", type=Path, help="folder that keeps the runs of the specialists")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--requests", type=int, default=100_000, help="of the row about memory")
    parser.add_argument("--only", nargs="+", choices=list(ROWS), default=list(ROWS))
    told = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="sizewise-gateway-") as work:
        runs = told.runs or Path(work) / "runs"
        runs.mkdir(parents=True, exist_ok=True)
        bench = Bench(Path(work), runs, told.litellm, told.repeats, told.seconds, told.requests)
        if not told.litellm:
            print("the rows against LiteLLM are left out: no --litellm", file=sys.stderr)
        for name in told.only:
            ROWS[name](bench)
        bench.print()


if __name__ == "__main__":
    main()
