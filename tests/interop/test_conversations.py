"""Clients of today are asked, cancel and resume on the real platform, in the eras that they speak."""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Coroutine
from pathlib import Path
from typing import Any, Literal

import httpx2
import pytest
from fastmcp import Client as FastMCPClient
from mcp import Client, types
from mcp.client.streamable_http import streamable_http_client

from tests.interop.answering import elicited, sampled
from tests.interop.cutting import seen, wired
from tests.support import RunningPlatform, wait_until_async

Mode = Literal["legacy", "2026-07-28"]
SECONDS = 120.0


@contextlib.asynccontextmanager
async def sdk(
    platform: RunningPlatform, url: str, mode: Mode
) -> AsyncIterator[Callable[..., Coroutine[Any, Any, str]]]:
    """`call(tool, arguments, heard)` through the Python SDK's client, which answers what it is asked."""
    key = {"Authorization": f"Bearer {platform.api_key}"}
    async with (
        httpx2.AsyncClient(headers=key, timeout=SECONDS) as http,
        Client(
            streamable_http_client(url, http_client=http), mode=mode,
            sampling_callback=sampled, elicitation_callback=elicited,
        ) as client,
    ):  # fmt: skip

        async def call(tool: str, arguments: dict[str, Any], heard: Any = None) -> str:
            content = (await client.call_tool(tool, arguments, progress_callback=heard)).content[0]
            assert isinstance(content, types.TextContent)
            return content.text

        yield call


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_python_sdk_is_asked(running_platform: RunningPlatform, asking_url: str, mode: Mode) -> None:
    async with sdk(running_platform, f"{asking_url}/mcp", mode) as call:
        greeting, rhyme = await call("greet", {}), await call("rhyme", {"word": "bat"})

    assert (greeting, rhyme) == ("Hello, Ada!", "It says: cat, hat")


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_what_the_python_sdk_cancels_is_given_up(
    running_platform: RunningPlatform, asking_url: str, mode: Mode
) -> None:
    begun = asyncio.Event()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with sdk(running_platform, f"{asking_url}/mcp", mode) as call:

        async def given_up() -> int:
            return int(json.loads(await call("calls_of_work", {}))["cancelled"])

        before = await given_up()
        working = asyncio.create_task(call("work", {}, heard))
        async with asyncio.timeout(SECONDS):
            await begun.wait()
        working.cancel()

        async def one_more() -> bool:
            return await given_up() == before + 1

        await wait_until_async(one_more, SECONDS)


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_what_fastmcp_cancels_is_given_up(running_platform: RunningPlatform, asking_url: str, mode: Mode) -> None:
    begun = asyncio.Event()

    async def heard(progress: float, total: float | None, message: str | None) -> None:
        begun.set()

    async with FastMCPClient(f"{asking_url}/mcp", auth=running_platform.api_key, mode=mode) as client:

        async def given_up() -> int:
            return int((await client.call_tool("calls_of_work", {})).data["cancelled"])

        before = await given_up()
        working = asyncio.create_task(client.call_tool("work", {}, progress_handler=heard))
        async with asyncio.timeout(SECONDS):
            await begun.wait()
        working.cancel()

        async def one_more() -> bool:
            return await given_up() == before + 1

        await wait_until_async(one_more, SECONDS)


async def test_fastmcp_resumes_a_stream(running_platform: RunningPlatform, asking_url: str) -> None:
    async with wired(f"{asking_url}/mcp") as (wire, url):

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            wire.cut()

        async with FastMCPClient(url, auth=running_platform.api_key, mode="legacy") as client:
            answer = await client.call_tool("rest", {}, progress_handler=heard)

    assert answer.data == "rested"


async def test_the_python_sdk_resumes_a_stream(running_platform: RunningPlatform, asking_url: str) -> None:
    async with wired(f"{asking_url}/mcp") as (wire, url):

        async def heard(progress: float, total: float | None, message: str | None) -> None:
            wire.cut()

        async with sdk(running_platform, url, "legacy") as call:
            answer = await call("rest", {}, heard)

    assert answer == "rested"


@pytest.mark.parametrize("mode", ["legacy", "2026-07-28"])
async def test_the_typescript_client_is_asked_cancels_and_resumes(
    running_platform: RunningPlatform, asking_url: str, typescript_folder: Path, mode: Mode
) -> None:
    node, script = Path(sys.executable).parent / "node", typescript_folder / "conversation.mjs"

    found = await seen(running_platform, node, script, f"{asking_url}/mcp", mode)

    resumed = "rested" if mode == "legacy" else None
    assert found == {"greet": "Hello, Ada!", "rhyme": "It says: cat, hat", "cancelled": True, "resumed": resumed}
