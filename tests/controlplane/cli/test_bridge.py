"""`stoa bridge`: a remote server on a pipe, for clients of both eras (PROTOCOL 3.4)."""

from __future__ import annotations

import stat
from pathlib import Path
from typing import Any

import pytest

from controlplane.cli.bridging import _login, bridge, bridged
from controlplane.cli.errors import CliError
from mcp_runtime.framework import Context, FastMCP
from tests.mcp_runtime.gateway.standalone.test_stdio import server, talking


@pytest.mark.protocol("D-01", "D-02")
@pytest.mark.parametrize("handshake", [True, False], ids=["handshake", "2026-07-28"])
async def test_lists_and_calls_go_through(handshake: bool) -> None:
    async with talking(bridged(server()), handshake=handshake) as pipe:
        pipe.ask(1, "tools/list", modern=not handshake)
        listed = await pipe.hear()
        pipe.ask(2, "tools/call", {"name": "add", "arguments": {"a": 1, "b": 2}}, modern=not handshake)
        called = [await pipe.hear() for _ in range(2 if handshake else 1)]

    assert [tool["name"] for tool in listed["result"]["tools"]] == ["add", "who", "forever"]
    assert called[-1]["result"]["structuredContent"] == {"result": 3}


async def test_progress_and_log_messages_come_before_their_answer() -> None:
    async with talking(bridged(server()), handshake=True) as pipe:
        params = {"name": "add", "arguments": {"a": 1, "b": 2}, "_meta": {"progressToken": "p"}}
        pipe.ask(1, "tools/call", params)
        heard = [await pipe.hear() for _ in range(3)]

    assert {one.get("method") for one in heard[:2]} == {"notifications/message", "notifications/progress"}
    assert heard[2]["result"]["structuredContent"] == {"result": 3}


async def test_a_question_reaches_a_client_of_the_handshake() -> None:
    async with talking(bridged(server()), handshake=True) as pipe:
        pipe.ask(1, "tools/call", {"name": "who"})
        question = await pipe.hear()
        pipe.say({"jsonrpc": "2.0", "id": question["id"], "result": {"action": "accept", "content": {"value": "Ada"}}})
        answer = await pipe.hear()

    assert question["method"] == "elicitation/create"
    assert answer["result"]["content"][0]["text"] == "Ada"


async def test_a_question_reaches_a_client_of_2026() -> None:
    async with talking(bridged(server())) as pipe:
        pipe.ask(1, "tools/call", {"name": "who"}, modern=True)
        asked = (await pipe.hear())["result"]
        [key] = asked["inputRequests"]
        answers = {key: {"action": "accept", "content": {"value": "Ada"}}}
        params = {"name": "who", "inputResponses": answers, "requestState": asked["requestState"]}
        pipe.ask(2, "tools/call", params, modern=True)
        answer = await pipe.hear()

    assert answer["result"]["content"][0]["text"] == "Ada"


async def test_a_change_of_the_lists_is_told_and_seen() -> None:
    far = FastMCP("far")

    @far.tool
    async def grow(ctx: Context) -> str:
        far.tool(lambda: 1, name="new")
        return "grown"

    async with talking(bridged(far), handshake=True) as pipe:
        pipe.ask(1, "tools/list")
        before = await pipe.hear()
        pipe.ask(2, "tools/call", {"name": "grow"})
        heard: list[Any] = [await pipe.hear() for _ in range(2)]
        pipe.ask(3, "tools/list")
        after = await pipe.hear()

    assert [tool["name"] for tool in before["result"]["tools"]] == ["grow"]
    assert {one.get("method", one.get("id")) for one in heard} == {"notifications/tools/list_changed", 2}
    assert [tool["name"] for tool in after["result"]["tools"]] == ["grow", "new"]


@pytest.mark.parametrize("address", ["server.py", "ftp://host/mcp", "https://"])
def test_what_is_no_address_is_refused(address: str) -> None:
    with pytest.raises(CliError, match="is no address"):
        bridge(address, login=False)


def test_logins_are_kept_where_nobody_else_reads(tmp_path: Path) -> None:
    _login({"XDG_CONFIG_HOME": str(tmp_path)})

    assert stat.S_IMODE((tmp_path / "stoa" / "bridge").stat().st_mode) == 0o700
