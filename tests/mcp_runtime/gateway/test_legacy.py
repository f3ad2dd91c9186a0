"""Clients of the handshake era through the front door (PROTOCOL 1.2, 1.4, 2.13), outside of their sessions."""

from __future__ import annotations

import pytest

from tests.mcp_runtime.gateway.conftest import Door

LEGACY = ("2025-11-25", "2025-06-18", "2025-03-26", "2024-11-05")


def initialize(version: object) -> dict[str, object]:
    return {
        "jsonrpc": "2.0",
        "id": 0,
        "method": "initialize",
        "params": {"protocolVersion": version, "capabilities": {}, "clientInfo": {"name": "t", "version": "1"}},
    }


@pytest.mark.protocol("V-01", "V-03")
@pytest.mark.parametrize("version", LEGACY)
async def test_initialize_answers_with_the_version_asked_for(door: Door, version: str) -> None:
    answer = await door.post(initialize(version))

    assert answer.status_code == 200
    assert answer.json() == {
        "jsonrpc": "2.0",
        "id": 0,
        "result": {
            "protocolVersion": version,
            "capabilities": {
                "tools": {"listChanged": True},
                "resources": {"subscribe": True, "listChanged": True},
                "prompts": {"listChanged": True},
                "logging": {},
            },
            "serverInfo": {"name": "weather server", "version": "1.2.3"},
            "instructions": "Ask nicely.",
        },
    }
    assert answer.headers["mcp-session-id"]


@pytest.mark.protocol("V-02")
@pytest.mark.parametrize("version", ["2026-07-28", "1999-01-01", "", 7, None])
async def test_initialize_with_another_version_gets_our_latest(door: Door, version: object) -> None:
    answer = await door.post(initialize(version))

    assert answer.json()["result"]["protocolVersion"] == "2025-11-25"


@pytest.mark.protocol("V-04", "G-03")
async def test_a_request_without_a_version_header_is_served(door: Door) -> None:
    answer = await door.post({"jsonrpc": "2.0", "id": 1, "method": "tools/list"})

    assert answer.status_code == 200
    assert len(answer.json()["result"]["tools"]) == 8


@pytest.mark.protocol("V-05", "G-09")
async def test_a_version_header_that_is_none_of_ours_is_a_bad_request(door: Door) -> None:
    answer = await door.legacy("tools/list", version="2025-13-01")

    assert answer.status_code == 400


@pytest.mark.protocol("B-03", "G-08")
@pytest.mark.parametrize(
    "message",
    [
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}},
        {"jsonrpc": "2.0", "id": 1, "result": {}},
        {"jsonrpc": "2.0", "id": 1, "error": {"code": 1, "message": "no"}},
    ],
)
async def test_notifications_and_replies_are_accepted(door: Door, message: object) -> None:
    answer = await door.post(message, mcp_protocol_version="2025-11-25")

    assert answer.status_code == 202
    assert answer.content == b""


async def test_ping_is_answered(door: Door) -> None:
    answer = await door.legacy("ping")

    assert answer.json() == {"jsonrpc": "2.0", "id": 1, "result": {}}


@pytest.mark.protocol("E-01")
@pytest.mark.parametrize(
    ("method", "params", "code"),
    [
        ("server/discover", None, -32601),
        ("subscriptions/listen", None, -32601),
        ("logging/setLevel", {"level": "info"}, -32601),
        ("resources/subscribe", {"uri": "weather://now"}, -32601),
        ("nothing", None, -32601),
        ("tools/call", {}, -32602),
        ("tools/call", {"name": "nope"}, -32602),
        ("tools/list", {"cursor": "x"}, -32602),
        ("resources/read", {"uri": "nowhere://x"}, -32002),
        ("prompts/get", {"name": "greet"}, -32602),
        ("tools/call", {"name": "fail", "arguments": {"how": "died"}}, -32603),
    ],
)
async def test_errors_that_answer_a_request_come_with_200(
    door: Door, method: str, params: dict[str, object] | None, code: int
) -> None:
    answer = await door.legacy(method, params)

    assert answer.status_code == 200
    assert answer.json()["error"]["code"] == code
    assert answer.json()["id"] == 1


@pytest.mark.parametrize("body", [b"{", b"7", b'{"jsonrpc":"2.0","id":null,"method":"ping"}'])
async def test_what_is_no_request_is_a_bad_request(door: Door, body: bytes) -> None:
    answer = await door.post(body)

    assert answer.status_code == 400
    assert "id" not in answer.json()


@pytest.mark.protocol("R-01")
async def test_an_old_result_has_nothing_of_the_modern_envelope(door: Door) -> None:
    called = await door.legacy("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}})
    listed = await door.legacy("tools/list")

    assert called.json()["result"] == {
        "content": [{"type": "text", "text": "3"}],
        "structuredContent": {"result": 3},
        "isError": False,
    }
    assert listed.json()["result"].keys() == {"tools"}


@pytest.mark.protocol("T-06")
@pytest.mark.parametrize(
    ("version", "gone"),
    [
        ("2025-11-25", set()),
        ("2025-06-18", {"icons"}),
        ("2025-03-26", {"icons", "title", "_meta", "outputSchema"}),
        ("2024-11-05", {"icons", "title", "_meta", "outputSchema", "annotations"}),
    ],
)
async def test_a_definition_is_shaped_down(door: Door, version: str, gone: set[str]) -> None:
    full = {"name", "description", "inputSchema", "title", "icons", "outputSchema", "annotations", "_meta"}

    answer = await door.legacy("tools/list", version=version)

    assert answer.json()["result"]["tools"][0].keys() == full - gone


@pytest.mark.protocol("T-04")
async def test_structured_content_older_clients_cannot_read_is_left_out(door: Door) -> None:
    answer = await door.legacy("tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, version="2025-03-26")

    assert answer.json()["result"] == {"content": [{"type": "text", "text": "3"}], "isError": False}


@pytest.mark.protocol("T-04")
async def test_a_structured_list_becomes_text_for_older_clients(door: Door) -> None:
    door.world.server.raw = b'{"content":[],"structuredContent":[1,2]}'

    answer = await door.legacy("tools/call", {"name": "raw"})

    assert answer.json()["result"] == {"content": [{"type": "text", "text": "[1,2]"}]}


@pytest.mark.protocol("T-07")
async def test_content_unknown_to_2024_becomes_what_it_can_show(door: Door) -> None:
    door.world.server.raw = (
        b'{"content":[{"type":"resource_link","uri":"x://y","name":"why"},'
        b'{"type":"audio","data":"AAAA","mimeType":"audio/wav"}]}'
    )

    answer = await door.legacy("tools/call", {"name": "raw"}, version="2024-11-05")

    assert answer.json()["result"]["content"] == [
        {"type": "text", "text": "why: x://y"},
        {"type": "resource", "resource": {"uri": "audio://content", "mimeType": "audio/wav", "blob": "AAAA"}},
    ]


@pytest.mark.protocol("B-04")
@pytest.mark.parametrize("version", [None, "2025-03-26"])
async def test_a_batch_is_answered_as_one(door: Door, version: str | None) -> None:
    batch = [
        {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add", "arguments": {"a": 1, "b": 2}}},
        {"jsonrpc": "2.0", "method": "notifications/initialized"},
        {"jsonrpc": "2.0", "id": "two", "method": "nothing"},
        7,
    ]

    answer = await door.post(batch, mcp_protocol_version=version or "")

    assert answer.status_code == 200
    by_id = {one.get("id"): one for one in answer.json()}
    assert by_id.keys() == {1, "two", None}
    assert by_id[1]["result"]["content"][0]["text"] == "3"
    assert by_id["two"]["error"]["code"] == -32601
    assert by_id[None]["error"]["code"] == -32600


@pytest.mark.protocol("B-04")
async def test_a_batch_of_notifications_has_no_answer(door: Door) -> None:
    answer = await door.post([{"jsonrpc": "2.0", "method": "notifications/initialized"}])

    assert answer.status_code == 202


@pytest.mark.protocol("B-04", "G-01")
@pytest.mark.parametrize("version", ["2025-06-18", "2025-11-25", "2026-07-28"])
async def test_later_clients_cannot_send_batches(door: Door, version: str) -> None:
    answer = await door.post([{"jsonrpc": "2.0", "id": 1, "method": "ping"}], mcp_protocol_version=version)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600


@pytest.mark.protocol("B-04")
@pytest.mark.parametrize(
    "batch", [[], [initialize("2025-03-26")], [{"jsonrpc": "2.0", "id": 1, "method": "ping"}] * 33]
)
async def test_a_batch_that_is_none_is_refused(door: Door, batch: object) -> None:
    answer = await door.post(batch)

    assert answer.status_code == 400
    assert answer.json()["error"]["code"] == -32600
