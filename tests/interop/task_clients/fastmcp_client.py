"""Uses tasks as `fastmcp_tasks` offers them, and prints what it saw as JSON.

A program of its own: importing `fastmcp_tasks` changes every `fastmcp.Client` of a process.

usage: python -m tests.interop.task_clients.fastmcp_client URL; the API key is in STOA_API_KEY.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from typing import Any

from fastmcp import Client
from fastmcp.exceptions import ToolError
from fastmcp_tasks import call_tool_task

from tests.support import wait_until_async

SECONDS = 120.0
FOREVER = {"pages": 100_000, "pause": 0.5}


async def agreed(message: str, response_type: Any, params: object, context: object) -> Any:
    return response_type(value=True)


async def main(url: str) -> None:
    async with Client(url, auth=os.environ["STOA_API_KEY"], elicitation_handler=agreed) as client:
        seen = {"called": (await client.call_tool("index", {"pages": 2, "pause": 0.1})).data}

        task = await call_tool_task(client, "index", FOREVER)

        async def underway() -> tuple[str, str] | None:
            status = await task.status()
            return (status.status, status.status_message) if status.status_message else None

        seen["underway"], seen["said"] = await wait_until_async(underway, SECONDS)
        await task.cancel()
        seen["cancelled"] = (await task.wait(timeout=SECONDS)).status

        task = await call_tool_task(client, "publish", {"page": 4})
        seen["asking"] = (await task.wait(state="input_required", timeout=SECONDS)).status
        seen["answered"] = (await task.result()).data

        try:
            await client.call_tool("shred", {"page": 7})
        except ToolError as error:
            seen["failed"] = str(error)
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1]))
