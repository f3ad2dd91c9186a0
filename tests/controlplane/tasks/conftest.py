"""Orders of acme's callers, and a worker's engine in the test's own process."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from controlplane.tasks import records
from controlplane.tasks.models import Task
from mcp_runtime.ports.tasks import TaskOrder
from tenants.context import acting_for
from tests.support.cast import Cast

Ordered = Callable[..., TaskOrder]
Made = Callable[..., Task]


@pytest.fixture
def order(cast: Cast) -> Ordered:
    """A call of `long` at acme's endpoint `weather`, by Ada."""

    def made(**changes: Any) -> TaskOrder:
        ada = cast.principal(cast.ada, cast.acme)
        facts: dict[str, Any] = {
            "principal": ada, "tenant": "acme", "endpoint": "weather", "endpoint_id": "ep_weather", "version": 1,
            "method": "tools/call", "name": "long", "params": {"name": "long", "arguments": {"to": "Hunter2"}},
            "revision": "2026-07-28", "capabilities": {"elicitation": {}}, "request_id": "req_1",
        }  # fmt: skip
        return msgspec.convert(facts | changes, TaskOrder)

    return made


@pytest.fixture
def make(cast: Cast, order: Ordered) -> Made:
    """Keep such an order as a task."""

    def made(**changes: Any) -> Task:
        with acting_for(cast.acme.id):
            wanted = order(**changes)
            return records.create(wanted, acting=wanted.principal)

    return made
