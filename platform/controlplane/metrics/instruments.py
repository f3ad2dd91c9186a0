"""The numbers, and how records of requests become some of them. docs/reference/metrics.md is written from here."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)
from prometheus_client.metrics import MetricWrapperBase

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300)
METHODS = frozenset(
    {
        "initialize", "ping", "tools/list", "tools/call", "resources/list", "resources/templates/list",
        "resources/read", "resources/subscribe", "resources/unsubscribe", "prompts/list", "prompts/get",
        "completion/complete", "logging/setLevel", "server/discover", "subscriptions/listen", "tasks/get",
        "tasks/list", "tasks/result", "tasks/cancel", "tasks/update", "GET", "DELETE", "OPTIONS",
    }
)  # fmt: skip
"""Methods that are labels; clients may make up others, which are `other`."""
MAX_OUTCOMES = 100
"""Outcomes that are labels. They are our own error codes, of which there are fewer."""


class Instruments:
    """One per process."""

    def __init__(self) -> None:
        self.registry = registry = CollectorRegistry(auto_describe=True)
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

        self.requests = Counter(
            "stoa_requests", "Requests to endpoints, by MCP method and outcome (`ok`, or docs/reference/errors.md).",
            ("method", "outcome"), registry=registry,
        )  # fmt: skip
        self.request_seconds = Histogram(
            "stoa_request_seconds", "From the first header to the last byte of the answer; streams are left out.",
            ("method",), buckets=SECONDS, registry=registry,
        )  # fmt: skip
        self.calls = Counter(
            "stoa_calls", "Requests that were passed on to a server, by its kind and the outcome.",
            ("connector", "outcome"), registry=registry,
        )  # fmt: skip
        self.call_seconds = Histogram(
            "stoa_call_seconds", "How long those took.", ("connector",), buckets=SECONDS, registry=registry
        )
        self.dropped = Counter(
            "stoa_dropped_notifications", "Notifications that slow clients never got.", registry=registry
        )
        self.http_requests = Counter(
            "stoa_http_requests", "Requests to everything but endpoints, by part and class of status.",
            ("part", "status"), registry=registry,
        )  # fmt: skip
        self.http_seconds = Histogram(
            "stoa_http_seconds", "How long those took.", ("part",), buckets=SECONDS, registry=registry
        )
        self.in_flight = Gauge("stoa_calls_in_flight", "Calls being served by this process.", registry=registry)
        self.streams = Gauge("stoa_streams", "Streams held open by this process.", registry=registry)
        self.websockets = Gauge("stoa_websockets", "Live pages of the dashboard on this process.", registry=registry)
        self.plans = Gauge("stoa_plans", "Endpoints whose plan is in memory.", registry=registry)
        self.plan_loads = Counter(
            "stoa_plan_loads", "Plans read from the database: misses of that memory.", registry=registry
        )
        self.sandbox_up = Gauge("stoa_sandbox_up", "1 if the runner of this host answers.", registry=registry)
        self.sandbox_missing = Gauge(
            "stoa_sandbox_guarantees_missing", "Guarantees that this host's sandboxes do not give.", registry=registry
        )
        self.workers = Gauge(
            "stoa_sandbox_workers", "Sandboxed workers of this host, by state.", ("state",), registry=registry
        )
        self.worker_bytes = Gauge("stoa_sandbox_resident_bytes", "Memory of them together.", registry=registry)
        self.redis_up = Gauge("stoa_redis_up", "1 if Redis answers.", registry=registry)
        self.queue_length = Gauge("stoa_queue_length", "Messages that wait for a worker.", registry=registry)
        self.queue_age = Gauge("stoa_queue_age_seconds", "Age of the oldest of them.", registry=registry)
        self._outcomes: set[str] = set()

    def described(self) -> Iterator[tuple[str, str, tuple[str, ...], str]]:
        """Name, type, labels and meaning of each of our own, for the reference page."""
        for instrument in vars(self).values():
            if isinstance(instrument, MetricWrapperBase):
                (family, *_) = instrument.describe()
                name = f"{family.name}_total" if family.type == "counter" else family.name
                yield name, family.type, tuple(instrument._labelnames), family.documentation

    def keep(self, lines: bytes) -> None:
        """Count a batch of the gateway's records, one JSON object a line."""
        for line in lines.splitlines():
            self._count(_RECORD.decode(line))

    def _count(self, record: _Record) -> None:
        method = record.method if record.method in METHODS else "other"
        outcome = self._bounded(record.outcome)
        self.requests.labels(method, outcome).inc()
        if method not in _STREAMS:
            self.request_seconds.labels(method).observe(record.ms / 1000)
        if record.connector:
            self.calls.labels(record.connector, outcome).inc()
            self.call_seconds.labels(record.connector).observe(record.ms / 1000)
        if record.dropped:
            self.dropped.inc(record.dropped)

    def _bounded(self, outcome: str) -> str:
        if outcome not in self._outcomes:
            if len(self._outcomes) >= MAX_OUTCOMES:
                return "other"
            self._outcomes.add(outcome)
        return outcome


class _Record(msgspec.Struct):
    """What of `gateway.records.CallRecord` is counted."""

    method: str = ""
    connector: str = ""
    outcome: str = "ok"
    dropped: int = 0
    ms: float = 0.0


_RECORD = msgspec.json.Decoder(_Record)
_STREAMS = frozenset({"GET", "subscriptions/listen"})
