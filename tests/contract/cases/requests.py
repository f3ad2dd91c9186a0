"""Blocks 31 and 32: what a request over HTTP brings."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.auth.providers.jwt import StaticTokenVerifier
from tests.contract.cases import case
from tests.contract.document import Stage
from tests.contract.serving import served


@case(31, "C-20", "C-21")
async def the_http_request_is_there(stage: Stage) -> None:
    mcp = FastMCP("surroundings")
    seen: dict[str, Any] = {}

    @mcp.tool
    async def body() -> str:
        seen.update(await stage.run())
        return "done"

    async with served(mcp) as url, Client(url) as client:
        await client.call_tool("body")
    assert seen["request"].method == "POST"
    assert seen["request"].url.path == "/mcp"
    assert "user-agent" in seen["headers"]
    assert "authorization" not in seen["headers"]
    in_memory: dict[str, Any] = {}

    @mcp.tool
    async def elsewhere() -> str:
        with pytest.raises(RuntimeError):
            in_memory.update(await stage.run())
        return "done"

    async with Client(mcp) as client:
        await client.call_tool("elsewhere")


@case(32, "C-22")
async def the_access_token_is_there(stage: Stage) -> None:
    verifier = StaticTokenVerifier({"a-token": {"client_id": "desk", "scopes": ["read"], "sub": "ada"}})
    mcp = FastMCP("surroundings", auth=verifier)
    seen: dict[str, Any] = {}

    @mcp.tool
    async def body() -> str:
        seen.update(await stage.run())
        return "done"

    async with served(mcp) as url, Client(url, auth="a-token") as client:
        await client.call_tool("body")
    assert seen["token"].token == "a-token"
    assert (seen["user_id"], seen["scopes"]) == ("ada", ["read"])
    async with Client(mcp) as client:
        seen.clear()
        await client.call_tool("body")
    assert seen["token"] is None
