"""Providers where MCP clients register themselves: their tokens, a copy of their metadata (FASTMCP A-05 to A-07)."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from mcp_runtime.framework.auth.provider import RemoteAuthProvider
from mcp_runtime.framework.auth.providers.descope import DescopeProvider
from mcp_runtime.framework.auth.providers.keycloak import KeycloakAuthProvider
from mcp_runtime.framework.auth.providers.propelauth import PropelAuthProvider
from mcp_runtime.framework.auth.providers.scalekit import ScalekitProvider
from mcp_runtime.framework.auth.providers.supabase import SupabaseProvider
from mcp_runtime.framework.auth.providers.workos import AuthKitProvider
from tests.mcp_runtime.framework.auth.identity import ec_key, rsa_key, sign
from tests.mcp_runtime.framework.auth.web import BASE, bearer, challenge, site

DESCOPE = "https://api.descope.com/v1/apps/agentic/P2abc/M1xyz"


class Remote:
    """Publishes its keys and its metadata, signs tokens, and remembers who asked."""

    def __init__(self, issuer: str, keys: str, metadata: str, audience: str | None, algorithm: str = "RS256") -> None:
        self.issuer, self.keys, self.metadata = issuer, keys, metadata
        self.audience, self.algorithm = audience, algorithm
        self.asked: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.asked.append(str(request.url))
        if str(request.url) == self.keys:
            key: Any = ec_key() if self.algorithm == "ES256" else rsa_key()
            published = {**key.as_dict(private=False), "kid": "k1", "use": "sig", "alg": self.algorithm}
            return httpx2.Response(200, json={"keys": [published]})
        if str(request.url) == self.metadata:
            return httpx2.Response(
                200, json={"issuer": self.issuer, "registration_endpoint": f"{self.issuer}/register"}
            )
        return httpx2.Response(404)

    def client(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self))

    def token(self, **changes: Any) -> str:
        claims = {"iss": self.issuer, "sub": "user-1", "exp": int(time.time()) + 600, "scope": "read"}
        if self.audience is not None:
            claims["aud"] = self.audience
        return sign({**claims, **changes}, algorithm=self.algorithm)


Make = Callable[[httpx2.AsyncClient], RemoteAuthProvider]

REMOTES: dict[str, tuple[Callable[[], Remote], str, Make]] = {
    "authkit": (
        lambda: Remote(
            "https://acme.authkit.app",
            "https://acme.authkit.app/oauth2/jwks",
            "https://acme.authkit.app/.well-known/oauth-authorization-server",
            None,
        ),
        "https://acme.authkit.app",
        lambda client: AuthKitProvider(authkit_domain="https://acme.authkit.app/", base_url=BASE, http_client=client),
    ),
    "descope": (
        lambda: Remote(
            DESCOPE,
            "https://api.descope.com/P2abc/.well-known/jwks.json",
            f"{DESCOPE}/.well-known/openid-configuration",
            "P2abc",
        ),
        DESCOPE,
        lambda client: DescopeProvider(
            config_url=f"{DESCOPE}/.well-known/openid-configuration", base_url=BASE, http_client=client
        ),
    ),
    "descope by project": (
        lambda: Remote(
            "https://api.descope.com/P2abc",
            "https://api.descope.com/P2abc/.well-known/jwks.json",
            "https://api.descope.com/v1/apps/P2abc/.well-known/openid-configuration",
            "P2abc",
        ),
        "https://api.descope.com/v1/apps/P2abc",
        lambda client: DescopeProvider(
            project_id="P2abc", descope_base_url="api.descope.com", base_url=BASE, http_client=client
        ),
    ),
    "scalekit": (
        lambda: Remote(
            "https://acme.scalekit.com",
            "https://acme.scalekit.com/keys",
            "https://acme.scalekit.com/.well-known/oauth-authorization-server/resources/res_1",
            "res_1",
        ),
        "https://acme.scalekit.com/resources/res_1",
        lambda client: ScalekitProvider(
            environment_url="https://acme.scalekit.com", resource_id="res_1", base_url=BASE, http_client=client
        ),
    ),
    "supabase": (
        lambda: Remote(
            "https://abc.supabase.co/auth/v1",
            "https://abc.supabase.co/auth/v1/.well-known/jwks.json",
            "https://abc.supabase.co/auth/v1/.well-known/oauth-authorization-server",
            "authenticated",
            "ES256",
        ),
        "https://abc.supabase.co/auth/v1",
        lambda client: SupabaseProvider(project_url="https://abc.supabase.co", base_url=BASE, http_client=client),
    ),
    "keycloak": (
        lambda: Remote(
            "https://id.example.com/realms/acme",
            "https://id.example.com/realms/acme/protocol/openid-connect/certs",
            "https://id.example.com/realms/acme/.well-known/openid-configuration",
            "weather",
        ),
        "https://id.example.com/realms/acme",
        lambda client: KeycloakAuthProvider(
            realm_url="https://id.example.com/realms/acme", audience="weather", base_url=BASE, http_client=client
        ),
    ),
}


@pytest.mark.fastmcp("A-05", "A-06", "A-07", "A-15")
@pytest.mark.parametrize("name", REMOTES)
async def test_a_token_of_the_provider_opens_and_one_for_someone_else_does_not(name: str) -> None:
    standin, _, make = REMOTES[name]
    idp = standin()

    async with site(make(idp.client())) as client:
        good = await client.post("/mcp", headers=bearer(idp.token()))
        other_issuer = await client.post("/mcp", headers=bearer(idp.token(iss="https://evil.example")))
        old = await client.post("/mcp", headers=bearer(idp.token(exp=1)))
        other_audience = await client.post("/mcp", headers=bearer(idp.token(aud="another server")))

    assert good.status_code == 200, good.text
    assert good.json()["sub"] == "user-1"
    assert (other_issuer.status_code, old.status_code) == (401, 401)
    assert challenge(old)["error"] == "invalid_token"
    assert other_audience.status_code == (200 if idp.audience is None else 401)


@pytest.mark.fastmcp("A-05", "A-06", "A-07", "A-15")
@pytest.mark.parametrize("name", REMOTES)
async def test_clients_find_their_way_to_the_provider(name: str) -> None:
    standin, server, make = REMOTES[name]
    idp = standin()

    async with site(make(idp.client())) as client:
        asked_before = list(idp.asked)
        resource = (await client.get("/.well-known/oauth-protected-resource/mcp")).json()
        copy = await client.get("/.well-known/oauth-authorization-server")

    assert asked_before == []
    assert resource["authorization_servers"] == [server]
    assert resource["resource"] == f"{BASE}/mcp"
    assert copy.json()["issuer"] == idp.issuer
    assert copy.headers["access-control-allow-origin"] == "*"


@pytest.mark.fastmcp("A-15", status="later")
async def test_propelauth_is_asked_about_each_token() -> None:
    def answer(request: httpx2.Request) -> httpx2.Response:
        assert str(request.url) == "https://auth.example.com/oauth/2.1/introspect"
        known = b"token=good" in request.content
        said = {"active": True, "client_id": "cli", "sub": "user-1", "scope": "read", "aud": f"{BASE}/mcp"}
        return httpx2.Response(200, json=said if known else {"active": False})

    provider = PropelAuthProvider(
        auth_url="https://auth.example.com",
        introspection_client_id="me",
        introspection_client_secret="secret",
        base_url=BASE,
        resource=f"{BASE}/mcp",
        http_client=httpx2.AsyncClient(transport=httpx2.MockTransport(answer)),
    )
    async with site(provider) as client:
        statuses = [(await client.post("/mcp", headers=bearer(token))).status_code for token in ("good", "other")]

    assert statuses == [200, 401]
    assert provider.authorization_servers == ["https://auth.example.com/oauth/2.1"]


async def test_a_copy_that_cannot_be_had_is_an_error_and_no_empty_document() -> None:
    gone = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(404)))
    down = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: httpx2.Response(500)))
    statuses = []
    for http_client in (gone, down):
        provider = AuthKitProvider(authkit_domain="acme.authkit.app", base_url=BASE, http_client=http_client)
        async with site(provider) as client:
            statuses.append((await client.get("/.well-known/oauth-authorization-server")).status_code)

    assert statuses == [502, 503]


@pytest.mark.fastmcp("A-06")
def test_a_config_url_without_a_project_is_refused() -> None:
    with pytest.raises(ValueError, match="names no project"):
        DescopeProvider(config_url="https://api.descope.com/.well-known/openid-configuration", base_url=BASE)


@pytest.mark.fastmcp("S-02")
@pytest.mark.parametrize(
    ("make", "variables"),
    [
        (AuthKitProvider, {"AUTHKITPROVIDER_AUTHKIT_DOMAIN": "a.b", "AUTHKITPROVIDER_BASE_URL": BASE}),
        (AuthKitProvider, {"AUTHKIT_AUTHKIT_DOMAIN": "a.b", "AUTHKIT_BASE_URL": BASE}),
        (DescopeProvider, {"DESCOPEPROVIDER_PROJECT_ID": "P", "DESCOPEPROVIDER_BASE_URL": BASE}),
        (
            ScalekitProvider,
            {
                "SCALEKITPROVIDER_ENVIRONMENT_URL": "https://a.b",
                "SCALEKITPROVIDER_RESOURCE_ID": "r",
                "SCALEKITPROVIDER_MCP_URL": BASE,
            },
        ),
        (SupabaseProvider, {"SUPABASE_PROJECT_URL": "https://a.b", "SUPABASE_BASE_URL": BASE}),
    ],
)
def test_a_remote_provider_reads_the_environment(
    monkeypatch: pytest.MonkeyPatch, make: Callable[[], RemoteAuthProvider], variables: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match="or the variable FASTMCP_SERVER_AUTH_"):
        make()

    for name, value in variables.items():
        monkeypatch.setenv(f"FASTMCP_SERVER_AUTH_{name}", value)

    assert make().base_url == BASE
