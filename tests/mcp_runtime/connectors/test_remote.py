"""Servers that run elsewhere, over real HTTP: ours in both transports, another library's, and some that misbehave."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import fastmcp
import msgspec
import pytest

from mcp_runtime.connectors import outbound
from mcp_runtime.connectors.deadline import Deadline
from mcp_runtime.connectors.outbound import AddressRefused, guarded_client
from mcp_runtime.connectors.relaying import Listening, Relay
from mcp_runtime.connectors.remote import Remotes
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.ports.memory import MemorySecrets
from mcp_runtime.ports.plans import Remote
from mcp_runtime.ports.sandboxes import Asker
from mcp_runtime.ports.workers import Caller
from mcp_runtime.protocol.errors import McpError
from tests.contract.serving import listening, served
from tests.support import wait_until_async

HERE = ("127.0.0.0/8",)
Ask = Callable[..., Awaitable[Any]]


def remote(url: str, **options: Any) -> Remote:
    return Remote(tenant_id="ten_1", server_id="srv_1", revision_id="rev_1", url=url, **options)


def caller(subject: str = "usr_ada", **options: Any) -> Caller:
    return Caller(request_id="req_1", subject=subject, client_id="cli", **options)


def upstream() -> FastMCP:
    mcp = FastMCP("elsewhere")

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    async def report(ctx: Context) -> str:
        await ctx.report_progress(1, 2, "half")
        await ctx.info("so far")
        return "done"

    @mcp.tool
    async def ask(ctx: Context) -> str:
        answer = await ctx.elicit("Which one?", response_type=str)
        return f"{answer.action}: {getattr(answer, 'data', None)}"

    @mcp.tool
    async def wait() -> str:
        started.set()
        try:
            await asyncio.sleep(60)
        except asyncio.CancelledError:
            stopped.set()
            raise
        return "never"

    @mcp.resource("data://today")
    def today() -> str:
        return "Monday"

    started, stopped = asyncio.Event(), asyncio.Event()
    mcp.started, mcp.stopped = started, stopped  # type: ignore[attr-defined]
    return mcp


@pytest.fixture
async def remotes() -> AsyncIterator[Remotes]:
    remotes = Remotes(MemorySecrets(srv_1={"TOKEN": "s3cret"}), networks=HERE)
    yield remotes
    await remotes.aclose()


async def call(
    remotes: Remotes,
    target: Remote,
    tool: str = "add",
    who: Caller | None = None,
    asker: Asker | None = None,
    events: list[tuple[str, Any]] | None = None,
    **arguments: object,
) -> Any:
    def heard(method: str, params: msgspec.Raw) -> None:
        if events is not None:
            events.append((method, msgspec.json.decode(params)))

    params = msgspec.Raw(msgspec.json.encode({"name": tool, "arguments": arguments}))
    answer = await remotes.upstream(target).call(
        "tools/call", params, caller=who or caller(), on_event=heard, asker=asker
    )
    return msgspec.json.decode(answer)


async def refused(remotes: Remotes, target: Remote) -> dict[str, Any]:
    with pytest.raises(McpError) as caught:
        await call(remotes, target, a=1, b=2)
    assert "127.0.0.1" not in str(caught.value.as_object())
    data: Any = caught.value.data
    assert data["party"] == "upstream"
    assert data["request_id"] == "req_1"
    return dict(data)


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_tool_is_called_over_both_transports(remotes: Remotes, transport: str) -> None:
    async with served(upstream(), transport=transport) as url:
        answer = await call(remotes, remote(url), a=1, b=2)
        await remotes.aclose()

    assert answer["structuredContent"] == {"result": 3}


async def test_another_library_s_server_is_called_and_read(remotes: Remotes) -> None:
    foreign = fastmcp.FastMCP("foreign")

    @foreign.tool
    def add(a: int, b: int) -> int:
        return a + b

    @foreign.resource("data://today")
    def today() -> str:
        return "Monday"

    async with listening(foreign.http_app()) as address:
        target = remote(f"{address}/mcp")
        answer = await call(remotes, target, a=1, b=2)
        params = msgspec.Raw(b'{"uri":"data://today"}')
        read = msgspec.json.decode(await remotes.upstream(target).call("resources/read", params, caller=caller()))
        await remotes.aclose()

    assert answer["structuredContent"] == {"result": 3}
    assert read["contents"][0]["text"] == "Monday"


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_progress_and_logs_reach_the_client_whose_call_it_is(remotes: Remotes, transport: str) -> None:
    events: list[tuple[str, Any]] = []

    async with served(upstream(), transport=transport) as url:
        await call(remotes, remote(url), "report", caller(progress=True, log_level="info"), events=events)
        await remotes.aclose()

    told = dict(events)
    assert told["notifications/progress"] == {"progress": 1, "total": 2, "message": "half"}
    assert told["notifications/message"]["level"] == "info"


@pytest.mark.parametrize("transport", ["http", "sse"])
async def test_a_question_is_put_to_the_client_and_answered(remotes: Remotes, transport: str) -> None:
    asked: list[str] = []

    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        asked.append(msgspec.json.decode(params)["message"])
        return msgspec.Raw(b'{"action":"accept","content":{"value":"that one"}}')

    who = caller(client_capabilities={"elicitation": {}})
    async with served(upstream(), transport=transport) as url:
        answer = await call(remotes, remote(url), "ask", who, asker)
        await remotes.aclose()

    assert asked == ["Which one?"]
    assert answer["content"][0]["text"] == "accept: that one"


async def test_a_question_that_outlives_its_call_ends_in_peace() -> None:
    answered: asyncio.Future[msgspec.Raw] = asyncio.get_running_loop().create_future()
    asked = asyncio.Event()

    async def asker(method: str, params: msgspec.Raw) -> msgspec.Raw:
        asked.set()
        return await answered

    relay = Relay()
    async with Deadline(60) as deadline:
        with relay.listening(Listening(None, asker, deadline)):
            question = asyncio.create_task(relay.asked("elicitation/create", {}))
            await asked.wait()
    answered.set_result(msgspec.Raw(b'{"action":"accept"}'))

    assert await question == {"action": "accept"}


async def test_a_cancelled_call_is_cancelled_at_the_upstream(remotes: Remotes) -> None:
    mcp: Any = upstream()
    async with served(mcp) as url:
        running = asyncio.create_task(call(remotes, remote(url), "wait"))
        await asyncio.wait_for(mcp.started.wait(), 10)

        running.cancel()

        await asyncio.wait_for(mcp.stopped.wait(), 10)
        await remotes.aclose()


async def test_a_call_that_takes_too_long_ends_and_is_cancelled(remotes: Remotes) -> None:
    mcp: Any = upstream()
    async with served(mcp) as url:
        await call(remotes, remote(url), a=1, b=2)
        with pytest.raises(McpError) as caught:
            await call(remotes, remote(url, seconds=0.5), "wait")
        await asyncio.wait_for(mcp.stopped.wait(), 10)
        await remotes.aclose()

    data: Any = caught.value.data
    assert (data["code"], data["party"]) == ("upstream_timeout", "upstream")


async def test_an_upstream_that_was_restarted_is_called_again(remotes: Remotes) -> None:
    async with served(upstream()) as url:
        await call(remotes, remote(url), a=1, b=2)
    gone = await refused(remotes, remote(url))
    async with served(upstream()) as again:
        target = remote(again)
        answer = await call(remotes, target, a=1, b=2)
        await remotes.aclose()

    assert gone["code"] == "upstream_failed"
    assert answer["structuredContent"] == {"result": 3}


@pytest.mark.parametrize("url", ["http", "sse"])
async def test_a_server_s_changed_list_is_told_while_it_is_in_use(url: str) -> None:
    told: list[tuple[str, str]] = []
    remotes = Remotes(MemorySecrets(), networks=HERE, on_change=lambda *ids: told.append(ids))
    mcp = upstream()

    @mcp.tool
    def grow() -> None:
        mcp.tool(lambda: "hello", name="greet")

    async with served(mcp, transport=url) as address:
        await call(remotes, remote(address), "grow")
        await wait_until_async(lambda: told)
        await remotes.aclose()

    assert told[0] == ("ten_1", "srv_1")


async def test_one_connection_listens_for_all_to_a_server_without_sessions() -> None:
    remotes = Remotes(MemorySecrets(), networks=HERE, on_change=lambda *ids: None)
    async with served(upstream()) as address:
        for who in ("usr_ada", "usr_ben"):
            await call(remotes, remote(address), who=caller(who), a=1, b=2)
        listening = [one for one in remotes._connections.values() if one.relay.message is not None]
        await remotes.aclose()

    assert len(listening) == 1


async def test_each_caller_has_a_session_of_their_own() -> None:
    foreign = fastmcp.FastMCP("foreign")
    seen: list[tuple[str, str | None]] = []

    @foreign.tool
    def whoami(name: str) -> str:
        session = fastmcp.server.dependencies.get_http_headers(include_all=True).get("mcp-session-id")
        seen.append((name, session))
        return name

    remotes = Remotes(MemorySecrets(), networks=HERE)
    async with listening(foreign.http_app()) as address:
        target = remote(f"{address}/mcp")
        for subject in ("ada", "ben", "ada"):
            await call(remotes, target, "whoami", caller(subject), name=subject)
        await remotes.aclose()

    sessions = dict(seen)
    assert seen[0] == seen[2]
    assert sessions["ada"] is None or sessions["ada"] != sessions["ben"]


async def test_the_credential_comes_from_the_vault_and_goes_to_the_upstream_only(remotes: Remotes) -> None:
    heard: list[bytes] = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            heard.append(dict(scope["headers"]).get(b"authorization", b""))
        await _answer(send, 401)

    async with listening(app) as address:
        target = remote(f"{address}/mcp", header="Authorization", scheme="Bearer", secret="TOKEN")
        told = await refused(remotes, target)
        missing = await refused(remotes, remote(f"{address}/mcp", header="X-Key", secret="NONE"))
        await remotes.aclose()

    assert b"Bearer s3cret" in heard
    assert told["code"] == "upstream_refused"
    assert missing["code"] == "upstream_failed"
    assert "s3cret" not in str(told)


@pytest.mark.parametrize(
    ("status", "headers", "body", "code"),
    [
        (302, [(b"location", b"http://169.254.169.254/")], b"", "upstream_redirects"),
        (200, [(b"content-type", b"text/html")], b"<html>", "upstream_failed"),
        (200, [(b"content-type", b"application/json")], b"[" * 5_000, "upstream_failed"),
        (200, [(b"content-type", b"application/json")], b" " * 70_000, "upstream_too_large"),
        (200, [(b"content-type", b"text/event-stream")], b"data: " + b"x" * 70_000, "upstream_too_large"),
        (200, [(b"content-encoding", b"gzip")], gzip.compress(b"{}"), "upstream_too_large"),
        (500, [], b"secret internals", "upstream_failed"),
    ],
    ids=["redirect", "page", "deep", "flood", "endless event", "compressed", "broken"],
)
async def test_an_upstream_that_misbehaves_is_told_as_such(
    remotes: Remotes,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    headers: list[tuple[bytes, bytes]],
    body: bytes,
    code: str,
) -> None:
    monkeypatch.setattr(outbound, "MAX_BYTES", 64 * 1024)

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await _answer(send, status, headers, body)

    async with listening(app) as address:
        told = await refused(remotes, remote(f"{address}/mcp"))
        await remotes.aclose()

    assert told["code"] == code
    assert "secret internals" not in str(told)


async def test_a_stream_of_many_small_events_is_no_flood(remotes: Remotes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbound, "MAX_BYTES", 4 * 1024)
    mcp = FastMCP("talker")

    @mcp.tool
    async def talk(ctx: Context) -> str:
        for step in range(100):
            await ctx.report_progress(step, 100, "x" * 100)
        return "done"

    async with served(mcp) as url:
        answer = await call(remotes, remote(url), "talk", caller(progress=True))
        await remotes.aclose()

    assert answer["content"][0]["text"] == "done"


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/mcp", "http://localhost:9/mcp", "http://[::1]:9/mcp"])
async def test_the_platform_s_own_network_is_no_upstream(url: str) -> None:
    remotes = Remotes(MemorySecrets())

    told = await refused(remotes, remote(url))

    assert told["code"] == "upstream_address_refused"
    await remotes.aclose()


async def test_without_tls_only_opened_networks_are_reached() -> None:
    async with guarded_client(tls=False) as client:
        with pytest.raises(AddressRefused, match="https only"):
            await client.get("http://1.1.1.1/")


async def test_a_client_for_https_speaks_nothing_else() -> None:
    async with guarded_client(HERE) as client:
        with pytest.raises(AddressRefused, match="https only"):
            await client.get("http://127.0.0.1:9/")


async def test_connections_that_nobody_uses_are_closed() -> None:
    clock = [0.0]
    remotes = Remotes(MemorySecrets(), networks=HERE, now=lambda: clock[0])
    async with served(upstream()) as url:
        first = remotes.connection(remote(url), caller("ada"), None)
        await call(remotes, remote(url), a=1, b=2, who=caller("ada"))
        clock[0] = 1_000.0
        await call(remotes, remote(url), a=1, b=2, who=caller("ben"))
        await remotes.aclose()

    assert first.lost


async def _answer(send: Any, status: int, headers: list[tuple[bytes, bytes]] | None = None, body: bytes = b"") -> None:
    await send({"type": "http.response.start", "status": status, "headers": headers or []})
    await send({"type": "http.response.body", "body": body})
