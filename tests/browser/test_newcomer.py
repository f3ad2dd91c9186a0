"""Somebody who has a Python file and wants a URL: from the sign-in to a client's call, in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.browser.conftest import NewPage, sign_in
from tests.support import RunningPlatform

ROOT = Path(__file__).parents[2]
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


def forecast(url: str, key: str) -> str:
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


def test_a_pasted_server_is_built_connected_called_and_seen(
    new_page: NewPage, running_platform: RunningPlatform, password: str
) -> None:
    page = new_page()
    sign_in(page, running_platform, password)

    page.get_by_role("link", name="Add a server").click()
    page.get_by_label("Name").fill("sky")
    page.get_by_label("Or paste Python").fill((ROOT / "examples" / "weather.py").read_text())
    page.get_by_role("button", name="Deploy").click()
    page.locator(".status-active").wait_for(timeout=BUILD_MS)
    assert page.get_by_text("get_forecast").first.is_visible()

    page.get_by_role("link", name="Endpoints").click()
    page.get_by_role("link", name="Connect a client to sky").click()
    assert page.get_by_text("No client has asked yet").is_visible()
    url = page.locator("main pre").first.inner_text()

    said = forecast(url, running_platform.api_key)

    assert said.startswith("Lima")
    page.get_by_text("The last request came at").wait_for(timeout=20_000)
    page.get_by_role("link", name="Overview").click()
    assert page.get_by_role("row").filter(has_text="get_forecast").first.is_visible()


def test_a_tool_is_tried_in_the_page(new_page: NewPage, running_platform: RunningPlatform, password: str) -> None:
    page = new_page()
    sign_in(page, running_platform, password)

    page.goto(f"{running_platform.dashboard_url}/tenants/demo/endpoints/demo/try/")
    page.get_by_role("button", name="add", exact=True).click()
    page.get_by_label("a", exact=True).fill("2")
    page.get_by_label("b", exact=True).fill("40")
    page.get_by_role("button", name="Call", exact=True).click()

    page.get_by_text("Answered, in").wait_for()
    assert page.locator("#answer pre").first.inner_text() == "42"
    assert '\'{"jsonrpc"' in (page.locator("#curl").text_content() or "")


def test_a_long_tool_shows_its_progress_and_is_stopped(
    new_page: NewPage, running_platform: RunningPlatform, password: str
) -> None:
    page = new_page()
    sign_in(page, running_platform, password)

    page.goto(f"{running_platform.dashboard_url}/tenants/demo/endpoints/demo/try/")
    page.get_by_role("button", name="count", exact=True).click()
    page.get_by_label("to (optional)", exact=True).fill("100")
    page.get_by_label("seconds (optional)", exact=True).fill("1")
    page.get_by_role("button", name="Call", exact=True).click()
    page.locator("progress[value]").wait_for()
    page.get_by_role("button", name="Stop").click()

    page.get_by_text("Stopped.").wait_for()
