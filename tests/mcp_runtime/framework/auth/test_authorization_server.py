"""The rules that every authorization server of ours keeps, shown by the smallest (FASTMCP A-12, A-15; PROTOCOL 5.3)."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator

import pytest

from mcp_runtime.framework.auth.providers.in_memory import InMemoryOAuthProvider
from mcp_runtime.framework.auth.settings import ClientRegistrationOptions, RevocationOptions
from tests.mcp_runtime.framework.auth.logins import REDIRECT, McpClient, answer_in
from tests.mcp_runtime.framework.auth.web import BASE, bearer, challenge, site


@pytest.fixture
async def client() -> AsyncIterator[McpClient]:
    provider = InMemoryOAuthProvider(base_url=BASE, required_scopes=["read"], valid_scopes=["read", "write"])
    async with site(provider) as web:
        found = McpClient(web)
        await found.register()
        yield found


async def code(client: McpClient, **changes: str) -> str:
    return answer_in(await client.authorize(**changes))["code"]


@pytest.mark.fastmcp("A-12", "A-15")
@pytest.mark.protocol("D-10", "D-12", "D-13", "O-04")
async def test_the_metadata_tells_a_client_all_it_needs(client: McpClient) -> None:
    resource = (await client.web.get("/.well-known/oauth-protected-resource/mcp")).json()
    found = (await client.web.get("/.well-known/oauth-authorization-server")).json()

    assert resource["resource"] == f"{BASE}/mcp"
    assert resource["authorization_servers"] == [found["issuer"]] == [BASE]
    assert found["authorization_endpoint"] == f"{BASE}/authorize"
    assert found["code_challenge_methods_supported"] == ["S256"]
    assert "none" in found["token_endpoint_auth_methods_supported"]
    assert found["authorization_response_iss_parameter_supported"] is True
    assert found["scopes_supported"] == ["read", "write"]
    assert (await client.web.get("/.well-known/openid-configuration")).json() == found


@pytest.mark.protocol("D-11")
def test_an_issuer_with_a_path_has_its_metadata_under_the_path_and_at_each_place() -> None:
    paths = {route.path for route in InMemoryOAuthProvider(base_url=f"{BASE}/api").get_routes("/mcp")}

    assert "/.well-known/oauth-authorization-server/api" in paths
    assert "/.well-known/oauth-protected-resource/api/mcp" in paths


@pytest.mark.fastmcp("A-15")
@pytest.mark.protocol("O-01", "O-04", "O-05", "O-06")
async def test_a_person_is_let_in_and_the_token_opens_the_server(client: McpClient) -> None:
    answer = answer_in(await client.authorize(scope="write", resource=f"{BASE}/mcp"))
    token = await client.exchange(answer["code"])
    called = await client.web.post("/mcp", headers=bearer(token.json()["access_token"]))

    assert answer["state"] == client.state
    assert answer["iss"] == BASE
    assert token.headers["cache-control"] == "no-store"
    assert token.json()["scope"] == "write read"
    assert called.json()["client_id"] == client.client_id


@pytest.mark.protocol("O-01", "O-03", "O-04", "O-05")
@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"code_challenge": None}, "invalid_request"),
        ({"code_challenge_method": "plain"}, "invalid_request"),
        ({"code_challenge_method": None}, "invalid_request"),
        ({"code_challenge": "short"}, "invalid_request"),
        ({"response_type": "token"}, "unsupported_response_type"),
        ({"resource": "https://other.example.com/mcp"}, "invalid_target"),
        ({"resource": f"{BASE}/mcp#x"}, "invalid_target"),
    ],
)
async def test_a_wrong_request_goes_back_with_an_error(
    client: McpClient, changes: dict[str, str | None], error: str
) -> None:
    answer = answer_in(await client.authorize(**changes))

    assert answer["error"] == error
    assert answer["state"] == client.state
    assert answer["iss"] == BASE
    assert "code" not in answer


@pytest.mark.protocol("O-02")
@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:4567/other",
        "http://127.0.0.1:4567/callback/",
        "http://127.0.0.1:4567/callback?x=1",
        "http://localhost.evil.example/callback",
        "https://evil.example/callback",
        "http://127.0.0.1:4567@evil.example/callback",
    ],
)
async def test_an_address_that_is_not_registered_is_shown_an_error_and_never_followed(
    client: McpClient, uri: str
) -> None:
    answer = await client.authorize(redirect_uri=uri)

    assert answer.status_code == 400
    assert "location" not in answer.headers


@pytest.mark.protocol("O-02")
async def test_the_port_on_the_persons_own_machine_may_differ(client: McpClient) -> None:
    answer = await client.authorize(redirect_uri="http://127.0.0.1:9999/callback")

    assert answer.headers["location"].startswith("http://127.0.0.1:9999/callback?code=")


async def test_a_client_that_is_not_registered_is_told_to_register(client: McpClient) -> None:
    authorize = await client.authorize(client_id="nobody")
    token = await client.exchange("code", client_id="nobody")

    assert (authorize.status_code, token.status_code) == (400, 401)
    assert token.json()["error"] == "invalid_client"


@pytest.mark.protocol("O-01")
async def test_a_code_works_once_and_a_replay_takes_back_what_it_gave(client: McpClient) -> None:
    once = await code(client)
    token = (await client.exchange(once)).json()["access_token"]

    replay = await client.exchange(once)

    assert replay.status_code == 400
    assert replay.json()["error"] == "invalid_grant"
    assert (await client.web.post("/mcp", headers=bearer(token))).status_code == 401


@pytest.mark.protocol("O-01")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_verifier": "w" * 64},
        {"code_verifier": ""},
        {"redirect_uri": "http://127.0.0.1:1/callback"},
        {"grant_type": "refresh_token"},
        {"resource": "https://other.example.com/mcp"},
    ],
)
async def test_a_code_is_bound_to_its_request(client: McpClient, changes: dict[str, str]) -> None:
    answer = await client.exchange(await code(client), **changes)

    assert answer.status_code == 400


async def test_a_code_is_bound_to_its_client(client: McpClient) -> None:
    stolen = await code(client)
    thief = McpClient(client.web)
    await thief.register(client_name="Thief")

    assert (await thief.exchange(stolen)).json()["error"] == "invalid_grant"


@pytest.mark.protocol("O-07")
async def test_a_refresh_token_rotates_and_may_narrow_but_not_widen(client: McpClient) -> None:
    first = (await client.exchange(await code(client, scope="write"))).json()

    wide = await client.refresh(first["refresh_token"], scope="read admin")
    second = (await client.refresh(first["refresh_token"], scope="read")).json()
    again = await client.refresh(first["refresh_token"])

    assert wide.json()["error"] == "invalid_scope"
    assert second["scope"] == "read"
    assert second["refresh_token"] != first["refresh_token"]
    assert again.json()["error"] == "invalid_grant"


@pytest.mark.protocol("O-08")
async def test_a_client_that_did_not_ask_for_refresh_tokens_gets_none(client: McpClient) -> None:
    await client.register(grant_types=["authorization_code"])

    answer = await client.exchange(await code(client))

    assert "refresh_token" not in answer.json()


@pytest.mark.protocol("A-14")
async def test_a_refresh_token_does_not_open_the_server(client: McpClient) -> None:
    token = (await client.exchange(await code(client))).json()["refresh_token"]

    answer = await client.web.post("/mcp", headers=bearer(token))

    assert answer.status_code == 401
    assert challenge(answer)["error"] == "invalid_token"


async def test_revoking_a_refresh_token_closes_the_access_token_too(client: McpClient) -> None:
    token = (await client.exchange(await code(client))).json()

    answer = await client.web.post("/revoke", data={"client_id": client.client_id, "token": token["refresh_token"]})

    assert answer.status_code == 200
    assert (await client.web.post("/mcp", headers=bearer(token["access_token"]))).status_code == 401
    assert (await client.refresh(token["refresh_token"])).status_code == 400


async def test_nobody_revokes_what_another_client_holds(client: McpClient) -> None:
    token = (await client.exchange(await code(client))).json()["access_token"]
    other = McpClient(client.web)
    await other.register(client_name="Other")

    await client.web.post("/revoke", data={"client_id": other.client_id, "token": token})

    assert (await client.web.post("/mcp", headers=bearer(token))).status_code == 200


@pytest.mark.protocol("O-12", "O-16")
@pytest.mark.parametrize("method", ["client_secret_basic", "client_secret_post"])
async def test_a_client_with_a_secret_must_prove_it(client: McpClient, method: str) -> None:
    secret = (await client.register(token_endpoint_auth_method=method))["client_secret"]
    stolen = await code(client)
    without = await client.exchange(stolen)
    wrong = await client.exchange(stolen, client_secret="wrong")

    form = {"grant_type": "authorization_code", "code": stolen, "code_verifier": "v" * 64, "redirect_uri": REDIRECT}
    headers = {}
    if method == "client_secret_basic":
        headers["authorization"] = "Basic " + b64encode(f"{client.client_id}:{secret}".encode()).decode()
    else:
        form |= {"client_id": client.client_id, "client_secret": secret}
    right = await client.web.post("/token", data=form, headers=headers)

    assert (without.status_code, wrong.status_code, right.status_code) == (401, 401, 200)


@pytest.mark.protocol("O-12")
async def test_the_same_registration_again_is_the_same_client(client: McpClient) -> None:
    first, second = await client.register(), await client.register()
    other = await client.register(client_name="Other")

    assert first["client_id"] == second["client_id"] != other["client_id"]
    assert "client_secret" not in first


@pytest.mark.protocol("O-12")
@pytest.mark.parametrize(
    ("metadata", "error"),
    [
        ({"redirect_uris": []}, "invalid_redirect_uri"),
        ({"redirect_uris": None}, "invalid_redirect_uri"),
        ({"redirect_uris": ["javascript:alert(1)"]}, "invalid_redirect_uri"),
        ({"redirect_uris": ["http://evil.example/cb"]}, "invalid_redirect_uri"),
        ({"redirect_uris": [REDIRECT] * 11}, "invalid_redirect_uri"),
        ({"grant_types": ["password"]}, "invalid_client_metadata"),
        ({"response_types": ["token"]}, "invalid_client_metadata"),
        ({"token_endpoint_auth_method": "private"}, "invalid_client_metadata"),
        ({"client_name": "x" * 501}, "invalid_client_metadata"),
        ({"client_name": 7}, "invalid_client_metadata"),
    ],
)
async def test_a_registration_that_is_wrong_is_refused(
    client: McpClient, metadata: dict[str, object], error: str
) -> None:
    body = {"redirect_uris": [REDIRECT], "token_endpoint_auth_method": "none", **metadata}

    answer = await client.web.post("/register", json=body)

    assert answer.status_code == 400
    assert answer.json()["error"] == error


async def test_a_body_that_is_no_object_too_large_or_of_another_kind_is_refused(client: McpClient) -> None:
    answers = [
        await client.web.post("/register", content=b"[]"),
        await client.web.post("/register", content=b"{"),
        await client.web.post("/register", content=b"x" * 100_000),
        await client.web.post("/token", json={"grant_type": "refresh_token"}),
        await client.web.post("/token", data={"client_id": client.client_id, "grant_type": "password"}),
    ]

    assert [answer.status_code for answer in answers] == [400, 400, 413, 400, 400]
    assert answers[-1].json()["error"] == "unsupported_grant_type"


async def test_parameters_given_twice_are_refused(client: McpClient) -> None:
    answer = await client.web.get("/authorize?client_id=a&client_id=b")

    assert answer.status_code == 400


async def test_an_author_may_close_registration_and_revocation_and_name_the_scopes() -> None:
    provider = InMemoryOAuthProvider(
        base_url=BASE,
        client_registration_options=ClientRegistrationOptions(enabled=False, valid_scopes=["read", "write"]),
        revocation_options=RevocationOptions(enabled=False),
    )

    async with site(provider) as web:
        metadata = (await web.get("/.well-known/oauth-authorization-server")).json()
        statuses = [(await web.post(path)).status_code for path in ("/register", "/revoke")]

    assert statuses == [404, 404]
    assert not {"registration_endpoint", "revocation_endpoint"} & metadata.keys()
    assert metadata["scopes_supported"] == ["read", "write"]


async def test_who_asks_for_no_scope_gets_the_default_ones() -> None:
    options = ClientRegistrationOptions(enabled=True, valid_scopes=["read", "write"], default_scopes=["read"])
    async with site(InMemoryOAuthProvider(base_url=BASE, client_registration_options=options)) as web:
        client = McpClient(web)
        await client.register()

        assert (await client.exchange(await code(client))).json()["scope"] == "read"
        assert (await client.exchange(await code(client, scope="write"))).json()["scope"] == "write"
