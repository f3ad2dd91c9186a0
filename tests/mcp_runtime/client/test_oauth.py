"""Logging in (FASTMCP CL-20, PROTOCOL 5.1 to 5.4)."""

from __future__ import annotations

import base64
import hashlib
import json
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx2
import pytest

from mcp_runtime.client import Client
from mcp_runtime.client.auth import (
    BearerAuth,
    ClientCredentialsOAuthProvider,
    OAuth,
    OAuthError,
    PrivateKeyJWTOAuthProvider,
    SignedJWTParameters,
    static_assertion_provider,
)
from mcp_runtime.client.auth.discovery import metadata_addresses, resource_addresses
from mcp_runtime.client.transports.http import StreamableHttpTransport
from mcp_runtime.framework.errors import ClientError
from mcp_runtime.framework.storage import DiskStore, MemoryStore

URL = "https://api.example.com/t/acme/mcp"
ISSUER = "https://login.example.com/acme"
METADATA = "https://login.example.com/.well-known/oauth-authorization-server/acme"
RESOURCE = "https://api.example.com/.well-known/oauth-protected-resource/t/acme/mcp"
DISCOVERED = {"supportedVersions": ["2026-07-28"], "capabilities": {}, "resultType": "complete"}


class World:
    """A server and its authorization server, and everything they were asked."""

    def __init__(self) -> None:
        self.issuer = ISSUER
        self.resource: dict[str, Any] = {"resource": URL, "authorization_servers": [ISSUER], "scopes_supported": ["a"]}
        self.metadata: dict[str, Any] = {
            "issuer": ISSUER,
            "authorization_endpoint": f"{ISSUER}/authorize",
            "token_endpoint": f"{ISSUER}/token",
            "registration_endpoint": f"{ISSUER}/register",
            "code_challenge_methods_supported": ["S256"],
            "token_endpoint_auth_methods_supported": ["none", "client_secret_post", "client_secret_basic"],
            "authorization_response_iss_parameter_supported": True,
        }
        self.documents = {RESOURCE: self.resource, METADATA: self.metadata}
        self.challenge = "Bearer"
        self.needed = ""
        self.registered: dict[str, Any] = {"client_id": "dynamic"}
        self.expires_in = 3600
        self.redirect: dict[str, str] = {}
        self.log: list[str] = []
        self.forms: list[dict[str, str]] = []
        self.asked: list[dict[str, str]] = []
        self.registrations: list[dict[str, Any]] = []
        self.tokens: dict[str, str] = {}
        self.proofs: list[str | None] = []
        self.challenges: dict[str, str] = {}
        self.headers: list[httpx2.Headers] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        url = str(request.url)
        self.log.append(f"{request.method} {url}")
        if url == URL:
            return self.served(request)
        if url == self.metadata.get("registration_endpoint"):
            self.registrations.append(json.loads(request.content))
            return httpx2.Response(201, json=self.registered)
        if url == self.metadata.get("token_endpoint"):
            return self.token(request)
        found = self.documents.get(url)
        return httpx2.Response(404) if found is None else httpx2.Response(200, json=found)

    def served(self, request: httpx2.Request) -> httpx2.Response:
        self.headers.append(request.headers)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if token not in self.tokens:
            return httpx2.Response(401, headers={"www-authenticate": self.challenge})
        if self.needed and self.needed not in self.tokens[token].split():
            header = f'Bearer error="insufficient_scope", scope="{self.needed}"'
            return httpx2.Response(403, headers={"www-authenticate": header})
        message = json.loads(request.content)
        return httpx2.Response(200, json={"jsonrpc": "2.0", "id": message["id"], "result": DISCOVERED})

    def token(self, request: httpx2.Request) -> httpx2.Response:
        form = dict(parse_qsl(request.content.decode()))
        self.forms.append(form)
        if form["grant_type"] == "authorization_code":
            digest = hashlib.sha256(form["code_verifier"].encode()).digest()
            challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
            if challenge != self.challenges.get(form["code"]):
                return httpx2.Response(400, json={"error": "invalid_grant"})
            scope = self.asked[-1].get("scope", "")
        elif form["grant_type"] == "client_credentials":
            self.proofs.append(request.headers.get("authorization"))
            scope = form.get("scope", "")
        elif form["refresh_token"] != "refresh":
            return httpx2.Response(400, json={"error": "invalid_grant"})
        else:
            scope = "a"
        token = f"token-{len(self.forms)}"
        self.tokens[token] = scope
        answer = {"access_token": token, "token_type": "Bearer", "expires_in": self.expires_in, "scope": scope}
        return httpx2.Response(200, json={**answer, "refresh_token": "refresh"})

    def person(self, page: str) -> dict[str, str]:
        """Log in: the parameters the browser is sent back with."""
        self.asked.append({name: values[0] for name, values in parse_qs(urlsplit(page).query).items()})
        code = f"code-{len(self.asked)}"
        self.challenges[code] = self.asked[-1]["code_challenge"]
        return {"code": code, "state": self.asked[-1]["state"], "iss": self.issuer, **self.redirect}

    def http(self, **options: Any) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.MockTransport(self), **options)

    def client(self, **options: Any) -> Client:
        auth = Person(self, **options)
        return Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=self.http))


class Person(OAuth):
    """Logs in without a browser."""

    def __init__(self, world: World, **options: Any) -> None:
        super().__init__(httpx_client_factory=world.http, **options)
        self._world = world
        self._back: dict[str, str] = {}

    async def redirect_handler(self, authorization_url: str) -> None:
        self._back = self._world.person(authorization_url)

    async def callback_handler(self) -> dict[str, str]:
        return {name: value for name, value in self._back.items() if value}


@pytest.mark.fastmcp("CL-20")
@pytest.mark.protocol("U-01", "U-02", "U-03", "O-03")
async def test_a_person_logs_in_where_the_server_says() -> None:
    world = World()

    async with world.client(client_name="Tester") as client:
        assert client.protocol_version == "2026-07-28"

    asked = world.asked[0]
    assert (asked["client_id"], asked["resource"], asked["scope"]) == ("dynamic", URL, "a")
    assert asked["code_challenge_method"] == "S256"
    registration = world.registrations[0]
    assert (registration["client_name"], registration["application_type"]) == ("Tester", "native")
    assert registration["redirect_uris"] == [asked["redirect_uri"]]
    assert registration["token_endpoint_auth_method"] == "none"
    form = world.forms[0]
    assert (form["resource"], form["redirect_uri"], form["client_id"]) == (URL, asked["redirect_uri"], "dynamic")
    assert world.headers[-1]["authorization"] == "Bearer token-1"


@pytest.mark.protocol("A-02", "U-01")
def test_metadata_is_looked_for_where_it_may_be() -> None:
    assert resource_addresses(URL, {}) == [RESOURCE, "https://api.example.com/.well-known/oauth-protected-resource"]
    assert resource_addresses(URL, {"resource_metadata": "https://x/y"}) == ["https://x/y"]


@pytest.mark.protocol("D-10", "D-11")
def test_an_issuers_metadata_is_looked_for_in_order() -> None:
    assert metadata_addresses(ISSUER) == [
        METADATA,
        "https://login.example.com/.well-known/openid-configuration/acme",
        "https://login.example.com/acme/.well-known/openid-configuration",
    ]
    assert metadata_addresses("https://login.example.com") == [
        "https://login.example.com/.well-known/oauth-authorization-server",
        "https://login.example.com/.well-known/openid-configuration",
    ]


@pytest.mark.protocol("U-01")
async def test_metadata_of_another_resource_ends_the_log_in() -> None:
    world = World()
    world.resource["resource"] = "https://api.example.com/t/other/mcp"

    with pytest.raises(OAuthError, match="is of another resource"):
        async with world.client():
            pass
    assert world.asked == []


@pytest.mark.protocol("D-12", "U-01")
@pytest.mark.parametrize("issuer", [f"{ISSUER}/", "https://evil.example.com", None])
async def test_metadata_of_another_issuer_ends_the_log_in(issuer: str | None) -> None:
    world = World()
    world.metadata["issuer"] = issuer

    with pytest.raises(OAuthError, match="is of another one"):
        async with world.client():
            pass


@pytest.mark.protocol("D-13", "O-01")
async def test_a_server_without_pkce_is_not_used() -> None:
    world = World()
    del world.metadata["code_challenge_methods_supported"]

    with pytest.raises(OAuthError, match="does not offer PKCE"):
        async with world.client():
            pass


@pytest.mark.protocol("U-04")
@pytest.mark.parametrize(
    ("redirect", "fault"),
    [
        ({"iss": ""}, "does not say who gave it"),
        ({"iss": f"{ISSUER}/"}, "by another authorization server"),
        ({"iss": "https://evil.example.com", "error": "<b>"}, "by another authorization server"),
        ({"state": "other"}, "its state differs"),
        ({"error": "access_denied", "error_description": "No."}, "access_denied: No."),
        ({"code": ""}, "has no code"),
    ],
)
async def test_an_answer_that_cannot_be_trusted_is_refused(redirect: dict[str, str], fault: str) -> None:
    world = World()
    world.redirect = redirect

    with pytest.raises(OAuthError, match=fault):
        async with world.client():
            pass
    assert world.forms == []


@pytest.mark.protocol("U-02", "O-10")
async def test_a_document_of_ours_is_better_than_registering() -> None:
    world = World()
    world.metadata["client_id_metadata_document_supported"] = True

    async with world.client(client_metadata_url="https://us.example.com/client.json"):
        pass

    assert world.registrations == []
    assert world.asked[0]["client_id"] == "https://us.example.com/client.json"


@pytest.mark.protocol("U-02")
@pytest.mark.parametrize("supported", [["client_secret_basic"], ["client_secret_post"], None])
async def test_a_client_known_beforehand_proves_itself_as_the_server_wants(supported: list[str] | None) -> None:
    world = World()
    world.metadata["token_endpoint_auth_methods_supported"] = supported

    async with world.client(client_id="known", client_secret="s%1"):
        pass

    posted = world.forms[0].get("client_secret") == "s%1"
    assert posted is (supported == ["client_secret_post"])
    assert world.registrations == []


@pytest.mark.protocol("U-02")
async def test_a_server_that_takes_no_registrations_is_named_with_the_remedy() -> None:
    world = World()
    del world.metadata["registration_endpoint"]

    with pytest.raises(OAuthError, match="give OAuth\\(\\) a client_id="):
        async with world.client():
            pass


@pytest.mark.protocol("U-03")
async def test_the_scopes_the_server_demands_come_first() -> None:
    world = World()
    world.challenge = 'Bearer scope="x y", error="invalid_token"'

    async with world.client(scopes=["mine"]):
        pass

    assert world.asked[0]["scope"] == "x y"


@pytest.mark.protocol("U-03", "A-14")
async def test_offline_access_is_asked_for_where_it_is_offered() -> None:
    world = World()
    world.metadata["scopes_supported"] = ["a", "offline_access"]

    async with world.client():
        pass

    assert (world.asked[0]["scope"], world.asked[0]["prompt"]) == ("a offline_access", "consent")


@pytest.mark.protocol("A-09", "O-09", "U-03")
async def test_more_scopes_are_asked_for_together_with_those_granted() -> None:
    world = World()

    async with world.client() as client:
        world.needed = "admin"
        await client.ping()

    assert [asked["scope"] for asked in world.asked] == ["a", "a admin"]


@pytest.mark.protocol("U-03")
async def test_a_demand_that_no_token_meets_is_final() -> None:
    world = World()

    async with world.client() as client:
        world.needed = "admin"
        await client.ping()
        for token in world.tokens:
            world.tokens[token] = ""
        with pytest.raises(ClientError, match="403"):
            await client.ping()
    assert len(world.asked) == 2


@pytest.mark.fastmcp("CL-20")
@pytest.mark.protocol("O-07")
async def test_a_token_is_renewed_before_it_ends() -> None:
    world = World()
    world.expires_in = 5

    async with world.client() as client:
        await client.ping()

    assert [form["grant_type"] for form in world.forms][:2] == ["authorization_code", "refresh_token"]
    assert world.forms[1]["resource"] == URL
    assert len(world.asked) == 1


@pytest.mark.protocol("O-07")
async def test_a_refused_renewal_begins_anew() -> None:
    world = World()

    async with world.client() as client:
        transport: Any = client.transport
        transport._auth._grant.refresh_token = "stolen"
        world.tokens.clear()
        await client.ping()

    assert len(world.asked) == 2


@pytest.mark.fastmcp("CL-20", status="safer")
@pytest.mark.protocol("U-05")
async def test_tokens_are_kept_encrypted_for_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FASTMCP_HOME", str(tmp_path / "home"))
    world, store = World(), DiskStore(directory=tmp_path / "tokens")

    async with world.client(token_storage=store):
        pass
    async with world.client(token_storage=store):
        pass

    assert len(world.asked) == 1
    kept = b"".join(path.read_bytes() for path in (tmp_path / "tokens").rglob("*") if path.is_file())
    assert kept
    assert b"token-1" not in kept
    assert b"refresh" not in kept


@pytest.mark.protocol("U-05", "O-15")
async def test_another_authorization_server_is_told_nothing_of_the_first() -> None:
    world, store = World(), MemoryStore()
    async with world.client(token_storage=store):
        pass
    world.tokens.clear()
    world.issuer = "https://new.example.com"
    world.resource["authorization_servers"] = [world.issuer]
    world.metadata.update(
        issuer=world.issuer,
        authorization_endpoint="https://new.example.com/authorize",
        token_endpoint="https://new.example.com/token",
        registration_endpoint="https://new.example.com/register",
    )
    world.documents["https://new.example.com/.well-known/oauth-authorization-server"] = world.metadata

    async with world.client(token_storage=store):
        pass

    assert len(world.registrations) == 2
    assert [form["grant_type"] for form in world.forms] == ["authorization_code"] * 2


@pytest.mark.protocol("D-14")
@pytest.mark.parametrize("published", [True, False])
async def test_servers_of_the_first_generation_are_their_own_authorization_servers(published: bool) -> None:
    world = World()
    world.documents.clear()
    world.issuer = "https://api.example.com"
    for name, path in (("authorization", "/authorize"), ("token", "/token"), ("registration", "/register")):
        world.metadata[f"{name}_endpoint"] = f"{world.issuer}{path}"
    world.metadata["issuer"] = f"{world.issuer}/" if published else world.issuer
    if published:
        world.issuer = world.metadata["issuer"]
        world.documents["https://api.example.com/.well-known/oauth-authorization-server"] = world.metadata

    async with world.client():
        pass

    assert "resource" not in world.forms[0]


@pytest.mark.protocol("U-06", "U-07")
@pytest.mark.parametrize("member", ["authorization_endpoint", "token_endpoint", "registration_endpoint"])
async def test_addresses_without_encryption_are_not_used(member: str) -> None:
    world = World()
    world.metadata[member] = "javascript:alert(1)" if member == "authorization_endpoint" else "http://evil.example.com"

    with pytest.raises(OAuthError, match="only https is trusted"):
        async with world.client():
            pass


@pytest.mark.fastmcp("CL-20")
async def test_the_browser_comes_back_to_this_machine() -> None:
    world = World()
    pages: list[tuple[int, str]] = []

    class Browser(OAuth):
        async def redirect_handler(self, authorization_url: str) -> None:
            back = world.person(authorization_url)
            address = world.asked[-1]["redirect_uri"].replace("localhost", "127.0.0.1")
            async with httpx2.AsyncClient(timeout=60) as http:
                for parameters in ({**back, "state": "forged"}, back):
                    page = await http.get(address, params=parameters)
                    pages.append((page.status_code, page.text))

    auth = Browser(URL, httpx_client_factory=world.http)
    async with Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=world.http)):
        pass

    assert [status for status, _ in pages] == [400, 200]
    assert "You are logged in" in pages[1][1]


@pytest.mark.fastmcp("CL-20")
async def test_a_log_in_nobody_finishes_is_given_up() -> None:
    world = World()

    class Nobody(OAuth):
        async def redirect_handler(self, authorization_url: str) -> None:
            """Look away."""

    auth = Nobody(URL, httpx_client_factory=world.http, callback_timeout=0.05)
    with pytest.raises(OAuthError, match="Nobody logged in"):
        async with Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=world.http)):
            pass


@pytest.mark.fastmcp("CL-20")
async def test_a_bearer_token_is_sent_as_it_is() -> None:
    world = World()
    world.tokens["key"] = ""

    for auth in ("key", BearerAuth("key")):
        async with Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=world.http)) as client:
            await client.ping()
    assert all(headers["authorization"] == "Bearer key" for headers in world.headers)


@pytest.mark.fastmcp("CL-20")
def test_the_word_oauth_means_the_browser() -> None:
    transport: Any = Client("https://example.com/mcp", auth="oauth").transport

    from mcp_runtime.client.auth import as_httpx_auth

    assert isinstance(as_httpx_auth(transport._auth, transport.url), OAuth)
    with pytest.raises(ValueError, match="This OAuth"):
        OAuth("https://a.example.com").bind("https://b.example.com")


# Programs without people.


@pytest.mark.fastmcp("CL-20", status="later")
@pytest.mark.protocol("CC-01")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_program_proves_itself_by_its_secret(method: str) -> None:
    world = World()
    auth = ClientCredentialsOAuthProvider(
        client_id="prog", client_secret="s", token_endpoint_auth_method=method, httpx_client_factory=world.http
    )

    async with Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=world.http)) as client:
        await client.ping()
        world.tokens.clear()
        await client.ping()

    assert [form["grant_type"] for form in world.forms] == ["client_credentials"] * 2
    assert (world.forms[0]["resource"], world.forms[0]["scope"]) == (URL, "a")
    assert (world.proofs[0] is not None) is (method == "client_secret_basic")
    assert world.asked == []


@pytest.mark.fastmcp("CL-20", status="later")
@pytest.mark.protocol("CC-01")
async def test_a_program_proves_itself_by_its_key() -> None:
    from joserfc.jwk import ECKey

    from mcp_runtime.framework.auth.jose import claims_of, import_key

    world = World()
    key = ECKey.generate_key("P-256")
    parameters = SignedJWTParameters(
        issuer="prog", subject="prog", signing_key=key.as_pem(private=True).decode(), signing_algorithm="ES256"
    )
    for provider in (parameters.create_assertion_provider(), static_assertion_provider("made elsewhere")):
        auth = PrivateKeyJWTOAuthProvider(
            client_id="prog", assertion_provider=provider, httpx_client_factory=world.http
        )
        async with Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=world.http)):
            pass

    claims = claims_of(world.forms[0]["client_assertion"], import_key(key.as_pem(private=False), "ES256"), "ES256")
    assert claims is not None
    assert (claims["aud"], claims["sub"]) == (ISSUER, "prog")
    assert world.forms[1]["client_assertion"] == "made elsewhere"
    assert world.forms[0]["client_assertion_type"].endswith(":jwt-bearer")


@pytest.mark.protocol("O-15")
async def test_a_secret_is_shown_to_its_own_authorization_server_only() -> None:
    world = World()
    auth = ClientCredentialsOAuthProvider(
        client_id="prog", client_secret="s", issuer="https://ours.example.com", httpx_client_factory=world.http
    )

    with pytest.raises(OAuthError, match="is guarded by"):
        async with Client(StreamableHttpTransport(URL, auth=auth, httpx_client_factory=world.http)):
            pass
    assert world.forms == []
