"""2026-07-28 through the front door: the ladder (PROTOCOL 1.3), then what each method answers."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from mcp_runtime.protocol.versions import SUPPORTED
from tests.mcp_runtime.gateway.conftest import Door, request
from tests.mcp_runtime.gateway.world import META, MODERN

SERVER_INFO = {"name": "weather server", "version": "1.2.3"}


@pytest.mark.protocol("B-01", "B-04")
@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        (b"{", 400, -32700),
        (b'{"jsonrpc":"2.0","id":1,"id":2,"method":"tools/list"}', 400, -32700),
        (b'"tools/list"', 400, -32600),
        (b"[]", 400, -32600),
        (b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"method":7}', 400, -32600),
        (b'{"jsonrpc":"1.0","id":1,"method":"tools/list"}', 400, -32600),
        (b'{"jsonrpc":"2.0","id":1,"result":{}}', 400, -32600),
    ],
)
async def test_rung_1_what_is_not_one_request_is_refused(door: Door, body: bytes, status: int, code: int) -> None:
    answer = await door.post(body, mcp_protocol_version=MODERN)

    assert answer.status_code == status
    assert answer.json()["error"]["code"] == code


@pytest.mark.protocol("B-01")
async def test_an_unreadable_request_is_answered_without_an_id(door: Door) -> None:
    answer = await door.post(b"{", mcp_protocol_version=MODERN)

    assert "id" not in answer.json()


@pytest.mark.protocol("B-03", "H-07")
@pytest.mark.parametrize("method", ["notifications/cancelled", "notifications/unheard_of"])
async def test_rung_2_a_notification_is_accepted_and_dropped(door: Door, method: str) -> None:
    answer = await door.post({"jsonrpc": "2.0", "method": method}, mcp_protocol_version=MODERN)

    assert answer.status_code == 202
    assert answer.content == b""


@pytest.mark.protocol("B-01")
@pytest.mark.parametrize("odd", [None, True, 1.5, [], {}])
async def test_rung_3_an_odd_id_is_refused(door: Door, odd: object) -> None:
    body = request("tools/list", {}) | {"id": odd}

    answer = await door.post(body, mcp_protocol_version=MODERN, mcp_method="tools/list")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600
    assert "id" not in answer.json()


@pytest.mark.protocol("B-01")
@pytest.mark.parametrize("good", [0, -7, "seven", "", 2**53])
async def test_an_id_comes_back_as_it_was(door: Door, good: object) -> None:
    body = request("tools/list", {}) | {"id": good}

    answer = await door.post(body, mcp_protocol_version=MODERN, mcp_method="tools/list")

    assert answer.status_code == 200
    assert answer.json()["id"] == good
    assert type(answer.json()["id"]) is type(good)


@pytest.mark.parametrize(
    "params",
    [
        {},
        {"_meta": None},
        {"_meta": {f"{META}clientCapabilities": {}}},
        {"_meta": {f"{META}protocolVersion": MODERN}},
        {"_meta": {f"{META}protocolVersion": MODERN, f"{META}clientCapabilities": []}},
        {"_meta": {f"{META}protocolVersion": 2026, f"{META}clientCapabilities": {}}},
    ],
)
async def test_rung_4_the_envelope_must_be_complete(door: Door, params: dict[str, object]) -> None:
    body = {"jsonrpc": "2.0", "id": "four", "method": "tools/list", "params": params}

    answer = await door.post(body, mcp_protocol_version=MODERN, mcp_method="tools/list")

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602
    assert answer.json()["id"] == "four"


@pytest.mark.protocol("H-02", "V-06", "H-09")
@pytest.mark.parametrize(
    ("method", "params", "headers"),
    [
        ("tools/list", {}, {"mcp_protocol_version": ""}),
        ("tools/list", {}, {"mcp_protocol_version": "2025-11-25"}),
        ("tools/list", {}, {"mcp_protocol_version": "v999.0.0"}),
        ("tools/list", {}, {"mcp_method": ""}),
        ("tools/list", {}, {"mcp_method": "prompts/list"}),
        ("tools/list", {}, {"mcp_method": "TOOLS/LIST"}),
        ("tools/call", {"name": "add"}, {"mcp_name": ""}),
        ("tools/call", {"name": "add"}, {"mcp_name": "refuse"}),
        ("tools/call", {"name": "add"}, {"mcp_name": "=?base64?YWR!?="}),
        ("tools/call", {}, {"mcp_name": "add"}),
        ("resources/read", {"uri": "weather://now"}, {"mcp_name": "weather://then"}),
        ("prompts/get", {"name": "greet"}, {"mcp_name": ""}),
    ],
)
async def test_rung_5_headers_must_repeat_the_body(
    door: Door, method: str, params: dict[str, object], headers: dict[str, Any]
) -> None:
    answer = await door.modern(method, params, **headers)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32020


@pytest.mark.protocol("H-02")
async def test_rung_5_a_routing_header_may_come_once(door: Door) -> None:
    answer = await door.http.post(
        "/t/acme/weather/mcp",
        json=request("tools/list", {}),
        headers=[
            ("authorization", "Bearer stoa_ada"),
            ("mcp-protocol-version", MODERN),
            ("mcp-method", "tools/list"),
            ("Mcp-Method", "tools/list"),
        ],
    )

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32020


@pytest.mark.protocol("H-03")
async def test_a_name_may_be_sent_in_base64(door: Door) -> None:
    encoded = base64.b64encode(b"refuse").decode()

    answer = await door.modern("tools/call", {"name": "refuse"}, mcp_name=f"=?base64?{encoded}?=")

    assert answer.status_code == 200


@pytest.mark.protocol("V-06", "V-07")
async def test_rung_6_another_version_is_refused_with_the_ones_we_speak(door: Door) -> None:
    meta: dict[str, object] = {f"{META}protocolVersion": "v999.0.0"}

    answer = await door.modern("tools/list", meta=meta, mcp_protocol_version="v999.0.0")

    error = answer.json()["error"]
    assert answer.status_code == 400
    assert error["code"] == -32022
    assert error["data"] == {"supported": list(SUPPORTED), "requested": "v999.0.0"}


@pytest.mark.protocol("V-11")
@pytest.mark.parametrize(
    "method",
    ["initialize", "ping", "logging/setLevel", "resources/subscribe", "resources/unsubscribe", "tasks/list", "nothing"],
)
async def test_rung_7_removed_and_unknown_methods_are_not_found(door: Door, method: str) -> None:
    answer = await door.modern(method)

    assert answer.status_code == 404
    assert answer.json()["error"]["code"] == -32601


async def test_rung_8_the_log_level_must_be_one(door: Door) -> None:
    answer = await door.modern("tools/list", meta={f"{META}logLevel": "loud"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("R-01", "R-03", "R-08", "V-07")
async def test_discover_tells_versions_capabilities_and_who_answers(door: Door) -> None:
    answer = await door.modern("server/discover")

    assert answer.headers["content-type"] == "application/json"
    assert answer.json()["result"] == {
        "supportedVersions": list(SUPPORTED),
        "capabilities": {
            "tools": {"listChanged": True},
            "resources": {"subscribe": True, "listChanged": True},
            "prompts": {"listChanged": True},
            "logging": {},
        },
        "instructions": "Ask nicely.",
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
        "_meta": {f"{META}serverInfo": SERVER_INFO},
    }


@pytest.mark.protocol("R-03", "R-05", "T-01")
@pytest.mark.parametrize(
    ("method", "key", "first"),
    [
        ("tools/list", "tools", "add"),
        ("resources/list", "resources", "now"),
        ("resources/templates/list", "resourceTemplates", "city"),
        ("prompts/list", "prompts", "greet"),
    ],
)
async def test_lists_have_what_the_plan_has(door: Door, method: str, key: str, first: str) -> None:
    answer = await door.modern(method)

    result = answer.json()["result"]
    assert result[key][0]["name"] == first
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == ("complete", 0, "private")
    assert result["_meta"] == {f"{META}serverInfo": SERVER_INFO}
    assert "nextCursor" not in result


@pytest.mark.protocol("T-02", "T-06")
async def test_a_definition_is_listed_word_for_word(door: Door) -> None:
    answer = await door.modern("tools/list")

    assert answer.json()["result"]["tools"][0] == door.world.catalogue._plans["acme", "weather"].tools[0].definition


@pytest.mark.protocol("PG-01")
async def test_a_cursor_nobody_gave_is_refused(door: Door) -> None:
    answer = await door.modern("tools/list", {"cursor": "x"})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("R-01", "R-08")
async def test_a_tool_is_called(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})

    assert answer.status_code == 200
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {
            "content": [{"type": "text", "text": "3"}],
            "structuredContent": {"result": 3},
            "isError": False,
            "resultType": "complete",
            "_meta": {f"{META}serverInfo": SERVER_INFO},
        },
    }


@pytest.mark.protocol("A-08", "M-01")
async def test_the_server_learns_who_calls_and_no_token(door: Door) -> None:
    meta: dict[str, object] = {
        f"{META}clientCapabilities": {"sampling": {}},
        "traceparent": "00-1-2-01",
        "progressToken": "p",
    }

    await door.modern("tools/call", {"name": "refuse", "arguments": {"x": 1}}, meta=meta)

    method, params, caller = door.world.server.calls[0]
    assert (method, params) == (
        "tools/call",
        {"name": "refuse", "arguments": {"x": 1}, "_meta": {"traceparent": "00-1-2-01"}},
    )
    assert (caller.subject, caller.scopes, caller.protocol_version) == ("key_ada", ("mcp:call",), MODERN)
    assert (caller.client_capabilities, caller.progress, caller.log_level) == ({"sampling": {}}, True, None)
    assert caller.request_id.startswith("req_")


async def test_a_tool_that_fails_is_a_result(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "refuse"})

    assert answer.status_code == 200
    assert answer.json()["result"]["isError"] is True


@pytest.mark.protocol("E-01")
async def test_an_unknown_tool_is_an_error(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "nope"})

    assert answer.status_code == 200
    assert answer.json()["error"] == {"code": -32602, "message": "No tool named 'nope' on this server."}


@pytest.mark.protocol("E-01", "T-09")
@pytest.mark.parametrize(
    ("arguments", "why"),
    [({"a": "x", "b": 1}, "arguments.a"), ({"a": 1}, "required"), ({"a": 1, "b": 2, "c": 3}, "Additional properties")],
)
async def test_a_strict_server_never_sees_wrong_arguments(door: Door, arguments: object, why: str) -> None:
    answer = await door.modern("tools/call", {"name": "add", "arguments": arguments})

    result = answer.json()["result"]
    assert result["isError"] is True
    assert result["content"][0]["text"].startswith("Input validation error: ")
    assert why in result["content"][0]["text"]
    assert door.world.server.calls == []


async def test_arguments_must_be_an_object(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "add", "arguments": [1, 2]})

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32602


@pytest.mark.protocol("T-03")
async def test_a_schema_that_points_elsewhere_is_never_fetched(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "foreign", "arguments": {}})

    error = answer.json()["error"]
    assert error["code"] == -32603
    assert error["data"]["code"] == "bad_schema"
    assert door.world.server.calls == []


@pytest.mark.protocol("T-05")
async def test_a_marked_argument_must_stand_in_its_header(door: Door) -> None:
    call: dict[str, object] = {"name": "routed", "arguments": {"region": "eu"}}

    without = await door.modern("tools/call", call)
    wrong = await door.modern("tools/call", call, mcp_param_region="us")
    alone = await door.modern("tools/call", {"name": "routed"}, mcp_param_region="eu")

    assert [answer.status_code for answer in (without, wrong, alone)] == [400, 400, 400]
    assert {answer.json()["error"]["code"] for answer in (without, wrong, alone)} == {-32020}
    assert door.world.server.calls == []


@pytest.mark.protocol("T-05")
@pytest.mark.parametrize("header", ["eu", "=?base64?ZXU=?="])
async def test_a_marked_argument_that_agrees_is_let_through(door: Door, header: str) -> None:
    call: dict[str, object] = {"name": "routed", "arguments": {"region": "eu"}}

    await door.modern("tools/call", call, mcp_param_region=header)

    assert len(door.world.server.calls) == 1


@pytest.mark.protocol("R-03")
async def test_a_resource_is_read(door: Door) -> None:
    answer = await door.modern("resources/read", {"uri": "weather://now"})

    result = answer.json()["result"]
    assert result["contents"] == [{"uri": "weather://now", "mimeType": "text/plain", "text": "read weather://now"}]
    assert (result["ttlMs"], result["cacheScope"]) == (0, "private")


@pytest.mark.protocol("RS-02")
@pytest.mark.parametrize(("uri", "at_server"), [("city://lima", "city://lima"), ("pre://a/b%20c", "file:///a%2Fb%20c")])
async def test_a_template_is_read_under_the_servers_own_uri(door: Door, uri: str, at_server: str) -> None:
    answer = await door.modern("resources/read", {"uri": uri})

    contents = answer.json()["result"]["contents"]
    assert contents[0]["uri"] == uri
    assert door.world.server.calls[0][1] == {"uri": at_server}


@pytest.mark.protocol("RS-01")
@pytest.mark.parametrize("uri", ["nowhere://x", "pre://../etc/passwd", "pre://%2Fetc/passwd"])
async def test_an_unknown_resource_is_an_error_that_names_it(door: Door, uri: str) -> None:
    answer = await door.modern("resources/read", {"uri": uri})

    error = answer.json()["error"]
    assert error["code"] == -32602
    assert error["data"] == {"uri": uri}


async def test_a_prompt_is_got(door: Door) -> None:
    answer = await door.modern("prompts/get", {"name": "greet", "arguments": {"who": "Ada"}})

    result = answer.json()["result"]
    assert result["messages"][0]["content"]["text"] == "Greet {'who': 'Ada'}"
    assert result["resultType"] == "complete"
    assert "ttlMs" not in result


@pytest.mark.protocol("P-01")
@pytest.mark.parametrize(
    ("params", "why"),
    [
        ({"name": "greet"}, "who"),
        ({"name": "greet", "arguments": {"who": 7}}, "strings"),
        ({"name": "nope"}, "No prompt named 'nope'"),
    ],
)
async def test_a_prompt_wants_its_arguments(door: Door, params: dict[str, object], why: str) -> None:
    answer = await door.modern("prompts/get", params)

    assert answer.json()["error"]["code"] == -32602
    assert why in answer.json()["error"]["message"]


@pytest.mark.protocol("V-10")
async def test_a_session_header_is_ignored_and_none_is_given(door: Door) -> None:
    answer = await door.modern("tools/list", mcp_session_id="stolen", last_event_id="7")

    assert answer.status_code == 200
    assert "mcp-session-id" not in answer.headers
