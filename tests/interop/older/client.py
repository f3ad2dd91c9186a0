"""Does what the installed version of the `mcp` package can: lists, calls, is asked, cancels, and resumes a stream.

usage: client.py URL; the API key is in STOA_API_KEY. A URL that ends in /sse is spoken to by HTTP+SSE. After the line
`cut` whoever reads cuts the connection. The last line is what was seen, as JSON.
"""

import asyncio
import contextlib
import inspect
import json
import os
import sys

from mcp import ClientSession, types

SECONDS = 60


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


async def text(session, tool, arguments):
    return (await session.call_tool(tool, arguments)).content[0].text


async def counts_once(session, after):
    """The counts of `calls_of_work`, as soon as they pass this test."""
    while True:
        counts = json.loads(await text(session, "calls_of_work", {}))
        if after(counts):
            return counts
        await asyncio.sleep(0.05)


async def cancelled(session):
    """Whether the tool was told, of a call that was cancelled while it worked."""
    before = await counts_once(session, bool)
    request_id = session._request_id  # these versions have no other way to learn it
    call = asyncio.create_task(session.call_tool("work", {}))
    async with asyncio.timeout(SECONDS):
        await counts_once(session, lambda counts: counts["begun"] > before["begun"])
        params = {"requestId": request_id, "reason": "It takes too long."}
        notification = types.CancelledNotification(method="notifications/cancelled", params=params)
        await session.send_notification(types.ClientNotification(notification))
        await counts_once(session, lambda counts: counts["cancelled"] > before["cancelled"])
    call.cancel()
    return True


async def resumed(session):
    """What a tool returns when the connection is lost while it works."""
    import mcp.client.streamable_http as transport
    from mcp.shared.message import ClientMessageMetadata

    params = {"name": "rest", "arguments": {}, "_meta": {"progressToken": "rest"}}
    request = types.ClientRequest(types.CallToolRequest(method="tools/call", params=params))
    seen = asyncio.get_running_loop().create_future()

    async def keep(token):
        if not seen.done():
            seen.set_result(token)

    async def ask(**metadata):
        hints = ClientMessageMetadata(on_resumption_token_update=keep, **metadata)
        return (await session.send_request(request, types.CallToolResult, metadata=hints)).content[0].text

    async with asyncio.timeout(SECONDS):
        call = asyncio.create_task(ask())
        token = await seen
        print("cut", flush=True)
        if hasattr(transport.StreamableHTTPTransport, "_handle_reconnection"):
            return await call  # it comes back by itself
        await asyncio.sleep(1)
        call.cancel()
        return await ask(resumption_token=token)


async def main(url):
    headers = {"Authorization": f"Bearer {os.environ['STOA_API_KEY']}"}
    handlers = {"sampling_callback": sampled}
    if "elicitation_callback" in inspect.signature(ClientSession.__init__).parameters:
        handlers["elicitation_callback"] = elicited
    async with streams(url, headers) as (reading, writing), ClientSession(reading, writing, **handlers) as session:
        hello = await session.initialize()
        seen = {
            "version": hello.protocolVersion,
            "tools": [tool.name for tool in (await session.list_tools()).tools],
            "add": await text(session, "add", {"a": 1, "b": 2}),
            "rhyme": await text(session, "rhyme", {"word": "bat"}),
            "greet": await text(session, "greet", {}) if len(handlers) == 2 else None,
            "cancelled": await cancelled(session),
            "resumed": None if url.endswith("/sse") else await resumed(session),
        }
    print(json.dumps(seen))


asyncio.run(main(sys.argv[1]))
