"""Builds through the real launcher and the real egress proxy, from an index of the test's own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
import pytest_asyncio
from uv import find_uv_bin

from mcp_runtime.ports.builds import BuildRequest, BuildResult
from mcp_runtime.sandbox import build, runtime_dir
from mcp_runtime.sandbox.build import BuildSettings
from mcp_runtime.sandbox.egress import EgressProxy
from mcp_runtime.sandbox.launchers.base import Launcher
from mcp_runtime.sandbox.launchers.zygote import ZygoteLauncher
from mcp_runtime.sandbox.store import Store, discard
from tests.mcp_runtime.sandbox.build.index import Index, serving


@dataclass
class Workshop:
    """Everything that a build needs, and what the last one said."""

    launcher: Launcher
    egress: EgressProxy
    store: Store
    settings: BuildSettings
    log: list[str] = field(default_factory=list)

    async def build(self, *requirements: str, lock: str | None = None, **settings: object) -> BuildResult:
        self.log.clear()
        request = BuildRequest("ten_acme", requirements, lock=lock)
        changed = replace(self.settings, **settings)  # type: ignore[arg-type]
        return await build.run(request, self.launcher, self.egress, self.store.root, self.log.append, settings=changed)

    def with_store(self, root: Path) -> Workshop:
        store = Store(root)
        store.prepare()
        return replace(self, store=store, log=[])


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Index]:
    with serving(tmp_path_factory.mktemp("index")) as index:
        yield index


@pytest.fixture(scope="module")
def runtime(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    home = tmp_path_factory.mktemp("home")
    yield runtime_dir.assemble(home)
    discard(home)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def workshop(tmp_path_factory: pytest.TempPathFactory, index: Index, runtime: Path) -> AsyncIterator[Workshop]:
    home = tmp_path_factory.mktemp("workshop")
    egress = EgressProxy(home / "egress")
    await egress.start()
    launcher = ZygoteLauncher(probe_runtime=runtime)
    store = Store(home / "store")
    store.prepare()
    settings = BuildSettings(
        runtime_dir=runtime, uv=Path(find_uv_bin()), index_url=index.url, certificates=index.certificates
    )
    yield Workshop(launcher, egress, store, settings)
    await launcher.aclose()
    await egress.aclose()
    discard(home)
