"""TypeScript clients discover the issuer, register, log a person in, call, and refresh."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from pytest_django import Settings

from tests.controlplane.issuer.house import Browser, House, opened
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


@pytest.mark.protocol("A-01", "A-02", "A-03", "D-11", "D-12", "O-04", "O-07", "O-12")
@pytest.mark.parametrize("sdk", ["client", "sdk"])
async def test_a_typescript_program_logs_in_calls_and_refreshes(
    house: House, cast: Cast, typescript_folder: Path, sdk: str
) -> None:
    browser = Browser(house, cast.ben.email)
    program = await asyncio.create_subprocess_exec(
        Path(sys.executable).parent / "node",
        "login.mjs",
        sdk,
        house.endpoint,
        "get_forecast",
        cwd=typescript_folder,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert program.stdin is not None
    assert program.stdout is not None

    address = (await asyncio.wait_for(program.stdout.readline(), 60)).decode().strip()
    assert address.startswith(f"{house.issuer}/oauth/authorize?"), (await program.communicate())[1].decode()
    answer = await asyncio.to_thread(browser.log_in, address)
    out, err = await asyncio.wait_for(program.communicate(f"{answer}\n".encode()), 60)
    browser.close()

    assert program.returncode == 0, err.decode()
    seen = json.loads(out)
    assert seen["state"] == "a state of the program's"
    assert (seen["called"], seen["again"]) == ("sunny", "sunny")
    assert seen["refreshed"]
    assert seen["registered"].startswith("cli_")
    assert browser.pages == ["Sign in", "Allow A TypeScript program?"]
    assert {caller.subject for caller in house.callers} == {cast.ben.pk}
