"""Somebody new: from the link that `make up` prints to a call by a foreign client.

The quickstart in the README tells the same steps, with the pictures that are taken on the way.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Locator, Page

ROOT = Path(__file__).parents[2]
PASSWORD = "a sentence that nobody guesses"
BUILD_MS = 120_000
CLIENT = """
import asyncio, os
from fastmcp import Client

async def main():
    async with Client(os.environ["URL"], auth=os.environ["KEY"]) as client:
        print((await client.call_tool("get_forecast", {"city": "Lima"})).content[0].text)

asyncio.run(main())
"""
"""In a process of its own, as a foreign client is."""

Picture = Callable[[Page, str], None]


class Hands:
    """Clicks and keystrokes, beyond what is typed as content."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.used = 0

    def click(self, target: Locator) -> None:
        target.click()
        self.used += 1

    def fill(self, label: str, text: str) -> None:
        field = self.page.get_by_label(label)
        self.click(field)
        field.fill(text)


def from_link_to_call(page: Page, welcome: str, api_key: str, picture: Picture = lambda page, name: None) -> int:
    """How many clicks and keystrokes it took. Raises AssertionError, and what Playwright does."""
    hands = Hands(page)
    page.goto(welcome)
    hands.used += 1
    hands.fill("E-mail address", "owner@company.example")
    hands.fill("Password", PASSWORD)
    picture(page, "1-first-account")
    hands.click(page.get_by_role("button", name="Make the account"))

    hands.click(page.get_by_role("link", name="Add a server"))
    hands.fill("Name", "sky")
    hands.fill("Or paste Python", (ROOT / "examples" / "weather.py").read_text())
    picture(page, "2-add-a-server")
    hands.click(page.get_by_role("button", name="Deploy"))
    page.locator(".status-active").wait_for(timeout=BUILD_MS)
    assert page.get_by_text("get_forecast").first.is_visible()
    picture(page, "3-it-runs")

    hands.click(page.get_by_role("link", name="Endpoints"))
    hands.click(page.get_by_role("link", name="Connect a client to sky"))
    assert page.get_by_text("No client has asked yet").is_visible()
    url = page.locator("main pre").first.inner_text()
    picture(page, "4-connect")

    assert forecast(url, api_key).startswith("Lima")
    page.get_by_text("The last request came at").wait_for(timeout=BUILD_MS)
    picture(page, "5-it-was-called")
    hands.click(page.get_by_role("link", name="Overview"))
    assert page.get_by_role("row").filter(has_text="get_forecast").first.is_visible()
    return hands.used


def forecast(url: str, key: str) -> str:
    """What a foreign client is answered."""
    ended = subprocess.run(
        [sys.executable, "-c", CLIENT],
        env={"PATH": os.environ["PATH"], "URL": url, "KEY": key},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr
    return ended.stdout
