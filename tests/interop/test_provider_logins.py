"""Foreign programs find the issuer, make themselves known, log a person in by the tenant's own identity provider, call,
refresh without asking, and log in again when everything was revoked: each by registration, and by its document."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from controlplane.accounts.models import Identity
from controlplane.issuer import logins, signing
from controlplane.issuer.models import Client, Grant, RefreshToken
from tenants.context import acting_for
from tests.controlplane.issuer.house import House, opened
from tests.controlplane.issuer.test_foreign_clients import CALLBACK, Memory, connected, provider
from tests.controlplane.providers.browser import ProviderBrowser
from tests.controlplane.providers.conftest import ADA, add, in_front_of_ada
from tests.controlplane.providers.standins.base import Reply, Standin
from tests.interop.programs.running import SECONDS, TOOLS, Program, running
from tests.support import wait_until_async
from tests.support.cast import Cast

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.protocol("A-01", "A-02", "A-03", "D-11", "D-12", "D-13", "O-07", "O-10", "O-11", "O-12"),
]

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "interop", "version": "1.0.0"},
}
CALL = {"method": "tools/call", "params": {"name": "get_forecast", "arguments": {}}}
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {}}


@pytest.fixture(scope="session")
def programs_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs, installed from the lock file."""
    folder = tmp_path_factory.mktemp("programs")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(Path(__file__).parent / "programs" / name, folder / name)
    subprocess.run(
        [TOOLS / "npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"],
        cwd=folder, env={**os.environ, "PATH": f"{TOOLS}:{os.environ['PATH']}"},
        check=True, capture_output=True, timeout=300,
    )  # fmt: skip
    return folder / "node_modules"


@dataclass
class Story:
    """What a test tells: a program makes itself known, Ada logs in and consents, time passes, everything is revoked."""

    house: House
    standin: Standin
    person: ProviderBrowser
    cast: Cast
    document: str | None
    """The address that is the program's identifier; None where it registers."""

    async def access_tokens_end(self) -> None:
        """As time would end them: refresh tokens go on."""
        await self._until_refused(_change_signing_keys)

    async def everything_is_revoked(self) -> None:
        """And the browser is closed. The program has refreshed by then, and the person was not asked again."""
        assert await sync_to_async(_has_refreshed)(self.cast)
        assert len(self.person.pages) == 2
        self.person.sign_out()
        await self._until_refused(_revoke_all)

    async def ends_well(self) -> None:
        """The person was sent to the provider and consented twice."""
        sign_in, consent, *again = self.person.pages
        assert (sign_in, consent.startswith("Allow "), again) == ("Sign in", True, [sign_in, consent])
        assert [asked.path for asked in self.standin.asked].count("/authorize") == 2
        account, clients = await sync_to_async(_on_record)(self.cast)
        assert {caller.subject for caller in self.house.callers} == {account}
        if self.document is None:
            assert all(client_id.startswith("cli_") for client_id in clients)
        else:
            assert (consent, clients) == ("Allow A documented client?", [self.document])

    async def _until_refused(self, end: Callable[[Cast], None]) -> None:
        """Not before the gateway has heard of it: it refuses what it would have taken."""
        token = await sync_to_async(_another_token)(self.cast)
        await sync_to_async(end)(self.cast)
        headers = {"authorization": f"Bearer {token}", "accept": "application/json, text/event-stream"}
        async with httpx2.AsyncClient(headers=headers, timeout=SECONDS) as http:

            async def refused() -> bool:
                return (await http.post(self.house.endpoint, json=LIST)).status_code == 401

            await wait_until_async(refused, SECONDS)


@pytest.fixture(params=["by registration", "by its document"])
async def story(
    request: pytest.FixtureRequest, tmp_path: Path, settings: Settings, cast: Cast, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Story]:
    with in_front_of_ada(tmp_path, settings, monkeypatch) as standin:
        document = None if request.param == "by registration" else _publish(standin)
        async with opened(settings, cast) as house:
            await sync_to_async(add)(cast, standin)
            person = ProviderBrowser(house, standin.url)
            yield Story(house, standin, person, cast, document)
            person.close()


async def test_the_python_sdks_client(story: Story) -> None:
    memory = Memory()

    auth = provider(story.house, story.person, memory, story.document)
    async with connected(story.house, auth) as client:
        called = await client.call_tool("get_forecast", {})
        auth.context.token_expiry_time = 1.0
        again = await client.call_tool("get_forecast", {})
    await story.everything_is_revoked()
    auth = provider(story.house, story.person, memory, story.document)
    async with connected(story.house, auth) as client:
        later = await client.call_tool("get_forecast", {})

    assert [answer.content[0].text for answer in (called, again, later)] == ["sunny"] * 3  # type: ignore[union-attr]
    await story.ends_well()


@pytest.mark.parametrize("sdk", ["client", "sdk"])
async def test_a_program_on_a_typescript_sdk(story: Story, typescript_folder: Path, tmp_path: Path, sdk: str) -> None:
    command: list[str | Path] = [typescript_folder / "login.mjs", sdk, story.house.endpoint]
    if story.document is not None:
        command.append(story.document)

    async with running(story.person, *command, home=tmp_path) as program:
        await _called(program, 1)
        await story.access_tokens_end()
        await _called(program, 2)
        await story.everything_is_revoked()
        await _called(program, 3)

    await story.ends_well()


async def test_mcp_remote(story: Story, programs_folder: Path, tmp_path: Path, unused_tcp_port: int) -> None:
    bridge = programs_folder / "mcp-remote/dist/proxy.js"
    command: list[str | Path] = [bridge, story.house.endpoint, str(unused_tcp_port), "--allow-http"]
    if story.document is not None:
        command += ["--client-metadata-url", story.document]

    async with running(story.person, *command, home=tmp_path) as program:
        await program.ask(id=1, method="initialize", params=INITIALIZE)
        await program.ask(method="notifications/initialized")
        await _called(program, 2)
        await story.access_tokens_end()
        await _called(program, 3)
    await story.everything_is_revoked()
    async with running(story.person, *command, home=tmp_path) as program:
        await program.ask(id=1, method="initialize", params=INITIALIZE)
        await _called(program, 2)

    await story.ends_well()


async def test_the_inspector(story: Story, programs_folder: Path, tmp_path: Path, unused_tcp_port: int) -> None:
    """`mcp-inspector --cli` is started for each call; it keeps its login in a file."""
    command: list[str | Path] = [
        programs_folder / "@modelcontextprotocol/inspector/clients/launcher/build/index.js",
        *("--cli", story.house.endpoint, "--transport", "http", "--format", "json"),
        *("--callback-url", f"http://127.0.0.1:{unused_tcp_port}/oauth/callback"),
        *("--method", "tools/call", "--tool-name", "get_forecast"),
    ]
    if story.document is not None:
        command += ["--client-metadata-url", story.document]
    environment = {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}

    async def call() -> None:
        async with running(story.person, *command, home=tmp_path, environment=environment) as program:
            assert (await program.result())["result"]["content"][0]["text"] == "sunny"

    await call()
    await story.access_tokens_end()
    await call()
    await story.everything_is_revoked()
    await call()

    await story.ends_well()


def _publish(standin: Standin) -> str:
    """A program's metadata document, on the same host as the provider."""
    client_id = f"{standin.url}/client.json"
    said = {
        "client_id": client_id,
        "client_name": "A documented client",
        "redirect_uris": ["http://127.0.0.1/oauth/callback", "http://localhost/oauth/callback", CALLBACK],
        "grant_types": ["authorization_code", "refresh_token"],
    }
    standin.replies["/client.json"] = Reply(body=said)
    return client_id


async def _called(program: Program, number: int) -> None:
    answer = await program.ask(id=number, **CALL)
    assert answer["result"]["content"][0]["text"] == "sunny", program.words


def _another_token(cast: Cast) -> str:
    """Of the login that the program has."""
    with acting_for(cast.acme.id):
        grant = Grant.objects.get(revoked_at=None)
        token: str = logins.access_token(grant, cast.acme.slug, scopes=grant.scopes)["access_token"]
        return token


def _change_signing_keys(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        signing.rotate(acting=None, at_once=True)


def _revoke_all(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        logins.revoke_all(acting=None)


def _has_refreshed(cast: Cast) -> bool:
    with acting_for(cast.acme.id):
        return RefreshToken.objects.exclude(used_at=None).exists()


def _on_record(cast: Cast) -> tuple[str, list[str]]:
    """Whose account the provider's Ada has, and how the programs are known."""
    with acting_for(cast.acme.id):
        account: str = Identity.objects.get(subject=ADA["sub"]).user_id
        return account, list(Client.objects.values_list("client_id", flat=True))
