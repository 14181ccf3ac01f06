"""What is counted is what happened, over threads and over workers, and labels stay few."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from datetime import UTC, datetime
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from sizewise.core.exchange import Exchange
from sizewise.gateway.metrics import Metrics


def read(text: bytes) -> dict[tuple[str, ...], float]:
    """Name and labels' values → value."""
    return {
        (sample.name, *(value for _, value in sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text.decode())
        for sample in family.samples
    }


def test_an_exchange_is_counted_once() -> None:
    metrics = Metrics()
    at = datetime(2026, 1, 1, tzinfo=UTC)
    small = Exchange(
        "a", at, "/v1/chat/completions", status=200, latency_ms=2.0, first_byte_ms=1.5, route="small", task="тема",
        mode="live", confidence=0.99, agreed=None,
    )  # fmt: skip
    cut = Exchange(
        "b", at, "/v1/responses", status=200, latency_ms=900.0, route="large", failure="upstream cut", cost_usd=0.25,
        prompt_tokens=7, completion_tokens=None,
    )  # fmt: skip
    metrics.ended([small, small, cut])
    metrics.paid([cut])
    counted = read(metrics.exposition()[0])
    assert counted["sizewise_requests_total", "small", "200", "тема"] == 2
    assert counted["sizewise_requests_total", "large", "200", ""] == 1
    assert counted["sizewise_request_seconds_sum", "small", "тема"] == 0.004
    assert counted["sizewise_first_byte_seconds_count", "small", "тема"] == 2
    assert counted["sizewise_failures_total", "upstream cut"] == 1
    assert counted["sizewise_confidence_bucket", "0.99", "тема"] == 2
    assert counted["sizewise_confidence_bucket", "0.98", "тема"] == 0
    assert counted["sizewise_spent_usd_total", ""] == 0.25
    assert counted["sizewise_tokens_total", "prompt", ""] == 7


def test_every_other_count() -> None:
    metrics = Metrics()
    metrics.answering(1)
    metrics.refused("too large")
    metrics.escalated("t", "unsure")
    metrics.agreed("t", True)
    metrics.agreed("t", False)
    metrics.agreement("t", 0.5, 0.75, 0.9)
    metrics.saved("t", 0.5)
    metrics.saved("t", -1.0)  # a price that makes no sense takes nothing back
    metrics.serving("t", "run", "shadow")
    metrics.queued(3, 10)
    metrics.written(4)
    metrics.lost(2)
    metrics.store_failed()
    metrics.masked("email", 5)
    counted = read(metrics.exposition()[0])
    expected = {
        ("sizewise_requests_running",): 1, ("sizewise_refused_total", "too large"): 1,
        ("sizewise_escalated_total", "unsure", "t"): 1, ("sizewise_shadow_answers_total", "no", "t"): 1,
        ("sizewise_shadow_agreement", "low", "t"): 0.5, ("sizewise_saved_usd_total", "t"): 0.5,
        ("sizewise_serving", "shadow", "run", "t"): 1, ("sizewise_queue_depth",): 3, ("sizewise_queue_capacity",): 10,
        ("sizewise_records_written_total",): 4, ("sizewise_records_lost_total",): 2,
        ("sizewise_store_failures_total",): 1, ("sizewise_masked_total", "email"): 5,
    }  # fmt: skip
    assert {key: counted[key] for key in expected} == expected


def test_threads_lose_no_count() -> None:
    metrics = Metrics()

    def count() -> None:
        for _ in range(500):
            metrics.requested("t", "small", 200, 0.01)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert read(metrics.exposition()[0])["sizewise_requests_total", "small", "200", "t"] == 2000


WORKERS = """
import os, sys
from pathlib import Path
from sizewise.gateway import metrics as module
module.count_across_workers(Path(sys.argv[1]))
pids = []
for number in range(2):
    pid = os.fork()
    if pid == 0:
        one = module.Metrics()
        one.requested("t", "small", 200, 0.01)
        one.answering(1)
        one.queued(3)
        os._exit(0)
    pids.append(pid)
for pid in pids:
    os.waitpid(pid, 0)
module.forget_worker(pids[0])
sys.stdout.buffer.write(module.Metrics().exposition()[0])
"""


def test_workers_count_together(tmp_path: Path) -> None:
    folder = tmp_path / "counts"
    folder.mkdir()
    (folder / "counter_1.db").write_bytes(b"left by an earlier server")
    done = subprocess.run(
        [sys.executable, "-c", WORKERS, str(folder)], capture_output=True, check=False, timeout=60, env=os.environ
    )
    assert done.returncode == 0, done.stderr
    counted = read(done.stdout)
    assert counted["sizewise_requests_total", "small", "200", "t"] == 2
    assert counted["sizewise_requests_running",] == 1  # the worker that was forgotten has no open requests
    assert counted["sizewise_queue_depth",] == 3


def test_the_setting_up_of_workers_is_refused_too_late(tmp_path: Path) -> None:
    code = (
        "import prometheus_client, sys\nfrom pathlib import Path\nfrom sizewise.gateway.metrics import count_across_workers\n"
        "from sizewise.core.errors import SizewiseError\n"
        "try: count_across_workers(Path(sys.argv[1]) / 'x')\nexcept SizewiseError as error: print(error)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True, timeout=60
    )
    assert "before prometheus_client is imported" in done.stdout


def test_many_values_at_once_are_counted_as_one_by_one() -> None:
    from prometheus_client import CollectorRegistry
    from prometheus_client.exposition import generate_latest

    from sizewise.gateway.histogram import Histogram

    values = [0.0, 0.0005, 0.001, 0.0011, 0.5, 0.5, 3.0, 1e9]
    told = []
    for at_once in (True, False):
        registry = CollectorRegistry()
        child = Histogram("h", "h", ["task"], registry=registry, buckets=(0.001, 0.5, 1.0)).labels("t")
        if at_once:
            child.observe_all(values)
        else:
            for value in values:
                child.observe(value)
        told.append({key: value for key, value in read(generate_latest(registry)).items() if "created" not in key[0]})
    assert told[0] == told[1]
    assert told[0]["h_bucket", "+Inf", "t"] == len(values)
