"""FastMCP 2.x: one server mounted and one imported, each with a prefix."""

import asyncio

from fastmcp import FastMCP

weather = FastMCP("Weather")
clock = FastMCP("Clock")
mcp = FastMCP("Town")


@weather.tool
def forecast(city: str) -> str:
    return f"Sunny in {city}"


@weather.resource("data://seasons")
def seasons() -> list[str]:
    return ["dry", "wet"]


@clock.tool
def strike(hour: int) -> str:
    return "ding" * hour


mcp.mount(weather, prefix="weather")
asyncio.run(mcp.import_server(clock, prefix="clock"))


@weather.tool
def added_later() -> str:
    return "live"
