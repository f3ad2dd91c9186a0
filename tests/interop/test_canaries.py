"""Secrets of every kind go through the front door of a whole platform: none stands in its database or in its logs."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from mcp_runtime.client import Client
from tests.interop.conftest import stoa
from tests.support import RunningPlatform, canaries, wait_until
from tests.support.canaries import canary, plant
from tests.support.platform import clean_environment

OWNER = "owner@demo.localhost"
API = "/api/v1/tenants/demo"
DEVICE_CODE = "urn:ietf:params:oauth:grant-type:device_code"
SERVER = '''
from fastmcp import FastMCP

mcp = FastMCP("canaries")


@mcp.tool(task=True)
async def keep(text: str) -> str:
    """Takes a text."""
    return "kept " + text


@mcp.tool
def fail(text: str) -> str:
    """Its traceback is in the server's log. What it would say of the text itself, it may."""
    raise ValueError("not this one")


@mcp.tool
def the_last_call() -> None:
    pass
'''


@pytest.fixture
def http(running_platform: RunningPlatform) -> Iterator[httpx2.Client]:
    with httpx2.Client(base_url=running_platform.dashboard_url, timeout=60) as http:
        yield http


async def test_nothing_secret_stands_in_the_database_or_in_a_log(
    running_platform: RunningPlatform, http: httpx2.Client, tmp_path: Path
) -> None:
    server = tmp_path / "canaries.py"
    server.write_text(SERVER)
    stoa(running_platform, "deploy", str(server), "--tenant", "demo")

    people(running_platform, http)
    kept(http)
    logins(running_platform, http)
    refused(running_platform)
    await calls(running_platform)
    wait_until(lambda: on_record(running_platform), 60)  # and so is all before it
    told = canaries.rows(running_platform), canaries.logs(running_platform)
    leaked = canaries.leaks(running_platform)
    removed = [
        http.delete(f"{API}/{path}") for path in ("servers/canaries/secrets/CANARY", "identity-providers/canary")
    ]

    assert [answer.status_code for answer in removed] == [204, 204]
    assert "visible-at-the-provider" in told[0]
    assert "req_" in told[1]
    assert leaked == []


def people(platform: RunningPlatform, http: httpx2.Client) -> None:
    """The owner sets a password by a link, and signs in with it; `http` is their browser from then on."""
    link = password_link(platform)
    plant("password link", link.rstrip("/").rpartition("/")[2])
    password = canary("password")
    form = http.get(link, follow_redirects=True)
    send(http, form, new_password1=password, new_password2=password)
    page = http.get("/login/")
    assert send(http, page, username=OWNER, password=password).status_code == 302
    http.headers["X-CSRFToken"] = http.cookies["csrftoken"]
    wrong = canary("wrong password")
    with httpx2.Client(base_url=platform.dashboard_url, timeout=60) as other:
        assert send(other, other.get("/login/"), username=OWNER, password=wrong).status_code == 200


def kept(http: httpx2.Client) -> None:
    """What the management API is given to keep, or gives once."""
    secret = {"value": canary("secret of a server")}
    assert http.put(f"{API}/servers/canaries/secrets/CANARY", json=secret).status_code in (200, 201)
    provider = {
        "slug": "canary",
        "kind": "openid",
        "client_id": "visible-at-the-provider",
        "client_secret": canary("secret at a provider"),
        "settings": {"issuer": "https://id.example"},
    }
    assert http.post(f"{API}/identity-providers", json=provider).status_code == 201
    plant("API key", http.post(f"{API}/keys", json={"name": "canary", "scopes": ["mcp:call"]}).json()["key"])
    invitation = http.post(f"{API}/invitations", json={"role": "viewer"}).json()
    plant("invitation", invitation["url"].rstrip("/").rpartition("/")[2])


def logins(platform: RunningPlatform, http: httpx2.Client) -> None:
    """A program of the owner's logs in by a code and refreshes, another acts for itself."""
    oauth = f"{platform.dashboard_url}/t/demo/oauth"
    registration = {
        "client_name": "A box",
        "grant_types": [DEVICE_CODE, "refresh_token"],
        "token_endpoint_auth_method": "client_secret_post",
    }
    box = http.post(f"{oauth}/register", json=registration).json()
    client = {"client_id": box["client_id"], "client_secret": box["client_secret"]}
    resource = platform.endpoint_url
    asked = http.post(f"{oauth}/device", data={**client, "resource": resource}).json()
    send(http, http.get(asked["verification_uri_complete"]), user_code=asked["user_code"], decision="allow")
    form = {**client, "grant_type": DEVICE_CODE, "device_code": asked["device_code"]}
    first = http.post(f"{oauth}/token", data=form).json()
    form = {**client, "grant_type": "refresh_token", "refresh_token": first["refresh_token"]}
    second = http.post(f"{oauth}/token", data=form).json()

    program = http.post(f"{API}/programs", json={"name": "canary", "endpoint": "demo"}).json()
    own = {"grant_type": "client_credentials"}
    granted = http.post(program["token_url"], data=own, auth=(program["client_id"], program["client_secret"])).json()
    plant("client secret", box["client_secret"])
    plant("registration token", box["registration_access_token"])
    plant("device code", asked["device_code"])
    plant("first access token", first["access_token"])
    plant("first refresh token", first["refresh_token"])
    plant("refresh token", second["refresh_token"])
    plant("secret of a program", program["client_secret"])
    plant("access token of a program", granted["access_token"])
    plant("access token", second["access_token"])


async def calls(platform: RunningPlatform) -> None:
    """In the background, at once, and in vain."""
    behind, here = canary("argument of a task"), canary("argument")
    failing, invalid = canary("argument of a failure"), canary("argument that is none")
    url = platform.endpoint_url.replace("/demo/mcp", "/canaries/mcp")
    async with Client(url, auth=platform.api_key) as client:
        task = await client.call_tool("keep", {"text": behind}, task=True)
        await task.wait(timeout=120)
        assert (await task.result()).data == f"kept {behind}"
        assert (await client.call_tool("keep", {"text": here})).data == f"kept {here}"
        assert (await client.call_tool("fail", {"text": failing}, raise_on_error=False)).is_error
        assert (await client.call_tool("keep", {invalid: invalid}, raise_on_error=False)).is_error
        await client.call_tool("the_last_call", {})


def refused(platform: RunningPlatform) -> None:
    """Credentials that are none, where some belong and where none do."""
    bearer, query, cookie = canary("unknown token"), canary("token in a query"), canary("unknown cookie")
    with httpx2.Client(base_url=platform.dashboard_url, timeout=60) as http:
        wrong = {"Authorization": f"Bearer {bearer}"}
        assert http.post(platform.endpoint_url, headers=wrong, json={}).status_code == 401
        assert http.post(platform.endpoint_url, params={"access_token": query}, json={}).status_code in (400, 401)
        assert http.get("/api/v1/me", headers={"Cookie": f"stoa_session={cookie}"}).status_code == 401


def on_record(platform: RunningPlatform) -> bool:
    rows = canaries.rows(platform).splitlines()
    return any("the_last_call" in row for row in rows if row.startswith("calls_call"))


def send(http: httpx2.Client, page: httpx2.Response, **fields: str) -> httpx2.Response:
    """The last form of a page, filled in."""
    form = page.text[page.text.rindex('<form method="post"') :]
    hidden = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', form))
    origin = f"{page.url.scheme}://{page.url.netloc.decode()}"
    return http.post(page.url, data={**hidden, **fields}, headers={"origin": origin})


def password_link(platform: RunningPlatform) -> str:
    command = [str(Path(sys.executable).parent / "stoa"), "manage", "password_link", OWNER]
    environment = {**clean_environment(), "STOA_HOME": str(platform.home)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300, check=True)
    return done.stdout.strip()
