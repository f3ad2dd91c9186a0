"""A server by itself on a pipe (FASTMCP X-01, PROTOCOL 3.3): line by line, what a client says and hears."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.gateway.standalone.stdio import converse

META = "io.modelcontextprotocol/"
MODERN = {META + "protocolVersion": "2026-07-28", META + "clientCapabilities": {"elicitation": {}}}


def server() -> FastMCP:
    mcp = FastMCP("piped", version="1")

    @mcp.tool
    async def add(a: int, b: int, ctx: Context) -> int:
        await ctx.info("adding")
        await ctx.report_progress(1, 2)
        return a + b

    @mcp.tool
    async def who(ctx: Context) -> str:
        answer = await ctx.elicit("Who?", response_type=str)
        return str(getattr(answer, "data", answer.action))

    @mcp.tool
    async def forever() -> None:
        await asyncio.Event().wait()

    return mcp


class Pipe:
    """The client's end."""

    def __init__(self) -> None:
        self._lines: asyncio.Queue[bytes | Exception | None] = asyncio.Queue()
        self.heard: asyncio.Queue[Any] = asyncio.Queue()

    def say(self, message: object) -> None:
        self._lines.put_nowait(message if isinstance(message, bytes) else json.dumps(message).encode())

    def ask(
        self, request_id: object, method: str, params: dict[str, Any] | None = None, *, modern: bool = False
    ) -> None:
        params = dict(params or {})
        if modern:
            params["_meta"] = {**MODERN, **params.get("_meta", {})}
        self.say({"jsonrpc": "2.0", "id": request_id, "method": method, "params": params})

    async def hear(self) -> Any:
        async with asyncio.timeout(20):
            return await self.heard.get()

    def hang_up(self) -> None:
        self._lines.put_nowait(StopAsyncIteration())

    async def lines(self) -> AsyncIterator[bytes | None]:
        while not isinstance(line := await self._lines.get(), Exception):
            yield line

    async def write(self, message: bytes) -> None:
        self.heard.put_nowait(json.loads(message))


@contextlib.asynccontextmanager
async def talking(mcp: FastMCP, *, handshake: bool = False) -> AsyncIterator[Pipe]:
    pipe = Pipe()
    running = asyncio.create_task(converse(mcp, pipe.lines(), pipe.write))
    if handshake:
        capabilities: dict[str, Any] = {"elicitation": {}}
        pipe.ask(0, "initialize", {"protocolVersion": "2025-06-18", "capabilities": capabilities, "clientInfo": {}})
        assert (await pipe.hear())["result"]["protocolVersion"] == "2025-06-18"
        pipe.say({"jsonrpc": "2.0", "method": "notifications/initialized"})
    yield pipe
    pipe.hang_up()
    await running


@pytest.mark.fastmcp("X-01")
async def test_a_client_of_2026_is_answered_without_a_handshake() -> None:
    async with talking(server()) as pipe:
        pipe.ask(1, "server/discover", modern=True)
        discovered = (await pipe.hear())["result"]
        pipe.ask("two", "tools/list", modern=True)
        listed = await pipe.hear()

    assert discovered["_meta"][META + "serverInfo"]["name"] == "piped"
    assert listed["id"] == "two"
    assert [tool["name"] for tool in listed["result"]["tools"]] == ["add", "who", "forever"]


@pytest.mark.fastmcp("X-01", "C-02", "C-03")
async def test_notifications_come_before_the_answer_they_belong_to() -> None:
    async with talking(server(), handshake=True) as pipe:
        params = {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": {"progressToken": "p"}}
        pipe.ask(1, "tools/call", params)
        heard = [await pipe.hear() for _ in range(3)]

    assert [one.get("method") for one in heard] == ["notifications/message", "notifications/progress", None]
    assert heard[1]["params"]["progressToken"] == "p"
    assert heard[2]["result"]["structuredContent"] == {"result": 3}


@pytest.mark.fastmcp("C-09")
async def test_a_client_of_the_handshake_is_asked_by_a_request() -> None:
    async with talking(server(), handshake=True) as pipe:
        pipe.ask(1, "tools/call", {"name": "who"})
        question = await pipe.hear()
        pipe.say({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"value": "Ada"}}})
        answer = await pipe.hear()

    assert question["method"] == "elicitation/create"
    assert answer["result"]["content"][0]["text"] == "Ada"


@pytest.mark.fastmcp("C-09")
async def test_a_client_of_2026_comes_back_with_the_answer() -> None:
    async with talking(server()) as pipe:
        pipe.ask(1, "tools/call", {"name": "who"}, modern=True)
        asked = (await pipe.hear())["result"]
        [key] = asked["inputRequests"]
        answers = {key: {"action": "accept", "content": {"value": "Ada"}}}
        again = {"name": "who", "inputResponses": answers, "requestState": asked["requestState"]}
        pipe.ask(2, "tools/call", again, modern=True)
        answer = await pipe.hear()

    assert asked["resultType"] == "input_required"
    assert (answer["id"], answer["result"]["content"][0]["text"]) == (2, "Ada")


async def test_answers_for_another_call_are_refused() -> None:
    async with talking(server()) as pipe:
        pipe.ask(1, "tools/call", {"name": "who"}, modern=True)
        asked = (await pipe.hear())["result"]
        stolen = {"name": "add", "arguments": {"a": 1, "b": 1}, "requestState": asked["requestState"]}
        pipe.ask(2, "tools/call", stolen, modern=True)
        refused = await pipe.hear()

    assert refused["error"]["code"] == -32602


async def test_a_cancelled_call_ends_and_is_not_answered() -> None:
    async with talking(server(), handshake=True) as pipe:
        pipe.ask(1, "tools/call", {"name": "forever"})
        pipe.ask(2, "ping")
        assert (await pipe.hear())["id"] == 2
        pipe.say({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}})
        pipe.ask(3, "ping")
        following = await pipe.hear()

    assert following["id"] == 3
    assert pipe.heard.empty()


@pytest.mark.parametrize(
    ("line", "code"),
    [(b"not json", -32700), (b"\xff", -32700), (b"[]", -32600), (b'"text"', -32600), (b'{"jsonrpc":"1.0"}', -32600)],
)
async def test_what_is_no_message_is_answered_and_the_next_one_served(line: bytes, code: int) -> None:
    async with talking(server(), handshake=True) as pipe:
        pipe.say(line)
        refused = await pipe.hear()
        pipe.ask(1, "ping")
        served = await pipe.hear()

    assert refused["error"]["code"] == code
    assert served == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.fastmcp("C-02")
async def test_the_log_level_is_the_clients() -> None:
    async with talking(server(), handshake=True) as pipe:
        pipe.ask(1, "logging/setLevel", {"level": "error"})
        await pipe.hear()
        pipe.ask(2, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
        heard = await pipe.hear()

    assert heard["id"] == 2


async def test_what_runs_when_the_client_leaves_is_still_answered() -> None:
    async with talking(server(), handshake=True) as pipe:
        pipe.ask(1, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})

    heard = [pipe.heard.get_nowait() for _ in range(pipe.heard.qsize())]
    assert [one["id"] for one in heard if "id" in one] == [1]


async def test_a_client_of_the_handshake_hears_of_a_change_once() -> None:
    mcp = server()

    @mcp.tool
    async def grow() -> None:
        mcp.tool(lambda: 1, name="new")

    async with talking(mcp, handshake=True) as pipe:
        pipe.ask(1, "tools/call", {"name": "grow"})
        heard = [await pipe.hear() for _ in range(2)]
        mcp.tool(lambda: 2, name="newer")
        later = await pipe.hear()
        pipe.ask(2, "ping")
        last = await pipe.hear()

    assert {one.get("method", one.get("id")) for one in heard} == {"notifications/tools/list_changed", 1}
    assert later["method"] == "notifications/tools/list_changed"
    assert last["id"] == 2
