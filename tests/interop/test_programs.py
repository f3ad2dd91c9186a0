"""Programs that people use find the issuer, register, log a person in, call, refresh, and log in again."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from controlplane.issuer import logins, signing
from controlplane.issuer.models import Client, RefreshToken
from tenants.context import acting_for
from tests.controlplane.issuer.document_host import Host, trusted
from tests.controlplane.issuer.house import Browser, House, opened
from tests.interop.programs.running import SECONDS, TOOLS, running
from tests.support.cast import Cast

pytestmark = pytest.mark.django_db(transaction=True)

INITIALIZE = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "interop", "version": "1.0.0"},
}


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


@pytest.fixture
async def house(settings: Settings, cast: Cast) -> AsyncIterator[House]:
    async with opened(settings, cast) as house:
        yield house


@pytest.fixture
def ben(house: House, cast: Cast) -> Iterator[Browser]:
    browser = Browser(house, cast.ben.email)
    yield browser
    browser.close()


@pytest.fixture
def host(tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[Host]:
    with trusted(tmp_path, settings, monkeypatch) as host:
        yield host


class Inspector:
    """`mcp-inspector --cli`, as often as a test calls: it keeps its login in a file."""

    def __init__(self, house: House, ben: Browser, modules: Path, home: Path, port: int) -> None:
        self._ben, self._home = ben, home
        self._command = (
            modules / "@modelcontextprotocol/inspector/clients/launcher/build/index.js",
            *("--cli", house.endpoint, "--transport", "http", "--format", "json"),
            *("--callback-url", f"http://127.0.0.1:{port}/oauth/callback"),
            *("--method", "tools/call", "--tool-name", "get_forecast"),
        )

    async def call(self, *options: str) -> Any:
        environment = {"MCP_AUTO_OPEN_ENABLED": "true", "MCP_INSPECTOR_SECRET_STORE": "file"}
        async with running(self._ben, *self._command, *options, home=self._home, environment=environment) as program:
            return await program.result()


@pytest.mark.protocol("A-01", "A-02", "A-03", "D-11", "D-12", "D-13", "O-07", "O-12")
async def test_the_inspector_registers_calls_refreshes_and_logs_in_again(
    house: House, ben: Browser, cast: Cast, programs_folder: Path, tmp_path: Path, unused_tcp_port: int
) -> None:
    inspector = Inspector(house, ben, programs_folder, tmp_path, unused_tcp_port)

    called = await inspector.call()
    assert called["result"]["content"][0]["text"] == "sunny"
    assert ben.pages == ["Sign in", "Allow MCP Inspector?"]

    await sync_to_async(_end_access_tokens)(cast)
    async with asyncio.timeout(SECONDS):
        while not await sync_to_async(_has_refreshed)(cast):
            await inspector.call()
    assert len(ben.pages) == 2

    await sync_to_async(_revoke_all)(cast)
    await inspector.call()
    assert len(ben.pages) == 3
    assert {caller.subject for caller in house.callers} == {cast.ben.pk}


@pytest.mark.protocol("O-10")
async def test_the_inspector_is_known_by_its_document(
    house: House, ben: Browser, cast: Cast, host: Host, programs_folder: Path, tmp_path: Path, unused_tcp_port: int
) -> None:
    client_id = host.publish("http://127.0.0.1/oauth/callback")

    inspector = Inspector(house, ben, programs_folder, tmp_path, unused_tcp_port)
    called = await inspector.call("--client-metadata-url", client_id)

    assert called["result"]["content"][0]["text"] == "sunny"
    assert ben.pages == ["Sign in", "Allow A documented client?"]
    assert await sync_to_async(_clients)(cast) == [client_id]


@pytest.mark.protocol("A-01", "A-02", "A-03", "D-11", "D-12", "D-13", "O-07", "O-12")
async def test_mcp_remote_registers_calls_refreshes_and_logs_in_again(
    house: House, ben: Browser, cast: Cast, programs_folder: Path, tmp_path: Path, unused_tcp_port: int
) -> None:
    bridge = (programs_folder / "mcp-remote/dist/proxy.js", house.endpoint, str(unused_tcp_port), "--allow-http")
    call = {"method": "tools/call", "params": {"name": "get_forecast", "arguments": {}}}

    async with running(ben, *bridge, home=tmp_path) as program:
        await program.ask(id=1, method="initialize", params=INITIALIZE)
        await program.ask(method="notifications/initialized")
        called = await program.ask(id=2, **call)
        assert called["result"]["content"][0]["text"] == "sunny", program.words

        await sync_to_async(_end_access_tokens)(cast)
        async with asyncio.timeout(SECONDS):
            while not await sync_to_async(_has_refreshed)(cast):
                called = await program.ask(id=3, **call)
                assert called["result"]["content"][0]["text"] == "sunny", program.words
    assert len(ben.pages) == 2

    await sync_to_async(_revoke_all)(cast)
    async with running(ben, *bridge, home=tmp_path) as program:
        await program.ask(id=1, method="initialize", params=INITIALIZE)
        called = await program.ask(id=2, **call)
        assert called["result"]["content"][0]["text"] == "sunny", program.words
    assert len(ben.pages) == 3
    assert {caller.subject for caller in house.callers} == {cast.ben.pk}


def _end_access_tokens(cast: Cast) -> None:
    """As time would: refresh tokens go on. Gateways hear of it within seconds."""
    with acting_for(cast.acme.id):
        signing.rotate(acting=None, at_once=True)


def _has_refreshed(cast: Cast) -> bool:
    with acting_for(cast.acme.id):
        return RefreshToken.objects.exclude(used_at=None).exists()


def _revoke_all(cast: Cast) -> None:
    with acting_for(cast.acme.id):
        logins.revoke_all(acting=None)


def _clients(cast: Cast) -> list[str]:
    with acting_for(cast.acme.id):
        return list(Client.objects.values_list("client_id", flat=True))
