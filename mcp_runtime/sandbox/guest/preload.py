"""What a zygote has done before it forks, so that no worker has to: the imports, and the first use of what is slow the
first time (SANDBOX 3: pydantic bare 76 ms, with a model 234 ms)."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import typing
from typing import Final

from mcp_runtime.framework import aliases
from mcp_runtime.sandbox.guest import seccomp, syscalls

_MODULES: Final = (
    "base64", "collections.abc", "concurrent.futures.thread", "contextvars", "dataclasses", "datetime", "decimal",
    "enum", "functools", "hashlib", "json", "linecache", "logging", "pathlib", "random", "re", "tempfile", "threading",
    "traceback", "urllib.parse", "uuid",
    "pydantic.fields", "pydantic.networks", "pydantic.types",
    "mcp_runtime.framework", "mcp_runtime.framework.serving", "mcp_runtime.framework.aliases",
    "mcp_runtime.sandbox.guest.boot", "mcp_runtime.sandbox.guest.worker",
)  # fmt: skip


def everything() -> None:
    """Import and exercise. Starts no thread and keeps no file open."""
    for name in _MODULES:
        importlib.import_module(name)
    _models()
    aliases.install()
    asyncio.run(_server())
    for namespaces in (True, False):
        seccomp.program(seccomp.Policy(namespaces=namespaces), syscalls.machine())


def _models() -> None:
    from pydantic import BaseModel, Field, TypeAdapter

    class Sample(BaseModel):
        name: str
        count: int = Field(default=1, ge=0)
        tags: list[str] = []
        nested: dict[str, float] | None = None

    def sample(name: str, count: int = 1) -> str:
        return name * count

    Sample.model_validate({"name": "a", "tags": ["b"]}).model_dump_json()
    Sample.model_json_schema()
    TypeAdapter(typing.get_type_hints(sample)["name"]).validate_python("a")
    inspect.signature(sample)


async def _server() -> None:
    """A whole server, once: what is looked up and worked out for the first time is there for all that follow."""
    from mcp_runtime.framework import FastMCP, serving
    from mcp_runtime.framework.settings import settings
    from mcp_runtime.ports.workers import Caller
    from mcp_runtime.sandbox.guest import frames

    class Silent:
        caller = Caller("", "", "")
        request_id = ""

        def log(self, level: str, logger: str | None, data: object) -> None: ...

        def progress(self, progress: float, total: float | None, message: str | None) -> None: ...

    async def sample(name: str, count: int = 1) -> list[str]:
        """Repeat a name."""
        return [name] * count

    mcp = FastMCP("preload")
    mcp.tool(sample)
    frames.encode(frames.Kind.READY, 0, "", await serving.describe(mcp))
    await serving.serve(mcp, "tools/call", {"name": "sample", "arguments": {"name": "a"}}, Silent())
    await mcp.stop()
    settings.forget()  # they are the worker's environment's, which there is not yet
