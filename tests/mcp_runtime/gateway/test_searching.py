"""An endpoint that shows a search in place of its tools: found, called, limited and recorded as if they were listed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from mcp_runtime.gateway.records import CallRecord
from mcp_runtime.ports.plans import Policy, Rate
from tests.mcp_runtime.gateway import world as the_world
from tests.mcp_runtime.gateway.conftest import Door, opened
from tests.mcp_runtime.gateway.world import World, plan, principal, tool
from tests.support.waiting import wait_until_async

LIMITED = "bGltaXRlZA"
WEATHER: dict[str, object] = {
    "type": "object",
    "properties": {"city": {"type": "string", "description": "Where it rains."}},
}


@pytest.fixture
def world() -> World:
    world = the_world.build()
    document = plan("weather", "ep_weather", tools=100)
    forecast = tool("getForecast", WEATHER, title="Forecast", description="Tomorrow's weather.")
    umbrella = tool("umbrella", description="Whether to take one: weather of the day.")
    world.catalogue.publish(
        msgspec.structs.replace(document, tools=(*document.tools, forecast, umbrella), present="search", version=2)
    )
    limited = replace(principal("acme", "limited"), only=frozenset({"add", "more_7"}))
    world.credentials.grant(LIMITED, limited, tenant="acme")
    return world


async def search(door: Door, query: str, token: str = the_world.ADA, **more: object) -> list[str]:
    arguments = {"query": query, **more}
    answer = await door.modern("tools/call", {"name": "search_tools", "arguments": arguments}, token=token)
    return [found["name"] for found in answer.json()["result"]["structuredContent"]["tools"]]


async def by_way(door: Door, name: str, arguments: object = None, token: str = the_world.ADA, **more: Any) -> Any:
    wrapped: dict[str, object] = {"name": "call_tool", "arguments": {"name": name, "arguments": arguments or {}}}
    return await door.modern("tools/call", wrapped, token=token, **more)


@pytest.mark.parametrize("token", [the_world.ADA, LIMITED])
async def test_two_tools_are_listed(door: Door, token: str) -> None:
    tools = (await door.modern("tools/list", token=token)).json()["result"]["tools"]

    assert [one["name"] for one in tools] == ["search_tools", "call_tool"]


async def test_the_best_match_comes_first_with_its_schema(door: Door) -> None:
    assert await search(door, "weather forecast") == ["getForecast", "umbrella"]
    assert await search(door, "where does it RAIN rains") == ["getForecast"]
    assert await search(door, "weather forecast", limit=1) == ["getForecast"]
    assert await search(door, "quantum") == []


async def test_what_is_found_is_called(door: Door) -> None:
    answer = await by_way(door, "add", {"a": 1, "b": 2})

    assert answer.json()["result"]["structuredContent"] == {"result": 3}
    assert door.world.server.calls[0][1]["name"] == "add"


async def test_a_legacy_client_searches_and_calls(door: Door) -> None:
    found = await door.legacy("tools/call", {"name": "search_tools", "arguments": {"query": "forecast"}})
    wrapped: dict[str, object] = {"name": "call_tool", "arguments": {"name": "add", "arguments": {"a": 1, "b": 2}}}
    called = await door.legacy("tools/call", wrapped)

    assert "getForecast" in found.json()["result"]["content"][0]["text"]
    assert called.json()["result"]["structuredContent"] == {"result": 3}


async def test_arguments_are_judged_by_the_tools_own_schema(door: Door) -> None:
    result = (await by_way(door, "add", {"a": "one"})).json()["result"]

    assert result["isError"] is True
    assert "Input validation error" in result["content"][0]["text"]
    assert door.world.server.calls == []


async def test_headers_need_not_repeat_what_is_wrapped(door: Door) -> None:
    plain = await door.modern("tools/call", {"name": "routed", "arguments": {"region": "eu"}})
    wrapped = await by_way(door, "routed", {"region": "eu"})

    assert plain.status_code == 400
    assert wrapped.status_code != 400


async def test_the_record_names_the_tool_that_was_called(door: Door) -> None:
    await by_way(door, "add", {"a": 1, "b": 2})
    await wait_until_async(lambda: door.lines)

    assert msgspec.json.decode(b"".join(door.lines), type=CallRecord).name == "add"


async def test_policies_hold_on_every_way(door: Door) -> None:
    document = plan("weather", "ep_weather", version=3)
    tools = tuple(msgspec.structs.replace(one, policies=(0,)) for one in document.tools)
    once = Policy("once", rate=Rate(1, 3600))
    door.world.catalogue.publish(msgspec.structs.replace(document, tools=tools, policies=(once,), present="search"))

    answers = [await by_way(door, "add", {"a": 1, "b": 2}) for _ in range(2)]

    assert [answer.status_code for answer in answers] == [200, 429]


async def test_what_a_credential_is_not_for_is_neither_found_nor_called(door: Door) -> None:
    assert await search(door, "more add weather", LIMITED, limit=20) == ["add", "more_7"]
    theirs = (await by_way(door, "umbrella", token=LIMITED)).json()["result"]
    nobodys = (await by_way(door, "umbrellas", token=LIMITED)).json()["result"]

    assert theirs["isError"] is nobodys["isError"] is True
    said = [result["content"][0]["text"] for result in (theirs, nobodys)]
    assert said[0].replace("umbrella", "x") == said[1].replace("umbrellas", "x")
    assert door.world.server.calls == []


@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"name": 7},
        {"name": "call_tool", "arguments": {"name": "add"}},
        {"name": "search_tools", "arguments": {"query": "x"}},
        {"name": "add", "arguments": []},
    ],
)
async def test_a_call_that_wraps_none_is_refused(door: Door, arguments: object) -> None:
    answer = await door.modern("tools/call", {"name": "call_tool", "arguments": arguments})

    assert answer.json()["error"]["code"] == -32602


@pytest.mark.parametrize(
    "arguments", [{}, {"query": 7}, {"query": "x" * 1_001}, {"query": "x", "limit": 0}, {"query": "x", "limit": True}]
)
async def test_a_search_for_nothing_is_refused(door: Door, arguments: object) -> None:
    answer = await door.modern("tools/call", {"name": "search_tools", "arguments": arguments})

    assert answer.json()["error"]["code"] == -32602


async def test_only_such_endpoints_have_the_two(world: World) -> None:
    async with opened(world) as door:
        path = "/t/acme/other/mcp"
        called = await door.modern("tools/call", {"name": "search_tools", "arguments": {"query": "x"}}, path=path)

    assert called.json()["error"]["code"] == -32602
