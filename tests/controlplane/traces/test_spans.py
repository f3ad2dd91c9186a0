"""What a collector receives, over the wire of OTLP."""

from __future__ import annotations

import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import msgspec
import pytest
from django.core.exceptions import ImproperlyConfigured
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from pytest_django import Settings

from controlplane.traces import opened
from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.gateway.tracing import Trace

TRACE, CLIENT, REQUEST, SERVER = "4b" * 16, "c1" * 8, "e2" * 8, "5e" * 8


class Collector(ThreadingHTTPServer):
    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.received: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def spans(self) -> list[Span]:
        return [
            span
            for _, request in self.received
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        ]


class _Handler(BaseHTTPRequestHandler):
    server: Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        self.server.received.append((self.path, ExportTraceServiceRequest.FromString(body)))
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def collector(settings: Settings) -> Iterator[Collector]:
    with Collector() as collector:
        thread = threading.Thread(target=collector.serve_forever)
        thread.start()
        settings.OTEL_EXPORTER_OTLP_ENDPOINT = f"http://127.0.0.1:{collector.server_port}"
        yield collector
        collector.shutdown()
        thread.join()


def export(*records: CallRecord) -> None:
    spans = opened("stoa-web")
    assert spans is not None
    spans.put(b"".join(msgspec.json.encode(record) + b"\n" for record in records))
    spans.close()


def call(*, sampled: bool = True, outcome: str = "ok") -> CallRecord:
    trace = Trace(TRACE, REQUEST, CLIENT, sampled, server_span=SERVER, server_at=1000.25, server_ms=500.0)
    return CallRecord(
        "req_1", at=1000.0, tenant="acme", endpoint="weather", subject="key_1", protocol="2026-07-28",
        method="tools/call", name="add", connector="python", status=200, outcome=outcome, ms=1000.0, trace=trace,
    )  # fmt: skip


def attributes(span: Span) -> dict[str, object]:
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_call_is_a_span_around_that_of_the_server(collector: Collector) -> None:
    export(call())

    request, asked = collector.spans
    assert collector.received[0][0] == "/v1/traces"
    assert (request.trace_id.hex(), request.span_id.hex(), request.parent_span_id.hex()) == (TRACE, REQUEST, CLIENT)
    assert (asked.trace_id.hex(), asked.span_id.hex(), asked.parent_span_id.hex()) == (TRACE, SERVER, REQUEST)
    assert (request.kind, asked.kind) == (Span.SPAN_KIND_SERVER, Span.SPAN_KIND_CLIENT)
    assert request.start_time_unix_nano <= asked.start_time_unix_nano
    assert asked.end_time_unix_nano <= request.end_time_unix_nano


def test_a_span_says_who_called_what(collector: Collector) -> None:
    export(call())

    assert collector.spans[0].name == "tools/call add"
    assert attributes(collector.spans[0]) == {
        "mcp.method.name": "tools/call",
        "mcp.protocol.version": "2026-07-28",
        "gen_ai.tool.name": "add",
        "stoa.request_id": "req_1",
        "stoa.tenant": "acme",
        "stoa.endpoint": "weather",
        "stoa.subject": "key_1",
        "http.response.status_code": 200,
    }


def test_what_went_well_and_was_not_sampled_is_left_out(collector: Collector) -> None:
    export(call(sampled=False))

    assert collector.spans == []


def test_what_failed_is_told_whatever_was_sampled(collector: Collector) -> None:
    export(call(sampled=False, outcome="timeout"))

    assert attributes(collector.spans[0])["error.type"] == "timeout"
    assert collector.spans[0].status.code == collector.spans[0].status.STATUS_CODE_ERROR


def test_the_process_is_named(collector: Collector) -> None:
    export(call())

    resource = collector.received[0][1].resource_spans[0].resource
    assert {one.key: one.value.string_value for one in resource.attributes}["service.name"] == "stoa-web"


def test_without_a_collector_nothing_is_exported() -> None:
    assert opened("stoa-web") is None


def test_an_installation_without_the_packages_is_told_which(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.OTEL_EXPORTER_OTLP_ENDPOINT = "http://127.0.0.1:1"
    monkeypatch.setitem(sys.modules, "controlplane.traces.spans", None)

    with pytest.raises(ImproperlyConfigured, match=r"install stoa\[tracing\]"):
        opened("stoa-web")
