"""The request that is being served, so that each entry and each log line written for it can say so."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from structlog.contextvars import bound_contextvars

_request_id: ContextVar[str] = ContextVar("request_id", default="")


@contextmanager
def serving(request_id: str) -> Iterator[None]:
    """What is recorded and logged inside the block names this request."""
    token = _request_id.set(request_id)
    try:
        with bound_contextvars(request_id=request_id):
            yield
    finally:
        _request_id.reset(token)


def current_request_id() -> str:
    """Empty in commands and tasks that serve no request."""
    return _request_id.get()
