"""Connects with whichever version of the `mcp` package is installed, lists, calls, and prints what it saw as JSON.

usage: client.py URL; the API key is in STOA_API_KEY. A URL that ends in /sse is spoken to by HTTP+SSE.
"""

import asyncio
import contextlib
import inspect
import json
import os
import sys

from mcp import ClientSession, types


@contextlib.asynccontextmanager
async def streams(url, headers):
    if url.endswith("/sse"):
        from mcp.client.sse import sse_client

        async with sse_client(url, headers=headers) as pair:
            yield pair
    else:
        from mcp.client.streamable_http import streamablehttp_client

        async with streamablehttp_client(url, headers=headers) as (reading, writing, _):
            yield reading, writing


async def sampled(context, params):
    return types.CreateMessageResult(
        role="assistant", content=types.TextContent(type="text", text="cat, hat"), model="none", stopReason="endTurn"
    )


async def elicited(context, params):
    return types.ElicitResult(action="accept", content=dict.fromkeys(params.requestedSchema["properties"], "Ada"))


async def main(url):
    headers = {"Authorization": f"Bearer {os.environ['STOA_API_KEY']}"}
    handlers = {"sampling_callback": sampled}
    if "elicitation_callback" in inspect.signature(ClientSession.__init__).parameters:
        handlers["elicitation_callback"] = elicited
    async with streams(url, headers) as (reading, writing), ClientSession(reading, writing, **handlers) as session:
        hello = await session.initialize()

        async def text(tool, arguments):
            return (await session.call_tool(tool, arguments)).content[0].text

        seen = {
            "version": hello.protocolVersion,
            "tools": [tool.name for tool in (await session.list_tools()).tools],
            "add": await text("add", {"a": 1, "b": 2}),
            "rhyme": await text("rhyme", {"word": "bat"}),
            "greet": await text("greet", {}) if len(handlers) == 2 else None,
        }
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1]))
