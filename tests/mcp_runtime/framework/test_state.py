"""State of a session, a user, a handle; the HTTP request; notifications (FASTMCP C-10 to C-15, C-20, C-21)."""

from __future__ import annotations

from typing import Any

import pytest

from mcp_runtime.client import Client
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.dependencies import get_http_headers, get_http_request
from mcp_runtime.framework.errors import ToolError
from mcp_runtime.framework.http_request import HttpRequest
from mcp_runtime.framework.serving import serve
from mcp_runtime.framework.state import (
    SessionId,
    SessionStates,
    UserSession,
    create_session,
    end_session,
    get_session,
)
from mcp_runtime.ports.workers import Caller


class Request:
    """One request of a subject in a session, perhaps by HTTP."""

    request_id = "r1"

    def __init__(self, subject: str = "", session_id: str | None = None, http_request: Any = None) -> None:
        self.caller = Caller("r1", subject, "")
        self.session_id = session_id
        self.http_request = http_request
        self.sent: list[tuple[str, dict[str, Any]]] = []

    def log(self, level: str, logger: str | None, data: object) -> None:
        """Nobody listens."""

    def progress(self, progress: float, total: float | None, message: str | None) -> None:
        """Nobody listens."""

    def notify(self, method: str, params: dict[str, Any]) -> None:
        self.sent.append((method, params))


async def call(mcp: FastMCP, name: str, request: Request | None = None, **arguments: Any) -> Any:
    answer: Any = await serve(mcp, "tools/call", {"name": name, "arguments": arguments}, request or Request())
    if answer.get("isError"):
        raise ToolError(answer["content"][0]["text"])
    return (answer.get("structuredContent") or {}).get("result")


def counting() -> FastMCP:
    mcp = FastMCP()

    @mcp.tool
    async def count(ctx: Context) -> int:
        number = (await ctx.get_state("number") or 0) + 1
        await ctx.set_state("number", number)
        return number

    @mcp.tool
    async def forget(ctx: Context) -> None:
        await ctx.delete_state("number")

    return mcp


@pytest.mark.fastmcp("C-10", status="later")
async def test_awaited_state_lives_as_long_as_the_session() -> None:
    mcp = counting()

    async with Client(mcp) as first, Client(mcp) as second:
        assert [(await first.call_tool("count")).data for _ in range(3)] == [1, 2, 3]
        assert await second.call_tool("count") == 1
        await first.call_tool("forget")
        assert await first.call_tool("count") == 1


@pytest.mark.fastmcp("C-10", status="later")
async def test_without_a_session_awaited_state_is_the_users() -> None:
    mcp = counting()

    assert [await call(mcp, "count", Request("ada")) for _ in range(2)] == [1, 2]
    assert await call(mcp, "count", Request("ben")) == 1
    assert [await call(mcp, "count") for _ in range(2)] == [1, 1]


@pytest.mark.fastmcp("C-10", status="safer")
@pytest.mark.protocol("G-02")
async def test_a_session_in_other_hands_holds_nothing() -> None:
    mcp = counting()

    assert await call(mcp, "count", Request("ada", "s1")) == 1
    assert await call(mcp, "count", Request("ben", "s1")) == 1
    assert await call(mcp, "count", Request("ada", "s1")) == 2


@pytest.mark.fastmcp("C-10")
async def test_state_that_is_not_awaited_ends_with_the_request() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def note(ctx: Context) -> list[Any]:
        before = ctx.get_state("seen", "nothing")
        ctx.set_state("seen", "something")
        return [before, ctx.get_state("seen"), await ctx.get_state("seen")]

    async with Client(mcp) as client:
        for _ in range(2):
            assert await client.call_tool("note") == ["nothing", "something", "something"]


@pytest.mark.fastmcp("C-10", status="later")
async def test_state_that_cannot_be_stored_stays_in_the_request() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def keep(ctx: Context) -> bool:
        known = await ctx.get_state("handle") is not None
        await ctx.set_state("handle", object(), serializable=False)
        return known or await ctx.get_state("handle") is None

    async with Client(mcp) as client:
        assert [(await client.call_tool("keep")).data for _ in range(2)] == [False, False]


@pytest.mark.fastmcp("C-10", status="later")
async def test_a_users_session_follows_the_user() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def remember(fact: str, session: UserSession) -> list[str]:
        facts = [*await session.get("facts", []), fact]
        await session.set("facts", facts)
        return facts

    assert await call(mcp, "remember", Request("ada", "s1"), fact="a") == ["a"]
    assert await call(mcp, "remember", Request("ada", "s2"), fact="b") == ["a", "b"]
    assert await call(mcp, "remember", Request("ben", "s1"), fact="c") == ["c"]
    assert list((await mcp.list_tools())[0].parameters["properties"]) == ["fact"]
    with pytest.raises(ToolError, match="nobody is authenticated"):
        await call(mcp, "remember", fact="d")


@pytest.mark.fastmcp("C-10", status="later")
async def test_a_handle_opens_its_session_for_its_owner_only() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def begin() -> str:
        return await create_session()

    @mcp.tool
    async def put(session_id: SessionId, item: str) -> list[str]:
        session = await get_session(session_id)
        await session.set("items", [*await session.get("items", []), item])
        return list(await session.get("items"))

    @mcp.tool
    async def end(session_id: SessionId) -> None:
        await end_session(session_id)

    ada = Request("ada")
    handle = await call(mcp, "begin", ada)
    assert await call(mcp, "put", ada, session_id=handle, item="x") == ["x"]
    assert await call(mcp, "put", ada, session_id=handle, item="y") == ["x", "y"]
    with pytest.raises(ToolError, match="no such session"):
        await call(mcp, "put", Request("ben"), session_id=handle, item="z")
    await call(mcp, "end", ada, session_id=handle)
    with pytest.raises(ToolError, match="no such session"):
        await call(mcp, "put", ada, session_id=handle, item="z")


async def test_the_session_unused_for_longest_is_forgotten_first() -> None:
    states = SessionStates(most=2)

    for key in ("a", "b"):
        await states.put(key, {"k": key})
    await states.get("a")
    await states.put("c", {"k": "c"})

    assert [await states.get(key) is not None for key in ("a", "b", "c")] == [True, False, True]


async def test_an_old_session_is_forgotten() -> None:
    states = SessionStates(seconds=-1)

    await states.put("a", {"k": 1})

    assert await states.get("a") is None


@pytest.mark.fastmcp("C-13")
async def test_a_session_keeps_its_id() -> None:
    mcp = FastMCP()

    @mcp.tool
    async def which(ctx: Context) -> str:
        return ctx.session_id

    async with Client(mcp) as client, Client(mcp) as other:
        first, again, others = [(await one.call_tool("which")).data for one in (client, client, other)]
    assert first == again != others


@pytest.mark.fastmcp("C-20", "C-21", status="safer")
async def test_headers_come_without_credentials_unless_asked_for() -> None:
    mcp = FastMCP()
    seen: list[Any] = []

    @mcp.tool
    def look() -> None:
        request = get_http_request()
        seen.append((request.method, request.path, request.headers["X-Trace"]))
        seen.append(get_http_headers())
        seen.append(get_http_headers(include={"Authorization"}))
        seen.append(sorted(get_http_headers(include_all=True)))

    headers = {"X-Trace": "1", "Authorization": "Bearer k", "Cookie": "c", "Host": "h", "Proxy-X": "p"}
    await call(mcp, "look", Request(http_request=HttpRequest(headers, url="https://h/mcp?x=1")))

    assert seen == [
        ("POST", "/mcp", "1"),
        {"x-trace": "1"},
        {"x-trace": "1", "authorization": "Bearer k"},
        ["authorization", "cookie", "host", "proxy-x", "x-trace"],
    ]


@pytest.mark.fastmcp("C-15")
async def test_notifications_of_changed_lists_are_sent() -> None:
    mcp, request = FastMCP(), Request()

    @mcp.tool
    async def change(ctx: Context) -> None:
        await ctx.send_tool_list_changed()
        await ctx.send_resource_list_changed()
        await ctx.send_prompt_list_changed()
        await ctx.session.send_resource_updated("data://x")

    await call(mcp, "change", request)

    assert request.sent == [
        ("notifications/tools/list_changed", {}),
        ("notifications/resources/list_changed", {}),
        ("notifications/prompts/list_changed", {}),
        ("notifications/resources/updated", {"uri": "data://x"}),
    ]


@pytest.mark.fastmcp("C-15", "CL-19")
async def test_a_client_hears_of_changed_lists() -> None:
    mcp, heard = FastMCP(), []

    @mcp.tool
    async def change(ctx: Context) -> None:
        await ctx.send_tool_list_changed()

    async with Client(mcp, message_handler=lambda message: heard.append(message.method)) as client:
        await client.call_tool("change")
    assert heard == ["notifications/tools/list_changed"]


@pytest.mark.fastmcp("C-14", "C-15")
async def test_the_connection_has_the_names_of_the_sdk() -> None:
    mcp = FastMCP()
    given: list[Any] = []

    @mcp.tool
    async def look(ctx: Context) -> None:
        session = ctx.request_context.session
        given.append((session.check_client_capability("roots"), session.check_client_capability("sampling")))
        given.append([root.uri for root in (await session.list_roots()).roots])
        given.append((await session.create_message([], max_tokens=1)).content.text)
        await session.send_log_message("info", {"any": "json"}, logger="l")

    logs: list[Any] = []
    async with Client(
        mcp,
        roots=["file:///a"],
        sampling_handler=lambda *_: "yes",
        log_handler=lambda message: logs.append((message.logger, message.data)),
    ) as client:
        await client.call_tool("look")
    assert given == [(True, True), ["file:///a"], "yes"]
    assert logs == [("l", {"any": "json"})]
