"""Each identity provider's class, against a stand-in that behaves as that provider documents (FASTMCP A-01 to A-08)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from mcp_runtime.framework.auth.errors import ProviderUnavailable
from mcp_runtime.framework.auth.oauth_proxy import OAuthProxy
from mcp_runtime.framework.auth.providers.auth0 import Auth0Provider
from mcp_runtime.framework.auth.providers.aws import AWSCognitoProvider
from mcp_runtime.framework.auth.providers.azure import AzureJWTVerifier, AzureProvider
from mcp_runtime.framework.auth.providers.clerk import ClerkProvider
from mcp_runtime.framework.auth.providers.discord import DiscordProvider
from mcp_runtime.framework.auth.providers.github import GitHubProvider
from mcp_runtime.framework.auth.providers.google import GoogleProvider
from mcp_runtime.framework.auth.providers.huggingface import HuggingFaceProvider
from mcp_runtime.framework.auth.providers.oci import OCIProvider
from mcp_runtime.framework.auth.providers.workos import WorkOSProvider
from mcp_runtime.framework.storage import MemoryStore
from tests.mcp_runtime.framework.auth import identity
from tests.mcp_runtime.framework.auth.identity import CLIENT_ID, CLIENT_SECRET, IdentityProvider, sign
from tests.mcp_runtime.framework.auth.people import person_at
from tests.mcp_runtime.framework.auth.web import BASE, bearer

Make = Callable[..., OAuthProxy]

PROVIDERS: dict[str, tuple[type[IdentityProvider], Make, dict[str, Any], list[str], dict[str, Any]]] = {
    "google": (
        identity.Google,
        GoogleProvider,
        {"required_scopes": ["openid", "email"]},
        ["openid", "https://www.googleapis.com/auth/userinfo.email"],
        {"sub": "1089", "email": "ada@example.com", "name": "Ada"},
    ),
    "github": (identity.GitHub, GitHubProvider, {}, ["user"], {"sub": "583231", "login": "ada"}),
    "azure": (
        identity.Azure,
        AzureProvider,
        {"tenant_id": identity.Azure.directory, "required_scopes": ["read"]},
        ["read"],
        {"sub": "user-1", "tid": identity.Azure.directory},
    ),
    "auth0": (
        identity.Auth0,
        Auth0Provider,
        {"config_url": identity.Auth0.config_url, "audience": "https://api.example.com"},
        ["openid"],
        {"sub": "auth0|1"},
    ),
    "workos": (
        identity.WorkOS,
        WorkOSProvider,
        {"authkit_domain": "acme.authkit.app", "required_scopes": ["profile"]},
        ["profile"],
        {"sub": "user_01"},
    ),
    "cognito": (
        identity.Cognito,
        AWSCognitoProvider,
        {"user_pool_id": identity.Cognito.pool, "aws_region": "eu-central-1"},
        ["openid"],
        {"sub": "user-1", "username": "ada", "cognito:groups": ["admins"]},
    ),
    "discord": (identity.Discord, DiscordProvider, {}, ["identify"], {"sub": "80", "username": "ada"}),
    "clerk": (identity.Clerk, ClerkProvider, {"domain": "acme.clerk.accounts.dev"}, ["openid"], {"sub": "user_2"}),
    "huggingface": (identity.HuggingFace, HuggingFaceProvider, {}, ["openid", "profile"], {"sub": "62f2"}),
    "oci": (identity.OCI, OCIProvider, {"config_url": identity.OCI.config_url}, ["openid"], {"sub": "user-1"}),
}


def provider_of(name: str, idp: IdentityProvider, **more: Any) -> OAuthProxy:
    _, make, options, _, _ = PROVIDERS[name]
    return make(
        client_id=CLIENT_ID,
        client_secret=CLIENT_SECRET,
        base_url=BASE,
        client_storage=MemoryStore(),
        http_client=idp.client(),
        **options,
        **more,
    )


@pytest.mark.fastmcp("A-01", "A-02", "A-03", "A-04", "A-05", "A-08", "A-12", "A-15")
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_person_logs_in_with_the_provider_and_tools_see_who_they_are(name: str) -> None:
    idp = PROVIDERS[name][0]()

    async with person_at(provider_of(name, idp), idp) as person:
        tokens = await person.log_in(resource=f"{BASE}/mcp")
        called = await person.browser.post("/mcp", headers=bearer(tokens["access_token"]))

    _, _, _, scopes, claims = PROVIDERS[name]
    assert called.status_code == 200, called.text
    seen = called.json()
    assert set(scopes) <= set(seen["scopes"])
    assert claims.items() <= seen.items()
    assert "upstream" not in str(tokens)
    assert tokens["expires_in"] <= 3600


@pytest.mark.fastmcp("A-01", "A-02", "A-03", "A-04", "A-05", "A-08", "A-12", "A-15")
@pytest.mark.parametrize("name", PROVIDERS)
async def test_a_login_goes_on_by_refresh_tokens(name: str) -> None:
    idp = PROVIDERS[name][0]()

    async with person_at(provider_of(name, idp), idp) as person:
        first = await person.log_in()
        second = (await person.client.refresh(first["refresh_token"])).json()
        called = await person.browser.post("/mcp", headers=bearer(second["access_token"]))

    assert second["refresh_token"] != first["refresh_token"]
    assert called.status_code == 200


@pytest.mark.fastmcp("A-14", status="safer")
@pytest.mark.parametrize("name", PROVIDERS)
def test_constructing_a_provider_asks_nobody(name: str) -> None:
    idp = PROVIDERS[name][0]()

    provider_of(name, idp).get_routes("/mcp")

    assert idp.seen == []


@pytest.mark.fastmcp("A-01", status="safer")
async def test_googles_tokens_stand_in_no_address() -> None:
    idp = identity.Google()

    async with person_at(provider_of("google", idp), idp) as person:
        await person.browser.post("/mcp", headers=bearer((await person.log_in())["access_token"]))

    assert idp.tokens
    assert not [request.url for request in idp.seen for token in idp.tokens if token in str(request.url)]


@pytest.mark.fastmcp("A-01", status="safer")
async def test_a_google_token_of_another_application_is_not_accepted() -> None:
    class Other(identity.Google):
        def audience(self) -> str:
            return "another-application"

    idp = Other()
    async with person_at(provider_of("google", idp), idp) as person:
        back = await person.come_back(await person.decide(await person.consent_page()))

    assert "error=access_denied" in back.headers["location"]


@pytest.mark.fastmcp("A-02", status="safer")
async def test_github_is_asked_once_for_each_call_and_less_where_the_author_says_so() -> None:
    counts = []
    for more in ({}, {"cache_ttl_seconds": 60}):
        idp = identity.GitHub()
        async with person_at(provider_of("github", idp, **more), idp) as person:
            token = (await person.log_in())["access_token"]
            before = len(idp.seen)
            for _ in range(3):
                await person.browser.post("/mcp", headers=bearer(token))
            counts.append(len(idp.seen) - before)

    assert counts == [3, 0]


@pytest.mark.fastmcp("A-02")
async def test_githubs_refusal_with_status_200_is_a_refusal() -> None:
    idp = identity.GitHub()

    async with person_at(provider_of("github", idp), idp) as person:
        decided = await person.decide(await person.consent_page())
        back = idp.log_in(decided.headers["location"])
        idp.codes.clear()
        answer = await person.browser.get(back)

    assert "error=server_error" in answer.headers["location"]
    assert "bad_verification_code" not in answer.headers["location"]


@pytest.mark.fastmcp("A-02")
async def test_github_that_answers_no_more_questions_makes_no_token_invalid() -> None:
    class Limited(identity.GitHub):
        def serve(self, url: str, request: httpx2.Request) -> httpx2.Response:
            return httpx2.Response(403, json={}, headers={"x-ratelimit-remaining": "0"})

    verifier = provider_of("github", Limited()).token_verifier

    with pytest.raises(ProviderUnavailable, match="no more questions"):
        await verifier.verify_token("x")


@pytest.mark.fastmcp("A-03")
async def test_azure_is_asked_for_scopes_with_its_uri_and_for_graph_scopes_beside_them() -> None:
    idp = identity.Azure()

    async with person_at(provider_of("azure", idp, additional_authorize_scopes=["User.Read"]), idp) as person:
        tokens = await person.log_in(resource=f"{BASE}/mcp", scope="read openid")

    assert idp.asked[0]["scope"].split() == [f"api://{CLIENT_ID}/read", "User.Read", "offline_access"]
    assert tokens["scope"] == "read"


@pytest.mark.fastmcp("A-03")
@pytest.mark.parametrize(("tid", "accepted"), [("1f2e", True), ("other", False)])
async def test_azure_for_many_directories_compares_the_issuer_with_the_directory_in_the_token(
    tid: str, accepted: bool
) -> None:
    keys = "https://login.microsoftonline.com/organizations/discovery/v2.0/keys"
    idp = identity.Azure()
    idp.jwks_url = keys  # type: ignore[misc]  # this instance only
    verifier = AzureJWTVerifier(client_id=CLIENT_ID, tenant_id="organizations", http_client=idp.client())
    token = sign({"iss": "https://login.microsoftonline.com/1f2e/v2.0", "tid": tid, "aud": CLIENT_ID, "scp": "read"})

    assert (await verifier.verify_token(token) is not None) is accepted


@pytest.mark.fastmcp("A-03")
def test_azure_without_a_scope_is_refused_with_the_reason() -> None:
    with pytest.raises(ValueError, match="needs required_scopes= with at least one scope"):
        AzureProvider(client_id="a", client_secret="b", tenant_id="c", base_url=BASE)


@pytest.mark.fastmcp("A-08", status="safer")
async def test_a_cognito_token_of_another_application_or_an_id_token_is_not_accepted() -> None:
    idp = identity.Cognito()
    verifier = provider_of("cognito", idp).token_verifier
    claims = idp.claims(["openid"])

    assert await verifier.verify_token(sign(claims)) is not None
    assert await verifier.verify_token(sign({**claims, "client_id": "other"})) is None
    assert await verifier.verify_token(sign({**claims, "token_use": "id"})) is None


@pytest.mark.fastmcp("A-08")
async def test_tools_see_only_the_claims_of_cognito_that_say_who_someone_is() -> None:
    idp = identity.Cognito()

    async with person_at(provider_of("cognito", idp), idp) as person:
        seen = (await person.browser.post("/mcp", headers=bearer((await person.log_in())["access_token"]))).json()

    assert seen.keys() == {"client_id", "scopes", "token", "sub", "username", "cognito:groups"}


@pytest.mark.fastmcp("A-15")
async def test_a_discord_token_of_another_application_is_not_accepted() -> None:
    idp = identity.Discord()
    token = idp.new_token(["identify"])
    own = provider_of("discord", idp).token_verifier
    other = DiscordProvider(client_id="other", client_secret="x", base_url=BASE, http_client=idp.client())

    assert await own.verify_token(token) is not None
    assert await other.token_verifier.verify_token(token) is None


@pytest.mark.fastmcp("A-12")
@pytest.mark.parametrize("name", ["google", "github"])
def test_a_proxy_serves_the_pages_of_an_authorization_server(name: str) -> None:
    paths = {route.path for route in provider_of(name, PROVIDERS[name][0]()).get_routes("/mcp")}

    assert paths == {
        *("/authorize", "/token", "/register", "/revoke", "/consent", "/auth/callback"),
        "/.well-known/oauth-authorization-server",
        "/.well-known/openid-configuration",
        "/.well-known/oauth-protected-resource/mcp",
    }


@pytest.mark.fastmcp("S-02")
@pytest.mark.parametrize(
    ("make", "prefix", "more"),
    [
        (GitHubProvider, "GITHUB", {}),
        (GoogleProvider, "GOOGLE", {}),
        (AzureProvider, "AZURE", {"TENANT_ID": "t", "REQUIRED_SCOPES": "read"}),
        (Auth0Provider, "AUTH0", {"CONFIG_URL": identity.Auth0.config_url, "AUDIENCE": "a"}),
        (AWSCognitoProvider, "AWS_COGNITO", {"USER_POOL_ID": "p"}),
        (WorkOSProvider, "WORKOS", {"AUTHKIT_DOMAIN": "acme.authkit.app"}),
        (DiscordProvider, "DISCORD", {}),
    ],
)
def test_a_provider_reads_the_environment_for_what_it_is_not_given(
    monkeypatch: pytest.MonkeyPatch, make: Make, prefix: str, more: dict[str, str]
) -> None:
    with pytest.raises(ValueError, match=f"FASTMCP_SERVER_AUTH_{prefix}_"):
        make()

    for name, value in {"CLIENT_ID": "i", "CLIENT_SECRET": "s", "BASE_URL": BASE, **more}.items():
        monkeypatch.setenv(f"FASTMCP_SERVER_AUTH_{prefix}_{name}", value)

    provider = make()
    assert provider.upstream.client_id == "i"
    assert provider.base_url == BASE


@pytest.mark.fastmcp("S-02", "B-09")
async def test_the_options_of_a_proxy_come_from_the_environment_too(monkeypatch: pytest.MonkeyPatch) -> None:
    claude = "https://claude.ai/api/mcp/auth_callback"
    for name, value in {
        "CLIENT_ID": CLIENT_ID,
        "BASE_URL": BASE,
        "CLIENT_SECRET": CLIENT_SECRET,
        "ALLOWED_CLIENT_REDIRECT_URIS": f'["{claude}", "http://localhost:*"]',
        "JWT_SIGNING_KEY": "a signing key",
        "REDIRECT_PATH": "/oauth/callback",
    }.items():
        monkeypatch.setenv(f"FASTMCP_SERVER_AUTH_GITHUB_{name}", value)

    provider = GitHubProvider()
    told = GitHubProvider(redirect_path="/told", allowed_client_redirect_uris=[])

    assert provider.redirect_path == "/oauth/callback"
    assert provider.redirect_policy.allows(claude)
    assert provider.keys.fingerprint != GitHubProvider(jwt_signing_key=b"other").keys.fingerprint
    assert told.redirect_path == "/told"
    assert not told.redirect_policy.allows(claude)


async def test_without_network_a_login_says_that_the_provider_does_not_answer() -> None:
    idp = identity.Auth0()
    idp.down = True

    async with person_at(provider_of("auth0", idp), idp) as person:
        decided = await person.decide(await person.consent_page())

    assert decided.status_code == 503
    assert "does not answer" in decided.text


def test_an_unknown_option_is_refused() -> None:
    with pytest.raises(TypeError, match="allowed_redirects"):
        GitHubProvider(client_id="a", client_secret="b", base_url=BASE, allowed_redirects=[])  # type: ignore[call-arg]


async def test_the_client_of_the_author_is_used_and_left_open() -> None:
    idp = identity.GitHub()
    client: httpx2.AsyncClient = idp.client()
    provider = GitHubProvider(client_id="a", client_secret="b", base_url=BASE, http_client=client)

    await provider.token_verifier.verify_token("x")

    assert len(idp.seen) == 1
    assert not client.is_closed
