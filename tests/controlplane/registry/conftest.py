"""A tenant, and a runner whose answers the test chooses. The real one is used by the tests that start the platform."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from io import BytesIO
from pathlib import Path

import pytest

from controlplane.registry.builds import Runner
from mcp_runtime.ports.builds import BuildRequest, BuildResult, LineSink
from mcp_runtime.ports.workers import Manifest, Worker
from mcp_runtime.sandbox.store import Store
from tenants.models import Tenant
from tenants.services import create_tenant

SERVER = "from fastmcp import FastMCP\nmcp = FastMCP('weather')\n"


@dataclass
class StubRunner:
    """Implements the port by hand: tests of the build's own steps need no sandbox."""

    manifest: Manifest = field(default_factory=lambda: Manifest(name="weather", tools=[tool("get_forecast")]))
    result: BuildResult = field(default_factory=BuildResult)
    build_error: Exception | None = None
    describe_error: Exception | None = None
    on_describe: Callable[[Worker], Awaitable[None]] | None = None
    requests: list[BuildRequest] = field(default_factory=list)
    workers: list[Worker] = field(default_factory=list)

    async def build(self, request: BuildRequest, on_line: LineSink) -> BuildResult:
        self.requests.append(request)
        on_line("Resolved 1 package")
        if self.build_error:
            raise self.build_error
        return self.result

    async def describe(self, worker: Worker) -> Manifest:
        self.workers.append(worker)
        if self.on_describe:
            await self.on_describe(worker)
        if self.describe_error:
            raise self.describe_error
        return self.manifest

    def connect(self) -> AbstractAsyncContextManager[Runner]:
        @asynccontextmanager
        async def connected() -> AsyncIterator[Runner]:
            yield self

        return connected()


def tool(name: str) -> dict[str, object]:
    return {"name": name, "inputSchema": {"type": "object", "properties": {}}}


@pytest.fixture
def runner() -> StubRunner:
    return StubRunner()


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store(tmp_path / "store")
    store.prepare()
    return store


@pytest.fixture
def bundle(store: Store) -> Callable[[str], str]:
    """Puts a source text into the store; answers its digest."""

    def add(text: str = SERVER) -> str:
        return store.add_bundle(BytesIO(text.encode()))

    return add


@pytest.fixture
def acme(transactional_db: None) -> Tenant:
    return create_tenant("acme")
