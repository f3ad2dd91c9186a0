"""`stoa bridge` as a foreign client's stdio server, in front of the real platform."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters
from mcp.client.stdio import stdio_client

from tests.support import RunningPlatform


@pytest.mark.protocol("D-03", "D-04")
@pytest.mark.parametrize("mode", ["auto", "legacy"])
async def test_a_client_that_knows_pipes_only_lists_and_calls(
    running_platform: RunningPlatform, weather_url: str, mode: str
) -> None:
    command = StdioServerParameters(
        command=str(Path(sys.executable).parent / "stoa"),
        args=["bridge", weather_url],
        env={**os.environ, "STOA_API_KEY": running_platform.api_key},
    )

    async with Client(stdio_client(command), mode=mode) as client:
        tools = await client.list_tools()
        result = await client.call_tool("get_forecast", {"city": "Lima"})

    assert "get_forecast" in [tool.name for tool in tools.tools]
    assert "Lima" in str(result.content[0])
