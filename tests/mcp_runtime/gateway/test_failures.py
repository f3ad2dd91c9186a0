"""What clients are told when a server, or the sandbox around it, fails; and what they are not."""

from __future__ import annotations

import json

import pytest

from mcp_runtime.connectors.failures import DEATHS, SANDBOX_FAILURES
from tests.mcp_runtime.gateway.conftest import Door
from tests.mcp_runtime.gateway.world import FAILURES
from tests.support import wait_until_async


@pytest.mark.parametrize(
    ("how", "code", "message"),
    [
        ("died", "worker_died", DEATHS["oom"].message),
        ("looping", "crash_looping", SANDBOX_FAILURES["crash_looping"].message),
        ("timeout", "timeout", SANDBOX_FAILURES["timeout"].message),
        ("overloaded", "overloaded", SANDBOX_FAILURES["overloaded"].message),
        ("odd", "sandbox_error", SANDBOX_FAILURES["sandbox_error"].message),
    ],
)
async def test_a_failure_of_the_sandbox_names_the_sandbox(door: Door, how: str, code: str, message: str) -> None:
    answer = await door.modern("tools/call", {"name": "fail", "arguments": {"how": how}})

    error = answer.json()["error"]
    assert (error["code"], error["message"]) == (-32603, message)
    assert (error["data"]["code"], error["data"]["party"]) == (code, "sandbox")
    assert error["data"]["hint"]
    assert error["data"]["request_id"].startswith("req_")
    assert str(FAILURES[how]) not in answer.text


async def test_what_the_client_is_not_told_stands_in_the_log(door: Door) -> None:
    await door.modern("tools/call", {"name": "fail", "arguments": {"how": "died"}})

    await wait_until_async(lambda: bool(door.lines), 5)
    record = json.loads(b"".join(door.lines))
    assert (record["outcome"], record["reason"]) == ("worker_died", str(FAILURES["died"]))


async def test_a_pause_says_how_long(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "fail", "arguments": {"how": "looping"}})

    assert answer.json()["error"]["data"]["retry_after"] == 13


async def test_a_servers_own_error_is_passed_on(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "fail", "arguments": {"how": "own_code"}})

    assert answer.status_code == 200
    assert answer.json()["error"] == {"code": 1234, "message": "A code of my own."}


async def test_a_server_cannot_speak_with_the_gateways_codes(door: Door) -> None:
    answer = await door.modern("tools/call", {"name": "fail", "arguments": {"how": "upstream"}})

    assert answer.json()["error"] == {"code": -32603, "message": "The upstream says no.", "data": {"why": "because"}}


async def test_a_resource_the_server_does_not_find_has_each_eras_code(door: Door) -> None:
    call: dict[str, object] = {"name": "fail", "arguments": {"how": "missing"}}

    modern = await door.modern("tools/call", call)
    legacy = await door.legacy("tools/call", call)

    assert modern.json()["error"]["code"] == -32602
    assert legacy.json()["error"]["code"] == -32002


async def test_a_fault_of_ours_is_masked(door: Door, caplog: pytest.LogCaptureFixture) -> None:
    answer = await door.modern("tools/call", {"name": "fail", "arguments": {"how": "bug"}})

    error = answer.json()["error"]
    assert answer.status_code == 500
    assert (error["code"], error["data"]["party"]) == (-32603, "platform")
    assert "hunter2" not in answer.text
    assert error["data"]["request_id"] in caplog.text


@pytest.mark.parametrize(
    "raw",
    [
        b"[]",
        b"null",
        b"{",
        b'{"content":[{"type":"surprise"}]}',
        b'{"content":[{"type":"text"}]}',
        b'{"content":[{"type":"text","text":"\xff"}]}',
        b'{"content":[],"structuredContent":"\xff"}',
        b'{"content":[],"structuredContent":{"a":NaN}}',
        b'{"content":[],"_meta":{"a":"\xff"}}',
        b'{"content":[],"resultType":"input_required"}',
        b'{"content":[],"isError":"yes"}',
        b'{"content":[],"structuredContent":' + b"[" * 5000 + b"]" * 5000 + b"}",
    ],
)
async def test_an_answer_that_is_none_is_not_passed_on(door: Door, raw: bytes) -> None:
    door.world.server.raw = raw

    answer = await door.modern("tools/call", {"name": "raw"})

    assert answer.json()["error"]["data"]["code"] == "worker_misbehaved"


async def test_a_server_cannot_fill_in_the_gateways_members(door: Door) -> None:
    door.world.server.raw = (
        b'{"content":[],"ttlMs":60000,"cacheScope":"public","requestState":"x",'
        b'"_meta":{"io.modelcontextprotocol/serverInfo":{"name":"liar"},"own/key":1}}'
    )

    answer = await door.modern("tools/call", {"name": "raw"})

    result = answer.json()["result"]
    assert result.keys() == {"content", "resultType", "_meta"}
    assert result["_meta"]["io.modelcontextprotocol/serverInfo"]["name"] == "weather server"
    assert result["_meta"]["own/key"] == 1


async def test_line_breaks_in_an_answer_do_not_end_an_event(door: Door) -> None:
    door.world.server.raw = b'{"content":[],"structuredContent":{"a":\n\n1}}'

    answer = await door.modern("tools/call", {"name": "raw"})

    assert answer.content.count(b"\n") == 0
    assert answer.json()["result"]["structuredContent"] == {"a": 1}
