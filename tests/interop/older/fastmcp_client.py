"""Lists, calls, is asked and resumes a stream with whichever version of `fastmcp` is installed.

usage: fastmcp_client.py URL; the API key is in STOA_API_KEY. After the line `cut` whoever reads cuts the connection.
The last line is what was seen, as JSON.
"""

import asyncio
import json
import os
import sys

from fastmcp import Client


async def sampled(messages, params, context):
    return "cat, hat"


async def elicited(message, response_type, params, context):
    return response_type(value="Ada")


async def under_way(progress, total, message):
    print("cut", flush=True)


async def main(url):
    handlers = {"sampling_handler": sampled, "elicitation_handler": elicited}
    async with Client(url, auth=os.environ["STOA_API_KEY"], **handlers) as client:
        seen = {
            "tools": [tool.name for tool in await client.list_tools()],
            "add": str((await client.call_tool("add", {"a": 1, "b": 2})).data),
            "rhyme": (await client.call_tool("rhyme", {"word": "bat"})).data,
            "greet": (await client.call_tool("greet", {})).data,
            "resumed": (await client.call_tool("rest", {}, progress_handler=under_way)).data,
        }
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1]))
