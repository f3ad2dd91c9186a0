"""The in-memory ports keep the ports' promises."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from mcp_runtime.ports.memory import MemoryCatalogue, MemoryCredentials, MemorySandboxes
from mcp_runtime.ports.plans import PlanDocument
from mcp_runtime.ports.sandboxes import EventSink, RunnerUnavailable
from mcp_runtime.ports.workers import Caller, Worker
from tenants.principal import Principal

ADA = Principal("ten_acme", "stoa:keys", "key_ada", "api_key", "key_ada", frozenset(), frozenset(), "*")
CALLER = Caller("req_1", "key_ada", "key_ada")


def document(version: int = 1) -> PlanDocument:
    return PlanDocument("ten_acme", "acme", "ep_1", "weather", version, "weather", "1", None, members=())


def worker(server_id: str) -> Worker:
    return Worker("ten_acme", server_id, "rev_1", "c0de", "server.py")


async def test_a_catalogue_has_what_was_published_and_says_so() -> None:
    catalogue = MemoryCatalogue()
    changes = catalogue.changes()
    heard = asyncio.ensure_future(anext(changes))
    await asyncio.sleep(0)

    catalogue.publish(document())

    assert await heard == ("acme", "weather")
    assert await catalogue.plan("acme", "weather") == document()
    await changes.aclose()  # type: ignore[attr-defined]


async def test_a_withdrawn_plan_is_gone() -> None:
    catalogue = MemoryCatalogue(document())

    catalogue.withdraw("acme", "weather")

    assert await catalogue.plan("acme", "weather") is None


async def test_credentials_belong_to_one_tenant_until_revoked() -> None:
    credentials = MemoryCredentials()
    credentials.grant("token", ADA, tenant="acme")

    before = await credentials.authenticate("token", tenant="acme")
    elsewhere = await credentials.authenticate("token", tenant="globex")
    credentials.revoke("key_ada")

    assert (before, elsewhere) == (ADA, None)
    assert await credentials.authenticate("token", tenant="acme") is None


async def test_code_stands_in_for_a_worker() -> None:
    async def code(method: str, params: msgspec.Raw, caller: Caller, on_event: EventSink) -> object:
        on_event("notifications/progress", msgspec.Raw(b'{"progress":1}'))
        return {"method": method, "params": params}

    sandboxes = MemorySandboxes(srv=code)
    events: list[str] = []

    result = await sandboxes.call(
        worker("srv"),
        "tools/call",
        msgspec.Raw(b'{"a":1}'),
        caller=CALLER,
        on_event=lambda method, params: events.append(method),
    )

    assert bytes(result) == b'{"method":"tools/call","params":{"a":1}}'
    assert events == ["notifications/progress"]


async def test_a_worker_without_code_is_unavailable() -> None:
    with pytest.raises(RunnerUnavailable):
        await MemorySandboxes().call(worker("srv"), "tools/call", msgspec.Raw(b"{}"), caller=CALLER)
