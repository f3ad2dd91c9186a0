"""Blocks 38, 39, 41 and 58: who may call."""

from __future__ import annotations

import os
from typing import Any

import httpx2
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.jwk import OctKey

from mcp_runtime.client import Client
from mcp_runtime.framework import FastMCP
from tests.contract.cases import case
from tests.contract.document import Stage
from tests.contract.serving import served


async def _metadata(mcp: FastMCP) -> dict[str, Any]:
    """What the server says of its authorization server, and that it lets nobody in without a token."""
    async with served(mcp) as url, httpx2.AsyncClient(timeout=60) as http:
        refused = await http.post(url, json={})
        document: dict[str, Any] = (
            await http.get(url.replace("/mcp", "/.well-known/oauth-authorization-server"))
        ).json()
    assert refused.status_code == 401
    assert "resource_metadata=" in refused.headers["www-authenticate"]
    return document


@case(38, "A-01", "A-12", "S-02")
async def google_signs_callers_in(stage: Stage) -> None:
    names = await stage.run()

    document = await _metadata(names["mcp"])

    assert names["mcp"].name == "Protected Server"
    assert document["issuer"].rstrip("/") == "https://myserver.com"
    assert document["authorization_endpoint"] == "https://myserver.com/authorize"


@case(39, "A-02", "A-12", "G-20")
async def github_signs_callers_in(stage: Stage) -> None:
    stage.patch.setenv("GITHUB_CLIENT_ID", "an-id")
    stage.patch.setenv("GITHUB_CLIENT_SECRET", "a-secret")

    names = await stage.run(os=os, FastMCP=FastMCP)

    document = await _metadata(names["mcp"])
    assert document["token_endpoint"] == "https://your-server.com/token"


@case(41, "A-09", "A-10", status="document")
async def tokens_and_keys_let_callers_in(stage: Stage) -> None:
    secret = "a-signing-key-of-thirty-two-bytes!"
    stage.patch.setenv("JWT_SIGNING_KEY", secret)

    names = await stage.run(os=os)

    token = jwt.encode({"alg": "HS256"}, {"sub": "ada", "scope": "read"}, OctKey.import_key(secret))
    for auth, credential in ((names["jwt_auth"], token), (names["apikey_auth"], "key1")):
        mcp = FastMCP("surroundings", auth=auth)
        async with served(mcp) as url, httpx2.AsyncClient(timeout=60) as http:
            refused = await http.post(url, json={}, headers={"authorization": "Bearer wrong"})
            async with Client(url, auth=credential) as client:
                assert await client.list_tools() == []
        assert refused.status_code == 401


@case(58, "A-02", "B-03", "B-08", "B-09", "G-19")
async def github_keeps_its_tokens_encrypted_in_redis(stage: Stage) -> None:
    key = Fernet.generate_key().decode()
    stage.patch.setenv("GITHUB_CLIENT_ID", "an-id")
    stage.patch.setenv("GITHUB_CLIENT_SECRET", "a-secret")
    stage.patch.setenv("JWT_SIGNING_KEY", "a-signing-key")
    stage.patch.setenv("STORAGE_ENCRYPTION_KEY", key)

    names = await stage.run(FastMCP=FastMCP)

    document = await _metadata(names["mcp"])
    assert document["issuer"].rstrip("/") == "https://your-server.com"
    assert type(names["auth"]).__name__ == "GitHubProvider"
    assert names["mcp"].auth is names["auth"]
