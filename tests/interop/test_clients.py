"""Foreign clients list and call on the real platform, through the front door."""

from __future__ import annotations

import contextlib
import json
from collections.abc import AsyncIterator
from typing import Literal

import httpx2
import pytest
from fastmcp import Client as FastMCPClient
from mcp import Client as SDKClient
from mcp.client.streamable_http import streamable_http_client

from tests.interop.conftest import TypeScript, stoa
from tests.support import RunningPlatform

Mode = Literal["auto", "legacy"]


@contextlib.asynccontextmanager
async def _sdk(url: str, key: str, mode: Mode) -> AsyncIterator[SDKClient]:
    async with (
        httpx2.AsyncClient(headers={"Authorization": f"Bearer {key}"}, timeout=60) as http,
        SDKClient(streamable_http_client(url, http_client=http), mode=mode) as client,
    ):
        yield client


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_the_python_sdk_lists_and_calls(running_platform: RunningPlatform, weather_url: str, mode: Mode) -> None:
    async with _sdk(weather_url, running_platform.api_key, mode) as client:
        tools = await client.list_tools()
        result = await client.call_tool("get_forecast", {"city": "Lima"})

    assert "get_forecast" in [tool.name for tool in tools.tools]
    assert not result.is_error
    assert "Lima" in str(result.content[0])


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_fastmcp_lists_and_calls(running_platform: RunningPlatform, weather_url: str, mode: Mode) -> None:
    async with FastMCPClient(weather_url, auth=running_platform.api_key, mode=mode) as client:
        tools = await client.list_tools()
        result = await client.call_tool("get_forecast", {"city": "Lima"})

    assert "get_forecast" in [tool.name for tool in tools]
    assert "Lima" in str(result.data)


@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_fastmcp_hears_progress_and_reads(running_platform: RunningPlatform, mode: Mode) -> None:
    heard: list[float] = []

    async def on_progress(progress: float, total: float | None, message: str | None) -> None:
        heard.append(progress)

    async with FastMCPClient(running_platform.endpoint_url, auth=running_platform.api_key, mode=mode) as client:
        await client.call_tool("count", {"to": 3}, progress_handler=on_progress)
        resources = await client.list_resources()
        content = await client.read_resource(resources[0].uri)
        prompts = await client.list_prompts()

    assert heard == [1, 2, 3]
    assert content
    assert prompts


@pytest.mark.parametrize("sdk", ["client", "sdk"])
def test_the_typescript_clients_list_and_call(
    running_platform: RunningPlatform, weather_url: str, typescript: TypeScript, sdk: str
) -> None:
    done = typescript(sdk, weather_url, running_platform.api_key, "get_forecast", '{"city": "Lima"}')

    assert done.returncode == 0, done.stderr
    seen = json.loads(done.stdout)
    assert "get_forecast" in seen["tools"]
    assert "Lima" in seen["result"]["content"][0]["text"]
    assert seen["unknown"] == -32602


@pytest.mark.parametrize("sdk", ["client", "sdk"])
def test_the_typescript_clients_hear_progress(
    running_platform: RunningPlatform, typescript: TypeScript, sdk: str
) -> None:
    done = typescript(sdk, running_platform.endpoint_url, running_platform.api_key, "count", '{"to": 3}')

    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["progress"] == [1, 2, 3]


@pytest.mark.parametrize("sdk", ["client", "sdk"])
def test_a_typescript_client_with_a_wrong_key_is_refused(
    running_platform: RunningPlatform, typescript: TypeScript, sdk: str
) -> None:
    done = typescript(sdk, running_platform.endpoint_url, "stoa_wrong", "add", "{}")

    assert done.returncode != 0
    assert "401" in done.stderr or "nauthorized" in done.stderr


def test_the_command_calls_what_it_deployed(running_platform: RunningPlatform, weather_url: str) -> None:
    done = stoa(running_platform, "call", "weather", "get_forecast", "-a", "city=Lima", "--tenant", "demo")

    assert "Lima" in done.stdout
