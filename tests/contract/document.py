"""The document that FastMCP users know, and what runs its blocks.

`fastmcp_document.txt` is kept as it is. Its Python blocks are read from it when the tests run, and each is executed
with nothing but the surroundings it leans on: names that an earlier block defined, a file, a host.
"""

from __future__ import annotations

import ast
import inspect
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

import pytest

from tests.contract.hosts import Hosts

DOCUMENT = Path(__file__).with_name("fastmcp_document.txt")
COUNT = 62
"""How many Python blocks the document has."""

_BLOCK = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)


def blocks() -> list[str]:
    """The Python blocks, in order. The first one is block 1."""
    return _BLOCK.findall(DOCUMENT.read_text(encoding="utf-8"))


@dataclass
class Stage:
    """One block, and what it may need around it."""

    number: int
    text: str
    folder: Path
    """Empty, and the working folder of the block."""
    patch: pytest.MonkeyPatch
    hosts: Hosts
    redis_url: str
    """The tests' own, for the cases about it."""

    async def run(self, **surroundings: Any) -> dict[str, Any]:
        """Execute the block with these names defined. Returns its names; a block may await at its top level."""
        module = ModuleType(f"document_block_{self.number}")
        self.patch.setitem(sys.modules, module.__name__, module)  # where dataclasses and pydantic look names up
        names = vars(module)
        names.update(surroundings)
        code = compile(self.text, f"<block {self.number}>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
        assert isinstance(code, CodeType)
        if code.co_flags & inspect.CO_COROUTINE:
            await eval(code, names)
        else:
            exec(code, names)
        return names

    async def run_inside(self, **surroundings: Any) -> dict[str, Any]:
        """Execute a block whose `ctx` is a request's: as the body of a tool, called in memory."""
        from mcp_runtime.client import Client
        from mcp_runtime.framework import Context, FastMCP

        client_options = surroundings.pop("client_options", {})
        server = surroundings.pop("server", None) or FastMCP("surroundings")
        names: dict[str, Any] = {}

        async def body(ctx: Context) -> str:
            names.update(await self.run(ctx=ctx, **surroundings))
            return "done"

        server.tool(body)
        async with Client(server, **client_options) as client:
            await client.call_tool("body")
        return names
