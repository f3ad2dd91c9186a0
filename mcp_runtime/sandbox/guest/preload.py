"""What a zygote has done before it forks, so that no worker has to: the imports, and the first use of what is slow the
first time (SANDBOX 3: pydantic bare 76 ms, with a model 234 ms)."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import typing
from typing import Final

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
    asyncio.run(_nothing())


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


async def _nothing() -> None:
    await asyncio.sleep(0)
