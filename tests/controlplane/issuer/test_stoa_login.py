"""`stoa login` in a terminal, a person in a browser, and commands without an API key."""

from __future__ import annotations

import asyncio
import json
import os
import re
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from controlplane.issuer import devices
from controlplane.issuer.logins import revoke_all
from controlplane.issuer.models import Grant
from tenants.context import acting_for
from tests.controlplane.issuer.house import Browser, House, opened
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

STOA = Path(sys.executable).parent / "stoa"


@pytest.fixture(autouse=True)
def _without_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits five seconds."""
    monkeypatch.setattr(devices, "POLL_SECONDS", 1)


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


class Terminal:
    def __init__(self, house: House, folder: Path) -> None:
        self.file = folder / "stoa" / "logins.json"
        self._environment = {
            "PATH": os.environ["PATH"],
            "XDG_CONFIG_HOME": str(folder),
            "STOA_HOME": str(folder / "nowhere"),
            "STOA_URL": house.url,
            "STOA_TENANT": "acme",
        }
        self._folder = folder

    async def start(self, *arguments: str) -> asyncio.subprocess.Process:
        pipe = asyncio.subprocess.PIPE
        return await asyncio.create_subprocess_exec(
            STOA, *arguments, env=self._environment, cwd=self._folder, stdout=pipe, stderr=pipe
        )

    async def run(self, *arguments: str, status: int = 0) -> str:
        process = await self.start(*arguments)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == status, f"{arguments}\n{out.decode()}\n{err.decode()}"
        return (out if status == 0 else err).decode()

    async def log_in(self, browser: Browser, decision: str = "allow", *, status: int = 0) -> str:
        process = await self.start("login")
        assert process.stderr is not None
        told = (await asyncio.wait_for(process.stderr.readline(), 60)).decode()
        found = re.search(r"Open (\S+)", told)
        assert found, told
        await asyncio.to_thread(browser.decide, found[1], decision)
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == status, err.decode()
        return (out if status == 0 else err).decode()


@pytest.fixture
def terminal(house: House, tmp_path: Path) -> Terminal:
    return Terminal(house, tmp_path)


async def test_a_terminal_is_let_in_manages_calls_and_leaves(house: House, cast: Cast, terminal: Terminal) -> None:
    browser = Browser(house, cast.ben.email)

    assert "not logged in" in await terminal.run("servers", status=1)
    assert await terminal.log_in(browser) == f"Logged in to acme at {house.url}.\n"
    assert "weather" in await terminal.run("servers")
    assert await terminal.run("call", "weather", "get_forecast") == "sunny\n"
    assert "management" in await terminal.run("logins", "ls")
    assert await terminal.run("logout") == "Logged out.\n"
    assert "not logged in" in await terminal.run("servers", status=1)
    browser.close()

    assert house.callers[0].subject == cast.ben.pk
    assert await sync_to_async(_reasons)(cast) == ["by_client"]


async def test_what_is_kept_is_the_users_own(house: House, cast: Cast, terminal: Terminal) -> None:
    browser = Browser(house, cast.ben.email)
    await terminal.log_in(browser)
    browser.close()

    assert stat.S_IMODE(terminal.file.stat().st_mode) == 0o600
    (kept,) = json.loads(terminal.file.read_text()).values()
    assert kept["refresh_token"].startswith("stoa_rt_")


async def test_a_refused_login_keeps_nothing(house: House, cast: Cast, terminal: Terminal) -> None:
    browser = Browser(house, cast.ben.email)
    told = await terminal.log_in(browser, "deny", status=1)
    browser.close()

    assert "refused in the browser" in told
    assert not terminal.file.exists()


async def test_a_login_that_is_over_says_so(house: House, cast: Cast, terminal: Terminal) -> None:
    browser = Browser(house, cast.ben.email)
    await terminal.log_in(browser)
    browser.close()

    await sync_to_async(_revoke_all)(cast)

    assert "stoa login" in await terminal.run("call", "weather", "get_forecast", status=1)


def _reasons(cast: Cast) -> list[str]:
    with acting_for(cast.acme.id):
        return list(Grant.objects.values_list("revoked_because", flat=True))


def _revoke_all(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        revoke_all(acting=None)
