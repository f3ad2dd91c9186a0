"""Where the platform authenticates, a provider is constructed and never used (FASTMCP S-02, A-14; ARCHITECTURE 2)."""

from __future__ import annotations

import subprocess
import sys

import pytest

SERVER = """
import socket, sys
for name in ("cryptography", "joserfc", "httpx2", "starlette", "redis", "key_value", "authlib"):
    sys.modules[name] = None
def refuse(*_, **__): raise AssertionError("it reached for the network")
socket.getaddrinfo = socket.socket.connect = refuse
import asyncio
from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from mcp_runtime.framework.auth.providers.{module} import {name}
mcp = FastMCP("Hosted", auth={name}({options}))
@mcp.tool
def add(a: int, b: int) -> int: return a + b
async def main():
    async with Client(mcp) as client:
        assert len(await client.list_tools()) == 1
        assert (await client.call_tool("add", dict(a=1, b=2))).data == 3
asyncio.run(main())
assert mcp.auth is not None
"""
APPLICATION = "client_id='i', client_secret='s', base_url='https://mcp.example.com'"


@pytest.mark.parametrize(
    ("module", "name", "options"),
    [
        pytest.param("google", "GoogleProvider", APPLICATION, marks=pytest.mark.fastmcp("A-01")),
        pytest.param(
            "auth0",
            "Auth0Provider",
            f"{APPLICATION}, config_url='https://acme.auth0.com/.well-known/openid-configuration', audience='a'",
            marks=pytest.mark.fastmcp("A-04", "A-14", status="safer"),
        ),
        pytest.param(
            "aws", "AWSCognitoProvider", f"{APPLICATION}, user_pool_id='p'", marks=pytest.mark.fastmcp("A-08", "A-14")
        ),
        pytest.param("jwt", "JWTProvider", "jwt_signing_key='k' * 32", marks=pytest.mark.fastmcp("A-09")),
        pytest.param(
            "apikey", "APIKeyProvider", "api_keys={{'k': {{'user': 'a'}}}}", marks=pytest.mark.fastmcp("A-10")
        ),
        pytest.param("in_memory", "InMemoryOAuthProvider", "", marks=pytest.mark.fastmcp("A-15")),
    ],
)
def test_a_server_with_a_provider_serves_without_network_and_optional_packages(
    module: str, name: str, options: str
) -> None:
    program = SERVER.format(module=module, name=name, options=options.replace("{{", "{").replace("}}", "}"))

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)


def test_the_framework_without_auth_loads_none_of_it() -> None:
    program = (
        "import sys\nfrom mcp_runtime.framework import FastMCP\nFastMCP()\n"
        "assert not [name for name in sys.modules if name.startswith('mcp_runtime.framework.auth.provider')]"
    )

    subprocess.run([sys.executable, "-c", program], check=True, timeout=60)
