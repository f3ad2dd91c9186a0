"""Clients we did not write, of both eras, through the front door."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import fastmcp
import fastmcp.exceptions
import httpx2
import mcp
import pytest
from fastmcp.client.transports import StreamableHttpTransport
from mcp import types as mcp_types
from mcp.client.sse import sse_client
from mcp.client.streamable_http import streamable_http_client

from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.test_sessions import Asking
from tests.mcp_runtime.gateway.world import ADA

MODES = pytest.mark.parametrize("mode", ["auto", "legacy", "2026-07-28"])


@contextlib.asynccontextmanager
async def sdk(door: Door, mode: Any, **options: Any) -> AsyncIterator[mcp.Client]:
    """The client of the `mcp` SDK 2.x."""
    headers = {"authorization": f"Bearer {ADA}"}
    async with (
        httpx2.AsyncClient(headers=headers, verify=False, timeout=20) as http,
        mcp.Client(streamable_http_client(door.url, http_client=http), mode=mode, **options) as client,
    ):
        yield client


@MODES
async def test_the_sdks_client_lists_and_uses_everything(door: Door, mode: str) -> None:
    async with sdk(door, mode) as client:
        tools = await client.list_tools()
        added = await client.call_tool("add", {"a": 20, "b": 22})
        resources = await client.list_resources()
        read = await client.read_resource("city://lima")
        templates = await client.list_resource_templates()
        prompts = await client.list_prompts()
        prompt = await client.get_prompt("greet", {"who": "Ada"})

    assert "add" in {tool.name for tool in tools.tools}
    assert added.structured_content == {"result": 42}
    assert [str(one.uri) for one in resources.resources] == ["weather://now"]
    assert "read city://lima" in read.model_dump_json()
    assert len(templates.resource_templates) == 2
    assert [one.name for one in prompts.prompts] == ["greet"]
    assert prompt.messages[0].role == "user"


@MODES
async def test_the_sdks_client_hears_progress_and_log_messages(door: Door, mode: str) -> None:
    heard: list[float] = []
    logged: list[str] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async def on_log(params: Any) -> None:
        logged.append(params.level)

    async with sdk(door, mode, logging_callback=on_log) as client:
        await client.call_tool("tell", {}, progress_callback=on_progress)

    assert heard == [1, 2]
    assert logged == (["warning"] if mode == "legacy" else [])


@MODES
async def test_the_sdks_client_sees_errors_as_errors(door: Door, mode: str) -> None:
    async with sdk(door, mode) as client:
        with pytest.raises(mcp.MCPError) as unknown:
            await client.call_tool("nope", {})
        refused = await client.call_tool("refuse", {})
        with pytest.raises(mcp.MCPError) as died:
            await client.call_tool("fail", {"how": "died"})

    assert unknown.value.code == -32602
    assert refused.is_error
    assert died.value.error.data["code"] == "worker_died"


@MODES
async def test_the_sdks_client_answers_questions(door: Door, mode: str) -> None:
    door.world.sandboxes.asking["srv"] = Asking(door.world)

    async def on_elicitation(context: Any, params: Any) -> mcp_types.ElicitResult:
        return mcp_types.ElicitResult(action="accept", content={"name": "Ada"})

    async with sdk(door, mode, elicitation_callback=on_elicitation) as client:
        called = await client.call_tool("wait", {"do": "ask"})

    answered = json.loads(_text(called))
    assert (answered["action"], answered["content"]) == ("accept", {"name": "Ada"})


async def test_the_sdks_client_speaks_http_sse(door: Door) -> None:
    url = door.url.removesuffix("/mcp") + "/sse"
    transport = sse_client(url, headers={"authorization": f"Bearer {ADA}"})
    async with mcp.Client(transport, mode="legacy") as client:
        added = await client.call_tool("add", {"a": 20, "b": 22})

    assert "42" in _text(added)


async def test_fastmcps_client_answers_questions_in_rounds(door: Door) -> None:
    door.world.sandboxes.asking["srv"] = Asking(door.world)

    async def on_elicitation(message: str, response_type: Any, params: Any, context: Any) -> dict[str, str]:
        return {"name": "Ada"}

    transport = StreamableHttpTransport(door.url, auth=ADA)
    async with fastmcp.Client(transport, elicitation_handler=on_elicitation) as client:
        called = await client.call_tool("wait", {"do": "ask"})

    assert json.loads(_text(called))["content"] == {"name": "Ada"}


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_fastmcps_client_lists_and_uses_everything(door: Door, mode: Any) -> None:
    transport = StreamableHttpTransport(door.url, auth=ADA)
    heard: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with fastmcp.Client(transport, mode=mode) as client:
        tools = await client.list_tools()
        added = await client.call_tool("add", {"a": 20, "b": 22})
        await client.call_tool("tell", {}, progress_handler=on_progress)
        read = await client.read_resource("city://lima")
        prompt = await client.get_prompt("greet", {"who": "Ada"})
        with pytest.raises(fastmcp.exceptions.ToolError):
            await client.call_tool("refuse", {})

    assert "add" in {tool.name for tool in tools}
    assert added.structured_content == {"result": 42}
    assert heard == [1, 2]
    assert "read city://lima" in read[0].model_dump_json()
    assert prompt.messages[0].role == "user"


def _text(result: Any) -> str:
    return str(result.content[0].text)
