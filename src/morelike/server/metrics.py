"""What Prometheus reads. A registry of each application's own; items and jobs are counted when somebody asks."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from prometheus_client import CollectorRegistry, Counter, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from morelike.errors import MorelikeError

if TYPE_CHECKING:
    from morelike.library import Library
    from morelike.server.limits import Gate

__all__ = ["Metrics"]

REQUEST_SECONDS = (0.001, 0.002, 0.003, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
STAGE_SECONDS = (0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 5)


class Metrics:
    """Counts requests and searches. Safe from any thread."""

    def __init__(self, library: Library, gates: Mapping[str, Gate]) -> None:
        self._registry = CollectorRegistry()
        self._requests = Histogram(
            "morelike_request_seconds",
            "Seconds from a request to the end of its answer.",
            ["method", "route", "status"],
            buckets=REQUEST_SECONDS,
            registry=self._registry,
        )
        self._stages = Histogram(
            "morelike_search_stage_seconds",
            "Seconds of a search by stage.",
            ["stage"],
            buckets=STAGE_SECONDS,
            registry=self._registry,
        )
        self._refused = Counter(
            "morelike_refused_total", "Requests refused because a queue was full.", registry=self._registry
        )
        self._children: dict[tuple[str, ...], Any] = {}
        self._lock = threading.Lock()
        self._registry.register(_Library(library, gates))

    def request(self, method: str, route: str, status: int, seconds: float) -> None:
        """One request. ``route`` is a template, never a path: somebody else's paths are without number."""
        self._child(self._requests, method, route, str(status)).observe(seconds)

    def search(self, timings: Mapping[str, float]) -> None:
        """One search's seconds a stage."""
        for stage, seconds in timings.items():
            self._child(self._stages, stage).observe(max(seconds, 0.0))

    def refused(self) -> None:
        """A queue was full."""
        self._refused.inc()

    def text(self) -> bytes:
        """All of it in Prometheus' text format."""
        return generate_latest(self._registry)

    def _child(self, metric: Histogram, *labels: str) -> Any:
        """``labels()`` takes a lock and joins texts each time; this is a look-up."""
        key = (metric._name, *labels)
        child = self._children.get(key)
        if child is None:
            with self._lock:
                child = self._children[key] = metric.labels(*labels)
        return child


class _Library(Collector):
    """Asks the library when Prometheus asks."""

    def __init__(self, library: Library, gates: Mapping[str, Gate]) -> None:
        self._library = library
        self._gates = gates

    def collect(self) -> Iterator[Metric]:
        running = GaugeMetricFamily("morelike_work_running", "Work under way.", labels=["queue"])
        waiting = GaugeMetricFamily("morelike_work_waiting", "Work that waits for its turn.", labels=["queue"])
        for name, gate in self._gates.items():
            running.add_metric([name], gate.running)
            waiting.add_metric([name], gate.waiting)
        yield from (running, waiting)
        yield from self._cache()
        yield from self._encoders()
        yield from self._storage()
        try:
            yield from self._counts()
        except MorelikeError:  # a catalog that does not answer is /readyz's to tell
            return

    def _counts(self) -> Iterator[Metric]:
        items = GaugeMetricFamily("morelike_items", "Searchable items.", labels=["collection"])
        rejected = GaugeMetricFamily("morelike_rejected", "Rows of the ledger.", labels=["collection"])
        for summary in self._library.collections():
            items.add_metric([summary.name], summary.items)
            rejected.add_metric([summary.name], summary.rejected)
        jobs = GaugeMetricFamily("morelike_jobs", "Jobs by state.", labels=["state"])
        for state, count in self._library.jobs.counts().items():
            jobs.add_metric([state], count)
        yield from (items, rejected, jobs)

    def _storage(self) -> Iterator[Metric]:
        """As it was measured last: nothing is asked of the stores here."""
        report = self._library.last_storage
        if report is None:
            return
        taken = GaugeMetricFamily("morelike_storage_bytes", "Bytes that the library takes.", labels=["part"])
        for part, size in report.parts.items():
            taken.add_metric([part], size)
        free = GaugeMetricFamily("morelike_disk_free_bytes", "Free on a disk that holds parts of it.", labels=["disk"])
        for disk in report.disks:
            free.add_metric([disk.path], disk.free)
        yield from (taken, free)
        words = "How many limits are reached: those of storage_warn_share and storage_warn_bytes."
        yield GaugeMetricFamily("morelike_storage_warnings", words, value=len(report.warnings))
        if report.forecast is not None and report.forecast.days_left is not None:
            words = "Days until there is no room, as it grows now."
            yield GaugeMetricFamily("morelike_storage_days_left", words, value=report.forecast.days_left)

    def _cache(self) -> Iterator[Metric]:
        counts = self._library.cache_counts()
        yield CounterMetricFamily("morelike_cache_hits", "Look-ups that the cache answered.", value=counts.hits)
        yield CounterMetricFamily("morelike_cache_misses", "Look-ups that it did not.", value=counts.misses)
        yield GaugeMetricFamily("morelike_cache_hit_rate", "Hits by look-ups since the start.", value=counts.hit_rate)

    def _encoders(self) -> Iterator[Metric]:
        """Payloads by batches is the mean size of a batch: how much concurrent queries share."""
        names = {
            "queries": "Queries that an encoder was asked for.",
            "batches": "Batches that an encoder ran.",
            "payloads": "Pictures and texts that an encoder encoded.",
            "seconds": "Seconds that an encoder worked.",
        }
        metrics = {
            name: CounterMetricFamily(f"morelike_encoder_{name}", sentence, labels=["encoder", "work"])
            for name, sentence in names.items()
        }
        for lane in self._library.batching():
            metrics["queries"].add_metric([lane.encoder, "query"], lane.queries)
            metrics["batches"].add_metric([lane.encoder, "query"], lane.query_batches)
            metrics["batches"].add_metric([lane.encoder, "add"], lane.bulk_batches)
            metrics["payloads"].add_metric([lane.encoder, "query"], lane.query_payloads)
            metrics["payloads"].add_metric([lane.encoder, "add"], lane.bulk_payloads)
            metrics["seconds"].add_metric([lane.encoder, "query"], lane.query_seconds)
            metrics["seconds"].add_metric([lane.encoder, "add"], lane.bulk_seconds)
        yield from metrics.values()
