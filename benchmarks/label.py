"""`sizewise label`: 10,000 rows at concurrency 64 against a scripted upstream of 200 ms with 2 % errors and 429s, killed three times.

The ideal time is rows / concurrency × 200 ms. The time taken is that of all four processes from the first start to the
last end, their imports included. After it: no row lost, the order kept, nothing that was answered asked again.
The upstream and what watches the journal have a core of their own where there are two, ``label`` has the others.
`python benchmarks/label.py [ROWS]`
"""

from __future__ import annotations

import json
import os
import random
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from shared_data import result

ROWS, CONCURRENCY, DELAY, ERRORS, KILLS = 10_000, 64, 0.2, 0.02, 3
LABELS = "account,delivery,refund"


def source(path: Path, rows: int) -> None:
    texts = [
        "where is my parcel number {}, the courier did not come",
        "верните деньги за заказ {}",
        "I cannot log in as user {}",
    ]
    path.write_text(
        "".join(
            json.dumps({"id": f"r{i}", "input": texts[i % 3].format(i)}, ensure_ascii=False) + "\n" for i in range(rows)
        ),
        encoding="utf-8",
    )


class Watched:
    """How many answers a journal holds, by what was added to it since it was looked at last."""

    def __init__(self, journal: Path) -> None:
        self._journal, self._read, self.answers = journal, 0, 0

    def look(self) -> int:
        if self._journal.exists():
            with self._journal.open("rb") as file:
                file.seek(self._read)
                added = file.read().rpartition(b"\n")[0]
            self._read += len(added)
            self.answers += added.count(b'"k":"')
        return self.answers


def pinned(cores: set[int]) -> Callable[[], None] | None:
    """Run on ``cores`` alone, where that can be said."""
    return (lambda: os.sched_setaffinity(0, cores)) if hasattr(os, "sched_setaffinity") and cores else None


def answered(journal: Path) -> dict[str, int]:
    """How often each key was answered, by the journal."""
    counts: Counter[str] = Counter()
    if journal.exists():
        for line in journal.read_bytes().splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue
            if "k" in entry:
                counts[entry["k"]] += 1
    return counts


def cores_left() -> set[int]:
    """Move to the last core, where the upstream and what watches stay; the others are left to ``label``."""
    cores = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else []
    if len(cores) > 1:
        os.sched_setaffinity(0, set(cores[-1:]))
    return set(cores[:-1])


@contextmanager
def upstream(log: Path) -> Iterator[tuple[int, str]]:
    """The process and the port of an upstream that writes what it was asked to ``log``."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sizewise.llm.scripted.upstream", "--delay", str(DELAY), "--errors", str(ERRORS), "--log", str(log)],
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        yield process.pid, process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


@dataclass(frozen=True)
class Job:
    """One ``label`` command over ``rows`` rows, which can be started again; it runs on ``cores`` alone."""

    folder: Path
    rows: int
    port: str
    cores: set[int]

    @property
    def out(self) -> Path:
        return self.folder / "out.jsonl"

    @property
    def journal(self) -> Path:
        return self.folder / "out.jsonl.journal"

    @property
    def command(self) -> list[str]:
        return [
            sys.executable, "-m", "sizewise.cli.main", "label", str(self.folder / "in.jsonl"), "--out", str(self.out),
            "--model", "openai:gpt-4o", "--budget", "100", "--base-url", f"http://127.0.0.1:{self.port}/v1", "--labels", LABELS,
            "--concurrency", str(CONCURRENCY),
        ]  # fmt: skip

    @property
    def environment(self) -> dict[str, str]:
        return os.environ | {"OPENAI_API_KEY": "sk-benchmark"}

    def begin(self) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            self.command, env=self.environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            preexec_fn=pinned(self.cores),
        )  # fmt: skip

    def finish(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            self.command, env=self.environment, check=True, capture_output=True, text=True,
            preexec_fn=pinned(self.cores),
        )  # fmt: skip


def start_and_kill(job: Job) -> list[float]:
    """Start and kill ``label`` ``KILLS`` times, each amid its share of the rows; the seconds to each first answer."""
    draw, watched = random.Random(0), Watched(job.journal)
    first: list[float] = []
    for kill in range(KILLS):
        begun, before = time.perf_counter(), watched.look()
        process = job.begin()
        goal = job.rows * (kill + draw.uniform(0.3, 0.7)) / KILLS
        while watched.look() < goal and process.poll() is None:
            if watched.answers > before and len(first) == kill:
                first.append(round(time.perf_counter() - begun, 2))
            time.sleep(0.05)
        process.send_signal(signal.SIGKILL)
        process.wait()
    return first


def check(job: Job) -> None:
    """Every row is there, in order, with an answer that was asked for once."""
    made = [json.loads(line) for line in job.out.read_text(encoding="utf-8").splitlines()]
    assert [row["id"] for row in made] == [f"r{i}" for i in range(job.rows)], "rows are lost, or in another order"
    assert all(row["answer"] for row in made), "rows without an answer"
    assert max(answered(job.journal).values()) == 1, "something was answered twice"


def processor_seconds(process: int) -> float:
    """What a process that runs has used, by the system's own account."""
    ticks = sum(map(int, Path(f"/proc/{process}/stat").read_text().split()[13:15]))
    return ticks / os.sysconf("SC_CLK_TCK")


def on_their_way(told: str) -> int:
    """How many calls were on their way when the last run was killed, as ``label`` says it."""
    return sum(int(line.split()[1].replace(",", "")) for line in told.splitlines() if "on their way" in line)


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else ROWS
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source(folder / "in.jsonl", rows)
        cores = cores_left()
        with upstream(folder / "requests.jsonl") as (process, port):
            job, started = Job(folder, rows, port, cores), time.perf_counter()
            first = start_and_kill(job)
            last = job.finish()
            seconds = time.perf_counter() - started
            used = resource.getrusage(resource.RUSAGE_CHILDREN)  # the upstream is not among them yet
            theirs_used = processor_seconds(process)
            time.sleep(0.5)
        check(job)
        requests = len((folder / "requests.jsonl").read_text(encoding="utf-8").splitlines())
        ideal = rows / CONCURRENCY * DELAY
        result(
            "label", rows=rows, seconds=round(seconds, 1), ideal_seconds=round(ideal, 1), times_ideal=round(seconds / ideal, 3),
            processor_seconds=round(used.ru_utime + used.ru_stime, 1), upstream_processor_seconds=round(theirs_used, 1),
            seconds_to_first_answer=first,
            kills=KILLS, requests=requests, on_their_way_when_killed=on_their_way(last.stderr),
            dollars=last.stdout.partition("$")[2].split()[0],
            processors=os.cpu_count(), load=round(os.getloadavg()[0], 1),
        )  # fmt: skip


if __name__ == "__main__":
    main()
