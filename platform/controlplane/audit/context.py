"""The request that is being served, so that each entry written for it can say so."""

from __future__ import annotations

from contextvars import ContextVar

request_id: ContextVar[str] = ContextVar("request_id", default="")
"""Set by the middleware at the edge; empty in commands and tasks that serve no request."""
