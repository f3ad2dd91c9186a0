"""Web pages as clients: what a browser asks and reads (PROTOCOL H-10)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.world import World

PAGE = "https://console.example.com"
ADD: dict[str, object] = {"name": "add", "arguments": {"a": 1, "b": 2}}


@pytest.fixture
async def door(world: World) -> AsyncIterator[Door]:
    """A gateway that lets one page of another origin call."""
    async with opened(world, allowed_origins=(PAGE,)) as door:
        yield door


@pytest.mark.protocol("H-10")
async def test_a_browser_may_send_what_the_protocol_has(door: Door) -> None:
    asked = "authorization, content-type, mcp-protocol-version, mcp-method, Mcp-Param-Region, mcp-param-x y, x-other"

    answer = await door.http.options(
        "/t/acme/weather/mcp",
        headers={
            "origin": PAGE,
            "access-control-request-method": "POST",
            "access-control-request-headers": asked,
        },
    )

    allowed = set(answer.headers["access-control-allow-headers"].split(", "))
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert {"authorization", "content-type", "mcp-session-id", "last-event-id", "mcp-param-region"} <= allowed
    assert allowed.isdisjoint({"x-other", "mcp-param-x y", "*"})
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.protocol("H-10")
async def test_a_page_reads_answers(door: Door) -> None:
    answer = await door.modern("tools/call", ADD, origin=PAGE)

    assert answer.json()["result"]["structuredContent"] == {"result": 3}
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert answer.headers["vary"] == "Origin"


@pytest.mark.protocol("H-10")
async def test_a_page_reads_why_it_is_refused_and_where_to_log_in(door: Door) -> None:
    answer = await door.modern("tools/list", token=None, origin=PAGE)

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == PAGE
    assert "WWW-Authenticate" in answer.headers["access-control-expose-headers"]
    assert "resource_metadata=" in answer.headers["www-authenticate"]


@pytest.mark.protocol("H-10")
async def test_a_page_learns_its_session(door: Door) -> None:
    params: dict[str, object] = {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "page", "version": "1"},
    }

    answer = await door.legacy("initialize", params, origin=PAGE)

    assert answer.headers["mcp-session-id"]
    assert "Mcp-Session-Id" in answer.headers["access-control-expose-headers"]


@pytest.mark.protocol("H-08", "H-10")
async def test_a_foreign_page_is_not_even_asked_back(door: Door) -> None:
    headers = {"origin": "https://evil.example", "access-control-request-method": "POST"}

    answer = await door.http.options("/t/acme/weather/mcp", headers=headers)

    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


@pytest.mark.protocol("H-10")
async def test_programs_hear_nothing_of_it(door: Door) -> None:
    answer = await door.modern("tools/call", ADD)

    assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
