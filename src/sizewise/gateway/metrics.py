"""What the gateway counts, for Prometheus.

Labels hold task, route, status and the like: never a text, a key, a model's name or anything else that a client makes up,
so that their number is bounded. With several workers each counts in files of one folder and any worker's answer adds
them all up: ``count_across_workers`` has to run before ``prometheus_client`` is imported anywhere, since that library chooses
its kind of value at import.
"""

from __future__ import annotations

import os
import shutil
import sys
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sizewise.core.answer import Route
from sizewise.core.errors import SizewiseError
from sizewise.core.exchange import Exchange, Failure

if TYPE_CHECKING:
    from prometheus_client import Counter, Gauge

    from sizewise.gateway.histogram import Histogram

FOLDER_VARIABLE = "PROMETHEUS_MULTIPROC_DIR"
#: seconds; from a specialist's answer to a long generation
SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120)
CONFIDENCE = (0.5, 0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.925, 0.95, 0.97, 0.98, 0.99, 0.995, 0.999)
#: metrics with their labels filled in are kept, so that counting is one look-up; this many at most
MOST_CHILDREN = 10_000


def count_across_workers(folder: Path) -> None:
    """Let all workers, which inherit the environment, count together in ``folder``, which is emptied.

    Raises SizewiseError where ``prometheus_client`` is loaded already.
    """
    if "prometheus_client" in sys.modules and os.environ.get(FOLDER_VARIABLE) != str(folder):
        raise SizewiseError("the metrics of several workers must be set up before prometheus_client is imported")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    os.environ[FOLDER_VARIABLE] = str(folder)


def forget_worker(pid: int) -> None:
    """A worker has ended: its queue and its open requests are no longer part of the sums; what it counted stays."""
    if os.environ.get(FOLDER_VARIABLE):
        from prometheus_client.multiprocess import mark_process_dead

        mark_process_dead(pid)  # type: ignore[no-untyped-call]


class Metrics:
    """Counters, gauges and histograms of one worker; every method is named after what happened and may be called from any thread."""

    def __init__(self) -> None:
        from prometheus_client import CollectorRegistry, Counter, Gauge, ProcessCollector

        from sizewise.gateway.histogram import Histogram

        own = self._registry = CollectorRegistry()
        if not os.environ.get(FOLDER_VARIABLE):
            ProcessCollector(registry=own)
        self._children: dict[tuple[Any, ...], Any] = {}
        by_task = ["task"]

        def counter(name: str, what: str, labels: Sequence[str] = ()) -> Counter:
            return Counter(f"sizewise_{name}", what, labels, registry=own)

        def gauge(name: str, what: str, labels: Sequence[str] = (), mode: Any = "livesum") -> Gauge:
            return Gauge(f"sizewise_{name}", what, labels, registry=own, multiprocess_mode=mode)

        def histogram(name: str, what: str, labels: Sequence[str], buckets: Sequence[float]) -> Histogram:
            return Histogram(f"sizewise_{name}", what, labels, registry=own, buckets=buckets)

        answered = ["task", "route"]
        self._requests = counter("requests", "Requests answered, by task, route and status", [*answered, "status"])
        self._seconds = histogram(
            "request_seconds", "From a request's last byte to its answer's last", answered, SECONDS
        )
        self._first = histogram(
            "first_byte_seconds", "From a request's last byte to its answer's first", answered, SECONDS
        )
        self._running = gauge("requests_running", "Requests being answered now")
        self._refused = counter("refused", "Requests that this server itself refused, by reason", ["reason"])
        self._confidence = histogram("confidence", "The specialist's confidence", by_task, CONFIDENCE)
        self._escalated = counter(
            "escalated", "Requests of a task handed to the large model, by reason", ["task", "reason"]
        )
        self._agreed = counter("shadow_answers", "Both answered: did the specialist agree?", ["task", "agreed"])
        self._bounds = gauge(
            "shadow_agreement",
            "Agreement in shadow mode, with its confidence sequence",
            ["task", "bound"],
            "mostrecent",
        )
        self._saved = counter(
            "saved_usd", "What the large model would have cost for the answers it was spared", by_task
        )
        self._spent = counter("spent_usd", "What the large model cost, by the price table", by_task)
        self._tokens = counter("tokens", "Tokens of the large model, as it reported them", ["task", "kind"])
        self._mode = gauge(
            "serving", "1 for the run and mode in which a task is served", ["task", "run", "mode"], "mostrecent"
        )
        self._queued = gauge("queue_depth", "Records that wait to be written")
        self._room = gauge("queue_capacity", "Records that may wait at most")
        self._written = counter("records_written", "Records that are durable")
        self._lost = counter(
            "records_lost", "Records that were given up, because the store failed or the queue was full"
        )
        self._store = counter("store_failures", "Writes that the store refused")
        self._masked = counter("masked", "Personal data removed before it was written, by kind", ["kind"])
        self._failures = counter("failures", "Requests that did not end well, by reason", ["reason"])

    def _child(self, metric: Any, *labels: str) -> Any:
        key = (metric, *labels)
        child = self._children.get(key)
        if child is None:
            child = metric.labels(*labels)
            if len(self._children) < MOST_CHILDREN:
                self._children[key] = child
        return child

    def requested(
        self, task: str | None, route: Route | None, status: int, seconds: float, first_byte: float | None = None
    ) -> None:
        """An answer's last byte has left; an unrecognised request has no task, a refused one no route."""
        name, way = task or "", route or ""
        self._child(self._requests, name, way, str(status)).inc()
        self._child(self._seconds, name, way).observe(seconds)
        if first_byte is not None:
            self._child(self._first, name, way).observe(first_byte)

    def ended(self, exchanges: Sequence[Exchange]) -> None:
        """What exchanges say when their answers end: status, times, failure, agreement, confidence, escalation."""
        groups: dict[tuple[str | None, Route | None, int | None], list[Exchange]] = defaultdict(list)
        for exchange in exchanges:
            groups[exchange.task, exchange.route, exchange.status].append(exchange)
        for (task, route, status), group in groups.items():
            name, way = task or "", route or ""
            self._child(self._requests, name, way, "499" if status is None else str(status)).inc(len(group))
            self._child(self._seconds, name, way).observe_all([(one.latency_ms or 0) / 1000 for one in group])
            firsts = [one.first_byte_ms / 1000 for one in group if one.first_byte_ms is not None]
            confidences = [one.confidence for one in group if one.confidence is not None]
            if firsts:
                self._child(self._first, name, way).observe_all(firsts)
            if confidences:
                self._child(self._confidence, name).observe_all(confidences)
            for exchange in group:
                if exchange.failure is not None or exchange.agreed is not None or way == "large":
                    self._ended_otherwise(name, exchange)

    def _ended_otherwise(self, task: str, exchange: Exchange) -> None:
        """What only some exchanges say."""
        if exchange.failure is not None:
            self.failed(exchange.failure)
        if exchange.agreed is not None:
            self.agreed(task, exchange.agreed)
        if task and exchange.mode == "live" and exchange.route == "large":
            self.escalated(task, "not for a specialist" if exchange.small_answer is None else "unsure")

    def paid(self, exchanges: Sequence[Exchange]) -> None:
        """What exchanges of the large model say once they are written: tokens and money."""
        for task in {exchange.task for exchange in exchanges}:
            group = [exchange for exchange in exchanges if exchange.task == task]
            prompt, completion = (sum(filter(None, column)) for column in zip(
                *((one.prompt_tokens, one.completion_tokens) for one in group), strict=True))  # fmt: skip
            self.tokens(task or "", prompt, completion)
            if usd := sum(one.cost_usd for one in group if one.cost_usd):
                self.spent(task or "", usd)

    def answering(self, count: int) -> None:
        """So many requests are being answered by this worker now."""
        self._running.set(count)

    def refused(self, reason: str) -> None:
        """This server itself refused, for one of its own few reasons."""
        self._child(self._refused, reason).inc()

    def escalated(self, task: str, reason: str) -> None:
        """A task's request goes to the large model, for one of a few reasons."""
        self._child(self._escalated, task, reason).inc()

    def agreed(self, task: str, same: bool) -> None:
        """Both answered in shadow mode."""
        self._child(self._agreed, task, "yes" if same else "no").inc()

    def agreement(self, task: str, low: float, estimate: float, high: float) -> None:
        """Where the confidence sequence of a task stands now; shares between 0 and 1."""
        for bound, value in (("low", low), ("estimate", estimate), ("high", high)):
            self._child(self._bounds, task, bound).set(value)

    def saved(self, task: str, usd: float) -> None:
        self._child(self._saved, task).inc(max(usd, 0.0))

    def spent(self, task: str, usd: float) -> None:
        self._child(self._spent, task).inc(max(usd, 0.0))

    def tokens(self, task: str, prompt: int | None, completion: int | None) -> None:
        for kind, count in (("prompt", prompt), ("completion", completion)):
            if count and count > 0:
                self._child(self._tokens, task, kind).inc(count)

    def serving(self, task: str, run: str, mode: str, *, now: bool = True) -> None:
        """A task is served by this run in this mode, from now on or (``now=False``) no longer."""
        self._child(self._mode, task, run, mode).set(1 if now else 0)

    def queued(self, depth: int, capacity: int | None = None) -> None:
        self._queued.set(depth)
        if capacity is not None:
            self._room.set(capacity)

    def written(self, count: int) -> None:
        self._written.inc(count)

    def lost(self, count: int = 1) -> None:
        self._lost.inc(count)

    def store_failed(self) -> None:
        self._store.inc()

    def masked(self, kind: str, count: int) -> None:
        self._child(self._masked, kind).inc(count)

    def failed(self, failure: Failure) -> None:
        """Upstream did not answer well, or the client left."""
        self._child(self._failures, failure).inc()

    def exposition(self) -> tuple[bytes, str]:
        """The text for Prometheus and its content type; the sum over all workers where there are several."""
        from prometheus_client import CollectorRegistry
        from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest

        registry = self._registry
        if os.environ.get(FOLDER_VARIABLE):
            from prometheus_client.multiprocess import MultiProcessCollector

            registry = CollectorRegistry()
            MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
        return generate_latest(registry), CONTENT_TYPE_LATEST
