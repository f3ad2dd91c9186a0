"""The ports, in memory: for tests, and for serving without a database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Generic, TypeVar

import msgspec

from mcp_runtime.ports.plans import PlanDocument
from mcp_runtime.ports.sandboxes import Asker, EventSink, RunnerUnavailable
from mcp_runtime.ports.workers import Caller, Manifest, Worker
from tenants.principal import Principal

T = TypeVar("T")

WorkerCode = Callable[[str, msgspec.Raw, Caller, EventSink], Awaitable[object]]
"""What stands in for a worker: `(method, params, caller, on_event)` -> a result that msgspec can encode, or Raw."""

AskingCode = Callable[[str, msgspec.Raw, Caller, EventSink, Asker | None], Awaitable[object]]
"""The same for code that asks the client."""


class MemoryCatalogue:
    """Plans by tenant and endpoint; `publish` and `withdraw` announce themselves."""

    def __init__(self, *documents: PlanDocument) -> None:
        self._plans = {(document.tenant, document.endpoint): document for document in documents}
        self._changes = _Announcements[tuple[str, str]]()
        self.asked = 0

    async def plan(self, tenant: str, endpoint: str) -> PlanDocument | None:
        self.asked += 1
        return self._plans.get((tenant, endpoint))

    def changes(self) -> AsyncIterator[tuple[str, str]]:
        return self._changes.listen()

    def publish(self, document: PlanDocument) -> None:
        self._plans[document.tenant, document.endpoint] = document
        self._changes.announce((document.tenant, document.endpoint))

    def withdraw(self, tenant: str, endpoint: str) -> None:
        del self._plans[tenant, endpoint]
        self._changes.announce((tenant, endpoint))


class MemoryCredentials:
    """Tokens by tenant slug."""

    def __init__(self) -> None:
        self._principals: dict[tuple[str, str], Principal] = {}
        self._revocations = _Announcements[str]()
        self.asked = 0
        self.refusals: list[tuple[Principal, str]] = []

    async def authenticate(self, token: str, *, tenant: str) -> Principal | None:
        self.asked += 1
        return self._principals.get((tenant, token))

    async def refused(self, principal: Principal, fault: str) -> None:
        self.refusals.append((principal, fault))

    def revocations(self) -> AsyncIterator[str]:
        return self._revocations.listen()

    def grant(self, token: str, principal: Principal, *, tenant: str) -> None:
        self._principals[tenant, token] = principal

    def revoke(self, subject: str) -> None:
        self._principals = {key: one for key, one in self._principals.items() if one.subject != subject}
        self._revocations.announce(subject)


class MemorySecrets:
    """Servers' variables, by server id."""

    def __init__(self, **environments: dict[str, str]) -> None:
        self.environments = environments

    async def environment(self, tenant_id: str, server_id: str) -> dict[str, str]:
        return self.environments.get(server_id, {})


class MemorySandboxes:
    """Runs workers' calls as coroutines in this process, by server id. Nothing is isolated: never for real code."""

    def __init__(self, **code: WorkerCode) -> None:
        self.code: dict[str, WorkerCode] = code
        self.asking: dict[str, AskingCode] = {}

    async def call(
        self,
        worker: Worker,
        method: str,
        params: msgspec.Raw,
        *,
        caller: Caller,
        on_event: EventSink | None = None,
        asker: Asker | None = None,
    ) -> msgspec.Raw:
        asking = self.asking.get(worker.server_id)
        code = self.code.get(worker.server_id)
        if asking is not None:
            result = await asking(method, params, caller, on_event or _ignore, asker)
        elif code is not None:
            result = await code(method, params, caller, on_event or _ignore)
        else:
            raise RunnerUnavailable(f"No code stands in for {worker.server_id}.")
        return result if isinstance(result, msgspec.Raw) else msgspec.Raw(msgspec.json.encode(result))

    async def describe(self, worker: Worker) -> Manifest:
        return Manifest(name=worker.server_id)


class _Announcements(Generic[T]):
    """Hands every announcement to everyone who listens at that moment."""

    def __init__(self) -> None:
        self._listeners: set[asyncio.Queue[T]] = set()

    def announce(self, item: T) -> None:
        for queue in self._listeners:
            queue.put_nowait(item)

    async def listen(self) -> AsyncIterator[T]:
        queue: asyncio.Queue[T] = asyncio.Queue()
        self._listeners.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            self._listeners.discard(queue)


def _ignore(method: str, params: msgspec.Raw) -> None:
    """For callers that want no events."""
