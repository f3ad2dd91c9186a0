"""The guides' examples, run as they stand."""

from __future__ import annotations

import asyncio
import os
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from asgiref.sync import sync_to_async
from django.test import Client
from pytest_django import Settings

from controlplane.composition.models import Endpoint
from controlplane.composition.services import EMPTY, create_endpoint
from controlplane.issuer.logins import open_login
from controlplane.issuer.models import Client as Program
from controlplane.issuer.models import Grant
from controlplane.keys.authentication import principal_for
from controlplane.keys.services import create_key, create_personal_key
from tenants.context import acting_for
from tenants.principal import Principal
from tenants.roles import PERMISSIONS_OF
from tests.controlplane.issuer.house import Browser, House, opened
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

GUIDES = Path(__file__).parents[3] / "docs" / "guides"
BIN = Path(sys.executable).parent


def example(guide: str, language: str, number: int) -> str:
    """The guide's examples in a language, in order."""
    blocks = re.findall(rf"^```{language}\n(.*?)^```$", (GUIDES / guide).read_text(), re.MULTILINE | re.DOTALL)
    return str(blocks[number])


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


class Terminal:
    """Runs an example; `name=value` are its variables."""

    def __init__(self, house: House, key: str) -> None:
        self.environment = {
            "PATH": f"{BIN}:{os.environ['PATH']}",
            "STOA_URL": house.url,
            "STOA_TENANT": "acme",
            "STOA_API_KEY": key,
            "ENDPOINT": house.endpoint,
        }

    async def sh(self, guide: str, number: int, **variables: str) -> str:
        return await self._run("bash", "-euc", example(guide, "sh", number), **variables)

    async def _run(self, *command: str, **variables: str) -> str:
        process = await asyncio.create_subprocess_exec(
            *command,
            env=self.environment | variables,
            cwd="/",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        out, err = await asyncio.wait_for(process.communicate(), 60)
        assert process.returncode == 0, err.decode()
        return out.decode()


@pytest.fixture
async def terminal(house: House, cast: Cast) -> Terminal:
    """An admin's."""
    return Terminal(house, await sync_to_async(_key)(cast))


async def test_api_keys(terminal: Terminal, cast: Cast) -> None:
    await sync_to_async(_endpoint)(cast, "files")
    made = (await terminal.sh("api-keys.md", 0)).strip()
    narrow = (await terminal.sh("api-keys.md", 1)).strip()
    reader = (await terminal.sh("api-keys.md", 2)).strip()
    listed = await terminal.sh("api-keys.md", 4)
    key_id = re.search(r"(key_\S+)\s+nightly build", listed)
    assert key_id
    successor = (await terminal.sh("api-keys.md", 5, KEY=key_id[1])).strip()
    await terminal.sh("api-keys.md", 6, KEY=key_id[1])

    assert await sync_to_async(principal_for)(made) is None
    follower = await sync_to_async(principal_for)(successor)
    assert follower is not None
    assert follower.scopes == {"mcp:call"}
    limited = await sync_to_async(principal_for)(narrow)
    assert limited is not None
    assert limited.audience.startswith("ep_")
    of_parts = await sync_to_async(principal_for)(reader)
    assert of_parts is not None
    assert set(of_parts.only) == {"read_*", "search_*", "resource:file://public/*"}


async def test_a_key_of_one_s_own(house: House, cast: Cast, ada: Principal) -> None:
    terminal = Terminal(house, await sync_to_async(_own_key)(cast, ada))

    assert "my laptop" in await terminal.sh("api-keys.md", 3)


async def test_connect_a_client(
    house: House, cast: Cast, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """In this process, where a browser without a window opens instead of a real one."""
    import webbrowser

    import httpx2

    browser = Browser(house, cast.ben.email)

    def visit(url: str) -> None:
        answer = browser.log_in(url)
        httpx2.get(answer, verify=False, timeout=30)

    def open_browser(url: str) -> None:
        asyncio.get_running_loop().run_in_executor(None, visit, url)

    monkeypatch.setattr(webbrowser, "open", open_browser)
    monkeypatch.setenv("ENDPOINT", house.endpoint)
    code = compile(example("connect-a-client.md", "python", 0), "connect-a-client.md", "exec")

    await asyncio.to_thread(_quietly, code)
    browser.close()

    assert capsys.readouterr().out.strip() == "sunny"


async def test_see_and_end_logins(terminal: Terminal, cast: Cast) -> None:
    login = await sync_to_async(_login)(cast)

    listed = await terminal.sh("connect-a-client.md", 0)
    await terminal.sh("connect-a-client.md", 1, LOGIN=login)

    assert login in listed
    assert login not in await terminal.sh("connect-a-client.md", 0)


async def test_revoke_everything(terminal: Terminal, cast: Cast) -> None:
    await sync_to_async(_login)(cast)

    logins = await terminal.sh("revoke-everything.md", 0)
    signing = await terminal.sh("revoke-everything.md", 2)
    keys = await terminal.sh("revoke-everything.md", 1)

    assert logins == "Ended 1 logins and 0 keys.\n"
    assert "Replaced the signing keys." in signing
    assert keys == "Ended 0 logins and 1 keys.\n"
    assert await sync_to_async(principal_for)(terminal.environment["STOA_API_KEY"]) is None


@pytest.mark.parametrize("guide", ["api-keys.md", "connect-a-client.md", "revoke-everything.md"])
def test_what_a_guide_points_at_is_there(guide: str, client: Client, cast: Cast) -> None:
    text = (GUIDES / guide).read_text()

    for target in re.findall(r"\]\(([^)#:]+)\)", text):
        assert (GUIDES / target).is_file(), target
    for place in re.findall(r"`(/(?:\.well-known|t)/[^`]+)`", text):
        if place.startswith("/.well-known") or "/oauth/" in place:
            assert client.get(place).status_code == 200, place


def _quietly(code: object) -> None:
    import warnings

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Using in-memory token storage")
        exec(code, {})  # type: ignore[arg-type]


def _endpoint(cast: Cast, name: str) -> None:
    with acting_for(cast.acme.id):
        create_endpoint(name, EMPTY, acting=None)


def _key(cast: Cast) -> str:
    with acting_for(cast.acme.id):
        return create_key("an admin's", scopes=PERMISSIONS_OF["admin"], acting=None).token


def _own_key(cast: Cast, person: Principal) -> str:
    with acting_for(cast.acme.id):
        return create_personal_key("theirs", scopes=PERMISSIONS_OF["owner"], acting=person).token


def _login(cast: Cast) -> str:
    with acting_for(cast.acme.id):
        program = Program.objects.create(client_id="cli_1", kind="registered", metadata={"client_name": "Claude"})
        endpoint = Endpoint.objects.get()
        grant: Grant = open_login(
            program, cast.ben, endpoint_id=endpoint.id, resource="https://x/mcp", scopes=["mcp:call"]
        )
        return grant.id
