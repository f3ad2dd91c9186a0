"""A weather server to deploy: `stoa deploy examples/weather.py --tenant demo`.

The forecasts are made up, but always the same for the same city and day, so that nothing here needs a network.
"""

from __future__ import annotations

import hashlib
from dataclasses import asdict, dataclass
from typing import Literal

from fastmcp import FastMCP

mcp = FastMCP("weather", instructions="Forecasts for any city. They are invented, but they never change.")

Sky = Literal["clear", "cloudy", "rain", "storm", "snow", "fog"]
SKIES: tuple[Sky, ...] = ("clear", "cloudy", "rain", "storm", "snow", "fog")
CITIES = ("Cairo", "Lima", "Nairobi", "Oslo", "Quito", "Tokyo")


@dataclass
class Forecast:
    """The weather of one city on one day."""

    city: str
    day: int
    sky: Sky
    high_celsius: int
    low_celsius: int


def forecast(city: str, day: int = 0) -> Forecast:
    seed = hashlib.sha256(f"{city.strip().casefold()}/{day}".encode()).digest()
    high = 5 + seed[0] % 31
    return Forecast(
        city=city.strip(),
        day=day,
        sky=SKIES[seed[1] % len(SKIES)],
        high_celsius=high,
        low_celsius=high - 3 - seed[2] % 9,
    )


@mcp.tool
def get_forecast(city: str) -> str:
    """Today's weather in a city, in one sentence."""
    if not city.strip():
        raise ValueError("Name a city, for example Lima.")
    today = forecast(city)
    return f"{today.city}: {today.sky}, {today.low_celsius} to {today.high_celsius} °C."


@mcp.tool
def get_week(city: str) -> list[Forecast]:
    """The next seven days in a city."""
    if not city.strip():
        raise ValueError("Name a city, for example Lima.")
    return [forecast(city, day) for day in range(7)]


@mcp.resource("weather://cities", mime_type="application/json")
def cities() -> list[str]:
    """Cities to start with."""
    return list(CITIES)


@mcp.resource("weather://cities/{city}/today", mime_type="application/json")
def today(city: str) -> dict[str, object]:
    """Today's weather in a city, as data."""
    return asdict(forecast(city))


@mcp.prompt
def packing_list(city: str, days: int = 3) -> str:
    """Ask what to pack for a trip."""
    return f"I travel to {city} for {days} days. Look up the forecast and tell me what to pack."
