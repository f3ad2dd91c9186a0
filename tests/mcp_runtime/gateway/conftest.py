"""A real server on a free port, with the gateway and the world behind it."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import Any

import httpx2
import msgspec
import pytest

from mcp_runtime.gateway.app import Gateway
from mcp_runtime.gateway.settings import GatewaySettings
from mcp_runtime.ports.memory_tasks import MemoryTasks
from mcp_runtime.ports.sessions import Sessions
from mcp_runtime.ports.tasks import Journal, Outcome, TaskOrder
from mcp_runtime.protocol import ladder
from tests.mcp_runtime.gateway import serving
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.world import ADA, META, MODERN, World

ACCEPT = "application/json, text/event-stream"


@dataclass
class Door:
    """The front door as a client sees it, and what is behind it."""

    port: int
    world: World
    http: httpx2.AsyncClient
    gateway: Gateway
    lines: list[bytes] = field(default_factory=list)
    """What the gateway logged, in batches of lines."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/t/acme/weather/mcp"

    async def post(
        self, body: object, *, path: str = "/t/acme/weather/mcp", token: str | None = ADA, **headers: str
    ) -> httpx2.Response:
        """POST a JSON value, or bytes as they are. Header names have underscores for hyphens; "" leaves one out."""
        content = body if isinstance(body, bytes) else msgspec.json.encode(body)
        every = {"accept": ACCEPT, "content-type": "application/json"}
        if token is not None:
            every["authorization"] = f"Bearer {token}"
        every |= {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.http.post(path, content=content, headers={k: v for k, v in every.items() if v})

    async def modern(
        self,
        method: str,
        params: dict[str, object] | None = None,
        *,
        meta: dict[str, object] | None = None,
        path: str = "/t/acme/weather/mcp",
        token: str | None = ADA,
        **headers: str,
    ) -> httpx2.Response:
        """One well-formed request of 2026-07-28."""
        given = params or {}
        name = given.get("name", given.get("uri", given.get("taskId")))
        repeated = {"mcp_protocol_version": MODERN, "mcp_method": method}
        if isinstance(name, str) and method in ladder.NAMED_BY:
            repeated["mcp_name"] = name
        return await self.post(request(method, given, meta=meta), path=path, token=token, **(repeated | headers))

    async def legacy(
        self, method: str, params: dict[str, object] | None = None, *, version: str = "2025-11-25", **headers: str
    ) -> httpx2.Response:
        """One request of the handshake era."""
        body: dict[str, object] = {"jsonrpc": "2.0", "id": 1, "method": method}
        if params is not None:
            body["params"] = params
        return await self.post(body, mcp_protocol_version=version, **headers)


def request(method: str, params: dict[str, object], *, meta: dict[str, object] | None = None) -> dict[str, object]:
    """The body of a 2026-07-28 request."""
    every = {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": {}, **(meta or {})}
    return {"jsonrpc": "2.0", "id": 1, "method": method, "params": {**params, "_meta": every}}


@contextlib.asynccontextmanager
async def opened(
    world: World, sessions: Sessions | None = None, *, tasks: bool = False, **settings: Any
) -> AsyncIterator[Door]:
    """Serve `world` until the block ends; with `tasks`, calls may go on in the background."""
    lines: list[bytes] = []
    chosen = GatewaySettings(public_url="https://mcp.example.com", allowed_hosts=("127.0.0.1",), **settings)

    def run(order: TaskOrder, journal: Journal) -> Awaitable[Outcome]:
        return gateway.run_task(order, journal)

    gateway = Gateway(
        world.catalogue, world.credentials, world.sandboxes, chosen, outlet=lines.append, sessions=sessions,
        tasks=MemoryTasks(run) if tasks else None,
    )  # fmt: skip
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(gateway.aclose)
        port = await stack.enter_async_context(serving.chosen(gateway))
        stack.callback(world.server.release.set)
        # No TLS is spoken; loading certificates would take longer than the test.
        http = httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=20, verify=False)
        yield Door(port, world, await stack.enter_async_context(http), gateway, lines)


@pytest.fixture
def world() -> World:
    return the_world.build()


@pytest.fixture
async def door(world: World) -> AsyncIterator[Door]:
    async with opened(world) as door:
        yield door
