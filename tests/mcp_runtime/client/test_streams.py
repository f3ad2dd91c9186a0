"""Streams: broken and taken up again, standalone, and those of HTTP+SSE (PROTOCOL 3.2, 3.3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.transports.asgi import asgi_client
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.client.transports.http_sse import SSETransport
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.protocol.errors import McpError
from tests.support import wait_until_async

INITIALIZED = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}}
QUESTION = {
    "jsonrpc": "2.0",
    "id": "q",
    "method": "sampling/createMessage",
    "params": {"messages": [], "maxTokens": 1},
}
Message = dict[str, Any]
Script = Callable[["Server", str, Message | None, dict[str, str]], Any]


class Server:
    """An ASGI application that answers by a script: a status, a JSON value, or an iterator of events."""

    def __init__(self, script: Script) -> None:
        self.script = script
        self.seen: list[tuple[str, Message | None, dict[str, str]]] = []
        self.lines: asyncio.Queue[str | None] = asyncio.Queue()
        self.streams = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        body = (await receive())["body"]
        message = json.loads(body) if body else None
        self.seen.append((f"{scope['method']} {scope['path']}", message, headers))
        answer = self.script(self, scope["method"], message, headers)
        if isinstance(answer, int):
            await send({"type": "http.response.start", "status": answer, "headers": []})
            await send({"type": "http.response.body", "body": b""})
        elif isinstance(answer, dict):
            kept = [(b"content-type", b"application/json"), (b"mcp-session-id", b"s1")]
            await send({"type": "http.response.start", "status": 200, "headers": kept})
            text = {"jsonrpc": "2.0", "id": (message or {})["id"], "result": answer}
            await send({"type": "http.response.body", "body": json.dumps(text).encode()})
        else:
            kept = [(b"content-type", b"text/event-stream")]
            await send({"type": "http.response.start", "status": 200, "headers": kept})
            self.streams += 1
            try:
                async for line in answer:
                    await send({"type": "http.response.body", "body": line.encode(), "more_body": True})
                await send({"type": "http.response.body", "body": b""})
            finally:
                self.streams -= 1

    async def pushed(self, first: str = "") -> AsyncIterator[str]:
        """What the test puts into `lines`, until None."""
        if first:
            yield first
        while (line := await self.lines.get()) is not None:
            yield line

    def streamable(self, mode: str = "legacy", **options: Any) -> Client:
        transport = StreamableHttpTransport(
            "http://server/mcp", mode=mode, httpx_client_factory=lambda **given: asgi_client(self, **given)
        )
        return Client(transport, **options)


def event(message: Message, **fields: Any) -> str:
    return "".join(f"{name}: {value}\n" for name, value in fields.items()) + f"data: {json.dumps(message)}\n\n"


def response(message: Message | None, value: Message) -> Message:
    return {"jsonrpc": "2.0", "id": (message or {})["id"], "result": value}


async def some(*events: str) -> AsyncIterator[str]:
    for item in events:
        yield item


@pytest.mark.fastmcp("CL-02")
@pytest.mark.protocol("G-06", "G-07")
async def test_a_stream_that_breaks_off_is_taken_up_where_it_stopped() -> None:
    calls: list[Message] = []

    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if verb == "GET":
            if "last-event-id" not in headers:
                return 405
            assert headers["last-event-id"] == "e1"
            return some(event(response(calls[0], {"content": [{"type": "text", "text": "late"}]}), id="e2"))
        if message is not None and message["method"] == "tools/call":
            calls.append(message)
            return some("id: e1\nretry: 1\ndata:\n\n")
        return INITIALIZED if message is not None and "id" in message else 202

    async with Server(script).streamable() as client:
        result = await client.call_tool("slow")
    assert result.content[0].text == "late"


@pytest.mark.protocol("G-06")
async def test_an_answer_may_come_on_the_stream_beside_all_others() -> None:
    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if verb == "GET":
            return 405 if "last-event-id" in headers else server.pushed()
        if message is not None and message["method"] == "tools/call":
            server.lines.put_nowait(event(response(message, {"content": [{"type": "text", "text": "stray"}]})))
            return some("id: e1\nretry: 60000\ndata:\n\n")
        return INITIALIZED if message is not None and "id" in message else 202

    async with Server(script).streamable() as client:
        result = await client.call_tool("slow")
    assert result.content[0].text == "stray"


@pytest.mark.protocol("G-06")
async def test_a_stream_without_ids_cannot_be_taken_up() -> None:
    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if verb == "GET":
            return 405
        if message is not None and message["method"] == "tools/call":
            return some(": nothing\n\n")
        return INITIALIZED if message is not None and "id" in message else 202

    async with Server(script).streamable() as client:
        with pytest.raises(ClientError, match="closed its stream before it answered tools/call"):
            await client.call_tool("slow")


@pytest.mark.fastmcp("CL-19", "CL-21")
@pytest.mark.protocol("G-04", "S-02")
async def test_a_legacy_server_is_heard_beside_its_answers() -> None:
    heard: list[str] = []

    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if verb == "GET":
            assert headers["mcp-session-id"] == "s1"
            return server.pushed()
        if verb == "DELETE":
            return 200
        return INITIALIZED if message is not None and message.get("method") == "initialize" else 202

    server = Server(script)
    async with server.streamable(roots=["file:///a"], message_handler=lambda m: heard.append(m.method)) as client:
        await wait_until_async(lambda: server.streams == 1)
        server.lines.put_nowait(event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
        server.lines.put_nowait(event({"jsonrpc": "2.0", "id": 5, "method": "roots/list"}))
        await wait_until_async(lambda: any(m and m.get("id") == 5 for _, m, _ in server.seen))
        await client.send_roots_list_changed()

    assert heard == ["notifications/tools/list_changed"]
    answer = next(m for _, m, _ in server.seen if m and m.get("id") == 5)
    assert answer["result"] == {"roots": [{"uri": "file:///a"}]}
    assert [m["method"] for _, m, _ in server.seen if m and "method" in m][-1] == "notifications/roots/list_changed"
    assert server.seen[-1][0] == "DELETE /mcp"
    assert server.streams == 0


@pytest.mark.fastmcp("CL-19", "CL-21")
@pytest.mark.protocol("G-06")
async def test_a_legacy_call_given_up_is_cancelled_by_a_notification() -> None:
    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if verb == "GET":
            return 405
        if message is not None and message["method"] == "tools/call":
            return server.pushed(": wait\n\n")
        return INITIALIZED if message is not None and "id" in message else 202

    server = Server(script)
    async with server.streamable() as client:
        with pytest.raises(McpError, match="Timed out"):
            await client.call_tool("slow", timeout=0.05)
        await wait_until_async(lambda: (server.seen[-1][1] or {}).get("method") == "notifications/cancelled")

    call = next(m for _, m, _ in server.seen if m and m.get("method") == "tools/call")
    told = next(m for _, m, _ in server.seen if m and m.get("method") == "notifications/cancelled")
    assert told["params"] == {"requestId": call["id"]}


@pytest.mark.fastmcp("CL-19")
@pytest.mark.protocol("L-01", "L-02", "L-03")
@pytest.mark.parametrize(("interested", "streams"), [(True, 1), (False, 0)])
async def test_a_modern_server_is_listened_to_for_those_who_care(interested: bool, streams: int) -> None:
    heard: list[str] = []
    found = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": True}, "prompts": {}}}

    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if message is not None and message["method"] == "subscriptions/listen":
            assert headers["mcp-method"] == "subscriptions/listen"
            assert message["params"]["notifications"] == {"toolsListChanged": True}
            return server.pushed(event({"jsonrpc": "2.0", "method": "notifications/subscriptions/acknowledged"}))
        return found

    server = Server(script)
    handler = (lambda message: heard.append(message.method)) if interested else None
    async with server.streamable("auto", message_handler=handler):
        assert server.streams == streams
        if interested:
            server.lines.put_nowait(event({"jsonrpc": "2.0", "method": "notifications/tools/list_changed"}))
            await wait_until_async(lambda: heard)
    assert heard == ["notifications/tools/list_changed"] * streams
    assert server.streams == 0


@pytest.mark.protocol("L-08")
async def test_a_server_that_cannot_be_listened_to_is_left_alone() -> None:
    found = {"supportedVersions": ["2026-07-28"], "capabilities": {"tools": {"listChanged": True}}}

    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        return 404 if message is not None and message["method"] == "subscriptions/listen" else found

    server = Server(script)
    async with server.streamable("auto", message_handler=lambda message: None) as client:
        await client.ping()
    assert [m["method"] for _, m, _ in server.seen if m].count("subscriptions/listen") == 1


# HTTP+SSE.


def older(endpoint: str = "/messages/?session_id=1") -> Server:
    """A server of 2024-11-05: its answers come on the stream."""

    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        if verb == "GET":
            return server.pushed(f"event: endpoint\ndata: {endpoint}\n\n")
        if server.seen[-1][0] != "POST /messages/":
            return 405
        method = (message or {}).get("method")
        if method == "initialize":
            server.lines.put_nowait(event(response(message, {**INITIALIZED, "protocolVersion": "2024-11-05"})))
        elif method == "tools/call":
            token = (message or {})["params"].get("_meta", {}).get("progressToken")
            params = {"progressToken": token, "progress": 1}
            server.lines.put_nowait(event({"jsonrpc": "2.0", "method": "notifications/progress", "params": params}))
            server.lines.put_nowait(event(QUESTION))
        elif message is not None and message.get("id") == "q":
            call = next(m for _, m, _ in server.seen if m and m.get("method") == "tools/call")
            text = message["result"]["content"]["text"]
            server.lines.put_nowait(event(response(call, {"content": [{"type": "text", "text": text}]})))
        return 202

    return Server(script)


def sse_client(server: Server, **options: Any) -> Client:
    transport = SSETransport(
        "http://server/sse", httpx_client_factory=lambda **given: asgi_client(server, **given), headers={"X-A": "1"}
    )
    return Client(transport, **options)


@pytest.mark.fastmcp("CL-02", "CL-21")
@pytest.mark.protocol("X-01", "X-02", "X-03")
async def test_a_server_of_http_and_sse_is_spoken_to() -> None:
    server, steps = older(), []

    async with sse_client(
        server, sampling_handler=lambda *_: "hm", progress_handler=lambda *step: steps.append(step)
    ) as client:
        assert client.protocol_version == "2024-11-05"
        assert (await client.call_tool("think")).content[0].text == "hm"
    assert steps == [(1, None, None)]
    assert all(headers["x-a"] == "1" for _, _, headers in server.seen)
    assert server.streams == 0


@pytest.mark.protocol("V-13", "X-04")
async def test_an_address_that_takes_no_posts_may_be_one_of_http_and_sse() -> None:
    server = older()

    async with server.streamable("auto") as client:
        assert client.protocol_version == "2024-11-05"
    assert [line for line, _, _ in server.seen][:3] == ["POST /mcp", "POST /mcp", "GET /mcp"]


@pytest.mark.protocol("X-01")
async def test_an_address_of_another_server_to_post_to_is_refused() -> None:
    with pytest.raises(ClientError, match="an address of another server"):
        async with sse_client(older("http://elsewhere/messages/")):
            pass


async def test_a_stream_that_closes_is_told_to_who_waits() -> None:
    server = older()

    def hang_up(*_: Any) -> str:
        server.lines.put_nowait(None)
        return "never"

    async with sse_client(server, sampling_handler=hang_up) as client:
        with pytest.raises(ClientError, match="closed its stream"):
            await client.call_tool("think")


@pytest.mark.fastmcp("CL-02")
async def test_a_server_that_refuses_the_stream_is_an_error() -> None:
    with pytest.raises(ClientError, match="HTTP status 404"):
        async with sse_client(Server(lambda *_: 404)):
            pass


# Applications.


async def test_an_application_is_reached_without_a_network() -> None:
    def script(server: Server, verb: str, message: Message | None, headers: dict[str, str]) -> Any:
        return INITIALIZED if message is not None and "id" in message else 202

    async with Client(Server(script), mode="legacy") as client:
        assert client.server_info.name == "old"


async def test_the_lifespan_of_an_application_runs_as_long_as_its_client() -> None:
    steps: list[str] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            steps.append((await receive())["type"])
            await send({"type": "lifespan.startup.complete"})
            steps.append((await receive())["type"])
            await send({"type": "lifespan.shutdown.complete"})
            return
        body = json.loads((await receive())["body"])
        answer = json.dumps({"jsonrpc": "2.0", "id": body.get("id"), "result": INITIALIZED}).encode()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
        await send({"type": "http.response.body", "body": answer})

    async with Client(app, mode="legacy"):
        assert steps == ["lifespan.startup"]
    assert steps == ["lifespan.startup", "lifespan.shutdown"]


async def test_an_application_that_fails_says_so() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            raise RuntimeError("broken")

    with pytest.raises(RuntimeError, match="broken"):
        async with Client(app):
            pass
