"""Spans of finished requests, for an OpenTelemetry collector. docs/operations/monitoring.md says what is in them.

The gateway's records say where a request belongs (`mcp_runtime.gateway.tracing`); each traced one becomes a span for
the request, and one for what a server was asked. They are made after the fact, so that errors are exported whatever was
sampled. Names and attributes are those of OpenTelemetry's semantic conventions for MCP.
"""

from __future__ import annotations

import os

import msgspec
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import SpanContext, SpanKind, Status, StatusCode, TraceFlags

from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.gateway.tracing import Trace

Attributes = dict[str, str | int]

_ATTRIBUTES = {
    "mcp.method.name": "method",
    "mcp.protocol.version": "protocol",
    "stoa.request_id": "request_id",
    "stoa.tenant": "tenant",
    "stoa.endpoint": "endpoint",
    "stoa.subject": "subject",
    "stoa.credential": "credential",
}
"""Attribute by attribute, the member of the record."""
_NAMES = {"tools/call": "gen_ai.tool.name", "prompts/get": "gen_ai.prompt.name", "resources/read": "mcp.resource.uri"}
"""By method, the attribute that `record.name` is."""


class Spans:
    """An outlet of `gateway.records` that exports what is traced. `put` returns at once; a collector that is slow or
    away costs spans, which its exporter says in the log, and nothing else."""

    def __init__(self, endpoint: str, service: str) -> None:
        """`endpoint` is the collector's base address. OTEL_SERVICE_NAME goes before `service`."""
        self._resource = Resource.create({"service.name": os.environ.get("OTEL_SERVICE_NAME") or service})
        self._processor = BatchSpanProcessor(OTLPSpanExporter(endpoint.rstrip("/") + "/v1/traces"))
        self._decoder = msgspec.json.Decoder(CallRecord)

    def put(self, lines: bytes) -> None:
        """Take a batch of records, one JSON object a line."""
        for line in lines.splitlines():
            record = self._decoder.decode(line)
            if record.trace is not None and (record.trace.sampled or record.outcome != "ok"):
                self._export(record, record.trace)

    def close(self) -> None:
        """Export what waits, then end."""
        self._processor.shutdown()

    def _export(self, record: CallRecord, trace: Trace) -> None:
        known: Attributes = {key: value for key, member in _ATTRIBUTES.items() if (value := getattr(record, member))}
        if record.name:
            known[_NAMES.get(record.method, "stoa.name")] = record.name
        status: Attributes = {"http.response.status_code": record.status} if record.status else {}
        self._end(
            record,
            _context(trace.id, trace.span),
            _context(trace.id, trace.parent, remote=True) if trace.parent else None,
            SpanKind.SERVER if record.status else SpanKind.CONSUMER,  # a task is answered by nobody's HTTP
            known | status,
            (record.at, record.ms),
        )
        if trace.server_span:
            self._end(
                record,
                _context(trace.id, trace.server_span),
                _context(trace.id, trace.span),
                SpanKind.CLIENT,
                known | {"stoa.connector": record.connector},
                (trace.server_at, trace.server_ms),
            )

    def _end(
        self,
        record: CallRecord,
        context: SpanContext,
        parent: SpanContext | None,
        kind: SpanKind,
        attributes: Attributes,
        time: tuple[float, float],
    ) -> None:
        """`time` is when it began, in seconds since 1970, and how many milliseconds it took."""
        failed = record.outcome != "ok"
        began = int(time[0] * 1_000_000_000)
        self._processor.on_end(
            ReadableSpan(
                name=f"{record.method} {record.name}".strip(),
                context=context,
                parent=parent,
                resource=self._resource,
                attributes=attributes | ({"error.type": record.outcome} if failed else {}),
                kind=kind,
                status=Status(StatusCode.ERROR if failed else StatusCode.UNSET),
                start_time=began,
                end_time=began + int(time[1] * 1_000_000),
            )
        )


def _context(trace: str, span: str, *, remote: bool = False) -> SpanContext:
    # The exporter drops what is not marked as sampled; that decision was made before.
    return SpanContext(int(trace, 16), int(span, 16), is_remote=remote, trace_flags=TraceFlags(TraceFlags.SAMPLED))
