"""Blocks 52 to 57: servers made of servers."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from tests.contract.cases import case
from tests.contract.document import Stage


async def _tools(mcp: FastMCP) -> list[str]:
    async with Client(mcp) as client:
        return [tool.name for tool in await client.list_tools()]


def _weather() -> FastMCP:
    weather = FastMCP("WeatherService")

    @weather.tool
    def get_forecast(city: str) -> dict[str, str]:
        return {"city": city, "forecast": "Sunny"}

    weather.resource("data://info", name="info")(lambda: "about the weather")
    return weather


@case(52, "K-01", "K-04", "G-37")
async def an_import_is_a_copy(stage: Stage) -> None:
    names = await stage.run()

    names["weather_mcp"].tool(lambda: "late", name="added_later")

    assert await _tools(names["main_mcp"]) == ["weather_get_forecast"]
    async with Client(names["main_mcp"]) as client:
        result = await client.call_tool("weather_get_forecast", {"city": "Lima"})
    assert result.data == {"city": "Lima", "forecast": "Sunny"}


@case(53, "K-02", "G-37")
async def a_mount_is_live(stage: Stage) -> None:
    names = await stage.run(FastMCP=FastMCP)

    assert await _tools(names["main_mcp"]) == ["dynamic_initial_tool", "dynamic_added_later"]
    async with Client(names["main_mcp"]) as client:
        assert (await client.call_tool("dynamic_added_later")).content[0].text == "Added Dynamically!"


@case(54, "K-04")
async def a_prefix_is_put_before_names_and_into_addresses(stage: Stage) -> None:
    main = FastMCP("Main")

    await stage.run(main_mcp=main, weather_mcp=_weather())

    assert await _tools(main) == ["weather_get_forecast"]
    async with Client(main) as client:
        [resource] = await client.list_resources()
        [content] = await client.read_resource("data://weather/info")
    assert str(resource.uri) == "data://weather/info"
    assert content.text == "about the weather"


@case(55, "K-05")
async def without_a_prefix_names_stay(stage: Stage) -> None:
    main = FastMCP("Main")

    await stage.run(main_mcp=main, weather_mcp=_weather())

    assert await _tools(main) == ["get_forecast"]
    async with Client(main) as client:
        assert (await client.read_resource("data://info"))[0].text == "about the weather"


@case(56, "K-06")
async def a_proxy_mount_has_its_whole_life_cycle(stage: Stage) -> None:
    events: list[str] = []

    @contextlib.asynccontextmanager
    async def lifespan(_: FastMCP) -> AsyncIterator[dict[str, str]]:
        events.append("up")
        yield {}
        events.append("down")

    api = FastMCP("API", lifespan=lifespan)
    api.tool(lambda: "pong", name="ping")
    main = FastMCP("Main")

    await stage.run(main_mcp=main, api_server=api)

    async with Client(main) as client:
        assert [tool.name for tool in await client.list_tools()] == ["api_ping"]
        assert (await client.call_tool("api_ping")).content[0].text == "pong"
    assert events[0] == "up"
    assert events[-1] == "down"


@case(57, "K-07", "S-09")
async def a_tag_filter_holds_for_mounted_servers(stage: Stage) -> None:
    names = await stage.run(FastMCP=FastMCP)

    assert await _tools(names["prod_app"]) == ["api_prod_endpoint"]
    assert await _tools(names["api_server"]) == ["prod_endpoint", "dev_endpoint"]
