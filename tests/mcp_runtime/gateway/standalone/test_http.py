"""A server by itself over HTTP (FASTMCP X-02, X-04)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount

from mcp_runtime.client import Client
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.framework import Context, FastMCP
from mcp_runtime.framework.auth.providers.jwt import StaticTokenVerifier
from mcp_runtime.framework.dependencies import get_access_token, get_http_headers, get_http_request
from mcp_runtime.gateway.standalone import local
from mcp_runtime.gateway.standalone.listening import CannotListen
from tests.contract.serving import listening, served


def calculator(**options: Any) -> FastMCP:
    mcp = FastMCP("calculator", instructions="Add.", **options)

    @mcp.tool
    def add(a: int, b: int) -> int:
        return a + b

    @mcp.tool
    async def slowly(ctx: Context) -> str:
        await ctx.info("begun")
        await ctx.report_progress(1, 2)
        return "done"

    @mcp.tool
    def caller() -> dict[str, Any]:
        token = get_access_token()
        return {
            "path": get_http_request().url.path,
            "agent": get_http_headers().get("x-agent"),
            "subject": None if token is None else token.client_id,
        }

    return mcp


@pytest.mark.fastmcp("X-02", "X-04", "D-04", "G-26")
@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_a_client_of_either_era_connects(mode: str) -> None:
    async with served(calculator()) as url, Client(url, mode=mode) as client:
        tools = await client.list_tools()
        result = await client.call_tool("add", {"a": 1, "b": 2})

    assert url.endswith("/mcp")
    assert [tool.name for tool in tools] == ["add", "slowly", "caller"]
    assert result.data == 3


@pytest.mark.fastmcp("X-04")
async def test_a_change_is_seen_at_once() -> None:
    mcp = calculator()

    async with served(mcp) as url, Client(url) as client:
        await client.list_tools()
        mcp.remove_tool("slowly")
        tools = await client.list_tools()

    assert [tool.name for tool in tools] == ["add", "caller"]


@pytest.mark.fastmcp("C-03", "X-02")
async def test_notifications_come_before_the_answer() -> None:
    seen: list[float] = []

    async def on_progress(done: float, total: float | None, message: str | None) -> None:
        seen.append(done)

    async with served(calculator()) as url, Client(url, progress_handler=on_progress) as client:
        await client.call_tool("slowly")

    assert seen == [1]


@pytest.mark.fastmcp("X-04")
async def test_json_response_sends_no_events() -> None:
    async with served(calculator(), json_response=True) as url, httpx2.AsyncClient(timeout=60) as http:
        params = {"name": "slowly", "_meta": {"progressToken": 1}}
        answer = await http.post(
            url,
            json={"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params},
            headers={"accept": "application/json, text/event-stream"},
        )

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["result"]["content"][0]["text"] == "done"


@pytest.mark.fastmcp("C-20", "C-21")
async def test_a_tool_sees_the_request_it_came_by() -> None:
    async with (
        served(calculator(), path="/deep/mcp") as url,
        httpx2.AsyncClient(headers={"x-agent": "seven"}, timeout=60) as http,
        Client(StreamableHttpTransport(url, http_client=http)) as client,
    ):
        result = await client.call_tool("caller")

    assert result.data == {"path": "/deep/mcp", "agent": "seven", "subject": None}


@pytest.mark.fastmcp("X-02")
async def test_a_slash_at_the_end_is_redirected() -> None:
    async with served(calculator()) as url, httpx2.AsyncClient(timeout=60) as http:
        answer = await http.post(f"{url}/", json={})

    assert (answer.status_code, httpx2.URL(answer.headers["location"]).path) == (307, "/mcp")


@pytest.mark.fastmcp("X-04")
async def test_an_application_can_be_mounted_with_its_lifespan() -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncIterator[dict[str, str]]:
        events.append("up")
        yield {}
        events.append("down")

    app = calculator(lifespan=lifespan).http_app(path="/mcp")
    parent = Starlette(routes=[Mount("/tools", app)], lifespan=app.lifespan)  # type: ignore[attr-defined]

    async with listening(parent) as address, Client(f"{address}/tools/mcp") as client:
        assert events == ["up"]
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3
    assert events == ["up", "down"]


@pytest.mark.fastmcp("X-04", status="safer")
async def test_a_parent_that_forgets_the_lifespan_is_served_all_the_same() -> None:
    parent = Starlette(routes=[Mount("/tools", calculator().http_app(path="/mcp"))])

    async with listening(parent) as address, Client(f"{address}/tools/mcp") as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.fastmcp("X-04", "G-28")
async def test_a_custom_route_answers_beside_the_endpoint_and_asks_for_no_credential() -> None:
    mcp = calculator(auth=StaticTokenVerifier({"a-token": {"client_id": "desk", "scopes": []}}))

    @mcp.custom_route("/health", methods=["GET"])
    async def health(request: Request) -> JSONResponse:
        return JSONResponse({"status": "ok"})

    async with served(mcp) as url, httpx2.AsyncClient(timeout=60) as http:
        healthy = await http.get(url.replace("/mcp", "/health"))
        refused = await http.post(url, json={})

    assert healthy.json() == {"status": "ok"}
    assert refused.status_code == 401


@pytest.mark.fastmcp("X-04")
async def test_middleware_of_the_application_runs() -> None:
    middleware = [Middleware(CORSMiddleware, allow_origins=["https://desk.example.com"])]

    async with served(calculator(), middleware=middleware) as url, httpx2.AsyncClient(timeout=60) as http:
        answer = await http.options(
            url, headers={"origin": "https://desk.example.com", "access-control-request-method": "POST"}
        )

    assert answer.headers["access-control-allow-origin"] == "https://desk.example.com"


@pytest.mark.fastmcp("A-11", "C-22", "G-39")
async def test_a_server_with_auth_knows_who_calls() -> None:
    mcp = calculator(auth=StaticTokenVerifier({"a-token": {"client_id": "desk", "scopes": []}}))

    async with served(mcp) as url, Client(url, auth="a-token") as client:
        result = await client.call_tool("caller")

    assert result.data["subject"] == "desk"


async def test_a_credential_of_our_own_making_opens_nothing() -> None:
    """The stand-in credential inside the process is never taken from a request."""
    mcp = calculator(auth=StaticTokenVerifier({"a-token": {"client_id": "desk", "scopes": []}}))

    async with served(mcp) as url, httpx2.AsyncClient(timeout=60) as http:
        answer = await http.post(
            url, json={}, headers={"authorization": f"Bearer {local.credential(local.principal(None))}"}
        )

    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"host": "evil.example"}, 403),
        ({"host": "localhost:1"}, 415),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "http://localhost:6274"}, 415),
    ],
)
async def test_only_names_of_this_machine_are_answered_on_loopback(headers: dict[str, str], status: int) -> None:
    hosts = ("localhost", "127.0.0.1")

    async with served(calculator(), allowed_hosts=hosts) as url, httpx2.AsyncClient(timeout=60) as http:
        answer = await http.post(url, content=b"{}", headers={"content-type": "text/plain", **headers})

    assert answer.status_code == status


@pytest.mark.fastmcp("X-02")
async def test_running_listens_until_it_is_cancelled(capfd: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running = asyncio.create_task(calculator().run_async("http", host="127.0.0.1", port=port, log_level="error"))

    url = f"http://127.0.0.1:{port}/mcp"
    async with asyncio.timeout(20):
        while True:
            try:
                async with Client(url) as client:
                    result = await client.call_tool("add", {"a": 1, "b": 2})
                break
            except Exception:  # noqa: BLE001 - not listening yet
                await asyncio.sleep(0.02)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)

    assert result.data == 3
    assert url in capfd.readouterr().err


async def test_a_taken_port_is_named_with_the_remedy() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]

        with pytest.raises(CannotListen, match=rf"127\.0\.0\.1:{port}.*port="):
            await calculator().run_async("http", host="127.0.0.1", port=port)


@pytest.mark.fastmcp("X-02")
async def test_a_transport_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match=r"Unknown transport: 'carrier-pigeon'.*'stdio'"):
        await calculator().run_async("carrier-pigeon")


@pytest.mark.fastmcp("X-01")
async def test_run_inside_a_loop_names_run_async() -> None:
    with pytest.raises(RuntimeError, match="run_async"):
        calculator().run()


@pytest.mark.fastmcp("X-03", "CL-02")
async def test_a_client_of_the_older_transport_connects() -> None:
    async with served(calculator(), transport="sse") as url, Client(url) as client:
        result = await client.call_tool("add", {"a": 1, "b": 2})

    assert url.endswith("/sse")
    assert result.data == 3


@pytest.mark.fastmcp("X-03")
async def test_a_mounted_application_of_the_older_transport_names_its_own_address() -> None:
    app = calculator().http_app(transport="sse")
    parent = Starlette(routes=[Mount("/tools", app)], lifespan=app.lifespan)  # type: ignore[attr-defined]

    async with listening(parent) as address, Client(f"{address}/tools/sse") as client:
        assert (await client.call_tool("add", {"a": 1, "b": 2})).data == 3


@pytest.mark.fastmcp("X-03")
def test_the_older_transport_cannot_be_stateless() -> None:
    with pytest.raises(ValueError, match="cannot be stateless"):
        calculator().http_app(transport="sse", stateless_http=True)


@pytest.mark.fastmcp("X-04")
@pytest.mark.parametrize("stateless", [True, False])
async def test_a_stateless_endpoint_opens_no_session(stateless: bool) -> None:
    params = {"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": "x", "version": "1"}}

    async with served(calculator(), stateless_http=stateless) as url, httpx2.AsyncClient(timeout=60) as http:
        answer = await http.post(
            url,
            json={"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params},
            headers={"accept": "application/json, text/event-stream"},
        )

    assert answer.status_code == 200
    assert ("mcp-session-id" in answer.headers) is not stateless


@pytest.mark.fastmcp("C-09", "C-08")
@pytest.mark.parametrize("mode", ["modern", "legacy"])
async def test_a_tool_asks_the_person_in_either_era(mode: str) -> None:
    mcp = FastMCP("asking")

    @mcp.tool
    async def who(ctx: Context) -> str:
        answer = await ctx.elicit("Who?", response_type=str)
        return str(getattr(answer, "data", answer.action))

    async def on_elicitation(message: str, response_type: Any, params: Any, context: Any) -> Any:
        return response_type(value="Ada")

    async with served(mcp) as url, Client(url, mode=mode, elicitation_handler=on_elicitation) as client:
        result = await client.call_tool("who")

    assert result.data == "Ada"
