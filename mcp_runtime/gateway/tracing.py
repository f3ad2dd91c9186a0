"""Which trace a request belongs to, and which part of it was spent at a server.

A gateway makes no spans. It puts into the record of a request what they are made of; `controlplane.tracing` makes them
of finished records, in batches and off the path. What went wrong is thus known before anything is dropped.
"""

from __future__ import annotations

import os
import time

import msgspec

from mcp_runtime.protocol.trace_context import TraceParent, parse
from mcp_runtime.transports.asgi import Header


class Trace(msgspec.Struct, omit_defaults=True):
    """A request's place in a trace. Identifiers are hexadecimal: 32 digits for the trace, 16 for a span."""

    id: str
    span: str
    """The request itself."""
    parent: str = ""
    """What the client did when it asked."""
    sampled: bool = False
    server_span: str = ""
    """What the server was asked for it."""
    server_at: float = 0.0
    """Seconds since 1970."""
    server_ms: float = 0.0

    def ask_server(self) -> str:
        """The server is about to be asked. The `traceparent` for it."""
        self.server_span, self.server_at = os.urandom(8).hex(), time.time()
        return str(TraceParent(self.id, self.server_span, self.sampled))

    def goes_on(self) -> str:
        """The `traceparent` for what happens after the request, because of it."""
        return str(TraceParent(self.id, self.span, self.sampled))

    def server_answered(self) -> None:
        self.server_ms = round((time.time() - self.server_at) * 1000, 3)


def begin(meta: object, headers: tuple[Header, ...], percent: int) -> Trace:
    """The place of a request in the trace that its `_meta` names, else in that of its HTTP header, else in a new one.

    Who began the trace decided whether it is sampled; of our own, `percent` are.
    """
    parent = parse(meta.get("traceparent")) if isinstance(meta, dict) else None
    parent = parent or parse(_header(headers))
    span = os.urandom(8).hex()
    if parent is not None:
        return Trace(parent.trace, span, parent.span, parent.sampled)
    trace = os.urandom(16).hex()
    return Trace(trace, span, sampled=int(trace[:8], 16) % 100 < percent)


def _header(headers: tuple[Header, ...]) -> str | None:
    for name, value in headers:
        if name == b"traceparent":
            return value.decode("latin-1")
    return None
