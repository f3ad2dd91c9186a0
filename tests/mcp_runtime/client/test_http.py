"""Streamable HTTP against servers that answer as the specification has it (PROTOCOL V-13, 2.7, 3.1, 3.2)."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.framework.errors import ClientError, ToolError
from mcp_runtime.protocol.errors import McpError

URL = "http://server/mcp"
MODERN = "2026-07-28"
DISCOVERED = {
    "resultType": "complete",
    "supportedVersions": [MODERN],
    "capabilities": {},
    "instructions": "Help.",
    "_meta": {"io.modelcontextprotocol/serverInfo": {"name": "peer", "version": "1"}},
}
INITIALIZED = {"protocolVersion": "2025-11-25", "capabilities": {}, "serverInfo": {"name": "old", "version": "1"}}

Answer = Callable[[httpx2.Request, dict[str, Any]], httpx2.Response]


class Peer:
    """A server that answers each method as told, and remembers what it was sent."""

    def __init__(self, answers: dict[str, Answer | dict[str, Any]]) -> None:
        self.answers = answers
        self.requests: list[tuple[httpx2.Headers, dict[str, Any]]] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        if request.method != "POST":
            self.requests.append((request.headers, {"method": request.method}))
            return httpx2.Response(200)
        message = json.loads(request.content)
        self.requests.append((request.headers, message))
        if "id" not in message or "method" not in message:
            return httpx2.Response(202)
        answer = self.answers[message["method"]]
        return answer(request, message) if callable(answer) else result(message, answer)

    def client(self, mode: str = "auto", auth: Any = None, **options: Any) -> Client:
        http = httpx2.AsyncClient(transport=httpx2.MockTransport(self))
        return Client(StreamableHttpTransport(URL, mode=mode, auth=auth, http_client=http), **options)

    def sent(self, method: str) -> list[tuple[httpx2.Headers, dict[str, Any]]]:
        return [entry for entry in self.requests if entry[1].get("method") == method]


def result(message: dict[str, Any], value: dict[str, Any], **headers: str) -> httpx2.Response:
    return httpx2.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": value}, headers=headers)


def error(message: dict[str, Any], code: int, status: int, data: Any = None) -> httpx2.Response:
    body = {"jsonrpc": "2.0", "id": message["id"], "error": {"code": code, "message": "refused", "data": data}}
    return httpx2.Response(status, json=body)


def stream(*messages: dict[str, Any]) -> httpx2.Response:
    text = "".join(f"event: message\ndata: {json.dumps(message)}\n\n" for message in messages)
    return httpx2.Response(200, text=text, headers={"content-type": "text/event-stream"})


@pytest.mark.protocol("H-02")
async def test_a_modern_request_says_everything_about_itself() -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/call": {"content": [], "resultType": "complete"}})

    async with peer.client(auth="stoa_key") as client:
        await client.call_tool("add", {"a": 1})

    headers, message = peer.sent("tools/call")[0]
    assert headers["authorization"] == "Bearer stoa_key"
    assert (headers["mcp-protocol-version"], headers["mcp-method"], headers["mcp-name"]) == (
        MODERN,
        "tools/call",
        "add",
    )
    meta = message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/protocolVersion"] == MODERN
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert "progressToken" not in meta


@pytest.mark.protocol("H-03")
async def test_a_name_that_no_header_can_carry_is_encoded() -> None:
    peer = Peer({"server/discover": DISCOVERED, "resources/read": {"contents": []}})

    async with peer.client() as client:
        await client.read_resource("data://é")

    assert peer.sent("resources/read")[0][0]["mcp-name"] == "=?base64?ZGF0YTovL8Op?="


@pytest.mark.fastmcp("CL-08")
async def test_no_tool_list_is_fetched_behind_the_callers_back() -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/call": {"content": []}})

    async with peer.client() as client:
        await client.call_tool("add")

    assert [message["method"] for _, message in peer.requests] == ["server/discover", "tools/call"]


@pytest.mark.protocol("V-13")
@pytest.mark.parametrize(
    "refuse",
    [
        lambda _, message: error(message, -32600, 400),
        lambda _, message: error(message, -32601, 200),
        lambda *_: httpx2.Response(400, text="Missing session"),
        lambda *_: httpx2.Response(404),
        lambda *_: httpx2.Response(405),
        lambda _, message: error(message, -32022, 400, {"supported": ["2025-11-25"], "requested": MODERN}),
    ],
    ids=["400 with an error", "200 with an error", "400 with text", "404", "405", "no common version"],
)
async def test_an_older_server_is_spoken_to_in_its_own_way(refuse: Answer) -> None:
    peer = Peer(
        {
            "server/discover": refuse,
            "initialize": lambda _, message: result(message, INITIALIZED, **{"mcp-session-id": "s1"}),
            "tools/list": {"tools": []},
        }
    )

    async with peer.client() as client:
        await client.list_tools()
        assert client.initialize_result.protocol_version == "2025-11-25"

    assert [message["method"] for _, message in peer.requests] == [
        "server/discover",
        "initialize",
        "notifications/initialized",
        "GET",
        "tools/list",
        "DELETE",
    ]
    headers, message = peer.sent("tools/list")[0]
    assert (headers["mcp-session-id"], headers["mcp-protocol-version"]) == ("s1", "2025-11-25")
    assert "_meta" not in message["params"]


@pytest.mark.parametrize(("mode", "version"), [("legacy", "2025-11-25"), ("2025-06-18", "2025-06-18")])
async def test_a_pinned_era_is_not_negotiated(mode: str, version: str) -> None:
    peer = Peer({"initialize": INITIALIZED})

    async with peer.client(mode=mode):
        pass

    assert peer.requests[0][1]["params"]["protocolVersion"] == version


async def test_a_pinned_modern_client_refuses_an_older_server() -> None:
    peer = Peer({"server/discover": lambda *_: httpx2.Response(400)})

    with pytest.raises(ClientError, match=f"does not speak {MODERN}"):
        async with peer.client(mode=MODERN):
            pass


async def test_a_session_that_ended_is_begun_anew() -> None:
    """PROTOCOL 1.4"""
    sessions = iter(["s1", "s2"])

    def listed(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        known = request.headers["mcp-session-id"] == "s2"
        return result(message, {"tools": []}) if known else httpx2.Response(404)

    peer = Peer(
        {
            "initialize": lambda _, message: result(message, INITIALIZED, **{"mcp-session-id": next(sessions)}),
            "tools/list": listed,
        }
    )

    async with peer.client(mode="legacy") as client:
        assert await client.list_tools() == []


@pytest.mark.fastmcp("CL-16", "CL-17")
@pytest.mark.protocol("H-04")
async def test_notifications_on_the_stream_reach_their_handlers() -> None:
    seen: list[Any] = []

    def call(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        token = message["params"]["_meta"]["progressToken"]
        return stream(
            {"jsonrpc": "2.0", "method": "notifications/message", "params": {"level": "info", "data": "hi"}},
            {
                "jsonrpc": "2.0",
                "method": "notifications/progress",
                "params": {"progressToken": token, "progress": 1, "total": 2},
            },
            {"jsonrpc": "2.0", "id": message["id"], "result": {"content": [{"type": "text", "text": "done"}]}},
        )

    peer = Peer({"server/discover": DISCOVERED, "tools/call": call})

    async with peer.client(
        log_handler=lambda message: seen.append((message.level, message.data)),
        progress_handler=lambda *step: seen.append(step),
    ) as client:
        answer = await client.call_tool("work")

    assert seen == [("info", "hi"), (1, 2, None)]
    assert answer.text == "done"


@pytest.mark.protocol("MR-03")
async def test_a_question_of_a_modern_server_is_answered_with_a_retry() -> None:

    def call(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        if "inputResponses" not in message["params"]:
            question = {"method": "elicitation/create", "params": {"message": "Name?", "requestedSchema": {}}}
            return result(
                message,
                {"resultType": "input_required", "inputRequests": {"q1": question}, "requestState": "sealed"},
            )
        assert message["params"]["requestState"] == "sealed"
        name = message["params"]["inputResponses"]["q1"]["content"]["name"]
        return result(message, {"resultType": "complete", "content": [{"type": "text", "text": f"Hi {name}"}]})

    peer = Peer({"server/discover": DISCOVERED, "tools/call": call})

    async with peer.client(elicitation_handler=lambda *_: {"name": "Ada"}) as client:
        assert (await client.call_tool("greet")).text == "Hi Ada"
    first, second = peer.sent("tools/call")
    assert first[1]["id"] != second[1]["id"]


@pytest.mark.protocol("R-02")
async def test_a_result_that_does_not_say_what_it_is_is_complete() -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/call": {"content": [{"type": "text", "text": "done"}]}})

    async with peer.client() as client:
        assert (await client.call_tool("work")).text == "done"


@pytest.mark.protocol("MR-08")
async def test_a_server_that_never_stops_asking_is_given_up() -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/call": {"resultType": "input_required", "requestState": "x"}})

    async with peer.client() as client:
        with pytest.raises(ClientError, match="asked 10 times"):
            await client.call_tool("greet")


@pytest.mark.parametrize("able", [True, False])
async def test_a_question_of_a_legacy_server_is_answered_beside_its_stream(able: bool) -> None:
    """PROTOCOL 2.3"""

    def call(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        return stream(
            {"jsonrpc": "2.0", "id": "q1", "method": "roots/list", "params": {}},
            {"jsonrpc": "2.0", "id": message["id"], "result": {"content": []}},
        )

    peer = Peer({"initialize": INITIALIZED, "tools/call": call})

    async with peer.client(mode="legacy", roots=["file:///a"] if able else None) as client:
        await client.call_tool("look")

    reply = next(message for _, message in peer.requests if message.get("id") == "q1")
    if able:
        assert reply["result"] == {"roots": [{"uri": "file:///a"}]}
    else:
        assert reply["error"]["code"] == -32601


async def test_a_json_rpc_error_keeps_its_code_and_data() -> None:
    peer = Peer(
        {
            "server/discover": DISCOVERED,
            "resources/read": lambda _, message: error(message, -32602, 200, {"uri": "data://x"}),
        }
    )

    async with peer.client() as client:
        with pytest.raises(McpError) as refused:
            await client.read_resource("data://x")
    assert (refused.value.code, refused.value.data) == (-32602, {"uri": "data://x"})


async def test_an_error_with_an_http_status_is_the_same_error() -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/call": lambda _, message: error(message, -32602, 400)})

    async with peer.client() as client:
        with pytest.raises(McpError, match="refused"):
            await client.call_tool("add")


async def test_a_refused_key_is_said_to_be_one() -> None:
    peer = Peer({"server/discover": lambda *_: httpx2.Response(401)})

    with pytest.raises(ClientError, match="401: the key or token is missing, wrong or not enough"):
        async with peer.client(auth="wrong"):
            pass


@pytest.mark.parametrize("body", ["<html>", "[1]", '{"jsonrpc":"2.0","id":1}', '{"a":'])
async def test_an_answer_that_is_no_message_is_an_error(body: str) -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/list": lambda *_: httpx2.Response(200, text=body)})

    async with peer.client() as client:
        with pytest.raises(ClientError, match="answer"):
            await client.list_tools()


async def test_a_stream_that_ends_too_early_is_an_error() -> None:
    peer = Peer({"server/discover": DISCOVERED, "tools/list": lambda *_: stream()})

    async with peer.client() as client:
        with pytest.raises(ClientError, match="closed its stream before it answered"):
            await client.list_tools()


async def test_a_server_that_cannot_be_reached_is_named() -> None:
    def refuse(request: httpx2.Request) -> httpx2.Response:
        raise httpx2.ConnectError("connection refused", request=request)

    http = httpx2.AsyncClient(transport=httpx2.MockTransport(refuse))

    with pytest.raises(ClientError, match=r"http://server/mcp cannot be reached: connection refused"):
        async with Client(StreamableHttpTransport(URL, http_client=http)):
            pass


@pytest.mark.fastmcp("CL-07")
@pytest.mark.protocol("PG-01")
async def test_all_pages_of_a_list_are_fetched() -> None:

    def listed(_: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        page = int(message["params"].get("cursor", "0"))
        tool = {"name": f"t{page}", "inputSchema": {"type": "object"}}
        return result(message, {"tools": [tool]} | ({"nextCursor": str(page + 1)} if page < 2 else {}))

    peer = Peer({"server/discover": DISCOVERED, "tools/list": listed})

    async with peer.client() as client:
        assert [tool.name for tool in await client.list_tools()] == ["t0", "t1", "t2"]


@pytest.mark.fastmcp("CL-08")
async def test_data_is_unwrapped_as_the_answer_says() -> None:
    answer = {"content": [], "structuredContent": {"result": 3}, "_meta": {"fastmcp": {"wrap_result": True}}}
    peer = Peer({"server/discover": DISCOVERED, "tools/call": answer})

    async with peer.client() as client:
        assert await client.call_tool("add") == 3


async def test_a_failed_tool_raises_its_text() -> None:
    answer = {"content": [{"type": "text", "text": "No."}], "isError": True}
    peer = Peer({"server/discover": DISCOVERED, "tools/call": answer})

    async with peer.client() as client:
        with pytest.raises(ToolError, match="No"):
            await client.call_tool("add")


@pytest.mark.protocol("V-06", "V-13")
async def test_a_version_refused_and_offered_at_once_is_tried_again() -> None:
    refusals = [{"supported": [MODERN]}]

    def discover(request: httpx2.Request, message: dict[str, Any]) -> httpx2.Response:
        return error(message, -32022, 400, refusals.pop()) if refusals else result(message, DISCOVERED)

    peer = Peer({"server/discover": discover})

    async with peer.client() as client:
        assert client.protocol_version == MODERN


@pytest.mark.protocol("T-05", "H-02", "H-03")
async def test_marked_arguments_are_repeated_in_headers() -> None:
    def schema(**properties: Any) -> dict[str, Any]:
        return {"type": "object", "properties": properties}

    tools = [
        {
            "name": "good",
            "inputSchema": schema(
                city={"type": "string", "x-mcp-header": "City"},
                deep=schema(level={"type": "integer", "x-mcp-header": "Level"}),
                dry={"type": "boolean", "x-mcp-header": "Dry"},
                left={"type": "string", "x-mcp-header": "Left"},
            ),
        },
        {"name": "bad", "inputSchema": schema(when={"type": "number", "x-mcp-header": "When"})},
    ]
    peer = Peer({"server/discover": DISCOVERED, "tools/list": {"tools": tools}, "tools/call": {"content": []}})

    async with peer.client() as client:
        assert [tool.name for tool in await client.list_tools()] == ["good"]
        await client.call_tool("good", {"city": "Tromsø", "deep": {"level": 3}, "dry": True, "left": None})

    headers = peer.sent("tools/call")[0][0]
    assert (headers["mcp-param-city"], headers["mcp-param-level"]) == ("=?base64?VHJvbXPDuA==?=", "3")
    assert headers["mcp-param-dry"] == "true"
    assert "mcp-param-left" not in headers
