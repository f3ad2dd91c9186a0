"""The official conformance suite's scenarios for authorization servers, against a tenant's issuer on a real port."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from pytest_django import Settings

from tests.conformance import suite
from tests.controlplane.issuer.house import Browser, House, opened
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

SCENARIOS = 2
"""Metadata, and a login by a code. There is one check for each."""
SECONDS = 60.0


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


@pytest.mark.protocol("D-11", "D-12", "D-13", "O-04", "O-05", "O-06")
async def test_every_scenario_passes_without_a_warning(
    house: House, cast: Cast, suite_folder: Path, tmp_path: Path, unused_tcp_port: int
) -> None:
    browser = Browser(house, cast.ben.email)
    callback = f"http://127.0.0.1:{unused_tcp_port}/callback"
    client_id = await _registered(house, callback)

    words = await _run(
        suite_folder,
        browser,
        *("--url", house.issuer, "--resource", house.endpoint, "--client-id", client_id),
        *("-p", str(unused_tcp_port), "-o", str(tmp_path)),
    )
    browser.close()

    outcome = suite.read(tmp_path)
    assert outcome.faults == ()
    assert outcome.passed >= SCENARIOS, words


async def _registered(house: House, callback: str) -> str:
    """A public client: where `none` is supported, the suite sends no secret."""
    metadata = {"client_name": "The suite", "redirect_uris": [callback], "token_endpoint_auth_method": "none"}
    async with httpx2.AsyncClient(verify=False, timeout=60) as http:
        answer = await http.post(f"{house.issuer}/oauth/register", json=metadata)
    return str(answer.raise_for_status().json()["client_id"])


async def _run(folder: Path, browser: Browser, *options: str) -> str:
    """Run the scenarios, with a browser that goes where the suite says. What it said."""
    tools = Path(sys.executable).parent
    program = folder / "node_modules/@modelcontextprotocol/conformance/dist/index.js"
    process = await asyncio.create_subprocess_exec(
        str(tools / "node"), str(program), "authorization", *options,
        cwd=folder, env={**os.environ, "PATH": f"{tools}:{os.environ['PATH']}"},
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    said: list[str] = []
    try:
        async with asyncio.timeout(SECONDS):
            async for line in process.stdout:
                said.append(line.decode(errors="replace"))
                if address := re.search(r"https?://\S+/oauth/authorize\?\S+", said[-1]):
                    await asyncio.to_thread(_visit, browser, address[0])
            await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return "".join(said)


def _visit(browser: Browser, address: str) -> None:
    httpx2.get(browser.log_in(address), timeout=SECONDS)
