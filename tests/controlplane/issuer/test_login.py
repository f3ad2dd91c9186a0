"""The whole login: authorize, consent, code, token."""

from __future__ import annotations

import pytest
from django.conf import settings
from django.test import Client
from django.utils import timezone
from joserfc import jwt
from joserfc.jwk import KeySet

from controlplane.composition.models import Endpoint
from controlplane.issuer.models import AuthorizationCode, Grant, RefreshToken
from controlplane.issuer.trust import signers_of
from mcp_runtime.authorization.access_tokens import Issuer
from tenants.context import acting_for
from tests.controlplane.issuer.conftest import Flow, answer_in
from tests.support.cast import PASSWORD, Cast

pytestmark = pytest.mark.django_db


@pytest.mark.protocol("O-01", "O-03", "O-06", "O-07")
def test_a_login_gives_a_token_for_exactly_one_endpoint(flow: Flow, weather: Endpoint, cast: Cast) -> None:
    answer = flow.redeem(flow.code())

    assert answer.status_code == 200
    assert answer["Cache-Control"] == "no-store"
    body = answer.json()
    assert body["token_type"] == "Bearer"
    assert body["expires_in"] == 900
    keys = KeySet.import_key_set(flow.program.get(flow.oauth("jwks")).json())
    token = jwt.decode(body["access_token"], keys, algorithms=["ES256"])
    assert token.header["typ"] == "at+jwt"
    assert token.claims["iss"] == flow.issuer
    assert token.claims["aud"] == flow.resource
    assert token.claims["sub"] == cast.ben.pk
    assert token.claims["client_id"] == flow.client_id
    assert token.claims["scope"] == "mcp:call"
    assert token.claims["exp"] - token.claims["iat"] == 900


def test_a_gateway_makes_the_person_of_it(flow: Flow, weather: Endpoint, cast: Cast) -> None:
    token = flow.log_in()["access_token"]

    issuer = Issuer(signers_of(["acme"])["acme"])
    claims = issuer.claims(token)
    assert claims is not None
    principal = issuer.principal(claims)
    assert (principal.tenant, principal.subject, principal.audience) == (cast.acme.id, cast.ben.pk, weather.id)
    assert principal.scopes == {"mcp:call"}
    assert principal.roles == {"developer"}


@pytest.mark.protocol("O-04", "O-05")
def test_the_answer_names_its_issuer_and_returns_the_state(flow: Flow) -> None:
    answer = answer_in(flow.decide(state="a b&c=d"))

    assert answer.keys() == {"code", "state", "iss"}
    assert answer["state"] == "a b&c=d"
    assert answer["iss"] == flow.issuer


@pytest.mark.protocol("O-04")
def test_a_refusal_names_its_issuer_too(flow: Flow) -> None:
    answer = answer_in(flow.decide("deny"))

    assert answer["error"] == "access_denied"
    assert (answer["state"], answer["iss"]) == ("xyz", flow.issuer)
    assert "code" not in answer


def test_a_stranger_signs_in_first_and_comes_back_to_the_same_request(flow: Flow, cast: Cast) -> None:
    flow.browser = Client()

    sent = flow.authorize()
    page = flow.browser.post(sent["Location"], {"username": cast.ben.email, "password": PASSWORD}, follow=True)

    assert sent["Location"].startswith("/login/?next=/t/acme/oauth/authorize")
    assert page.status_code == 200
    assert page.context["client"].client_id == flow.client_id


def test_an_outsider_is_told_and_sent_nowhere(flow: Flow, cast: Cast) -> None:
    flow.browser.force_login(cast.cem)

    answer = flow.authorize()

    assert answer.status_code == 403
    assert "Location" not in answer


@pytest.mark.protocol("O-01")
@pytest.mark.parametrize(
    "changes",
    [
        {"code_challenge": None, "code_challenge_method": None},
        {"code_challenge_method": None},
        {"code_challenge_method": "plain"},
        {"code_challenge": "short"},
    ],
)
def test_pkce_with_s256_is_required(flow: Flow, changes: dict[str, str | None]) -> None:
    answer = answer_in(flow.authorize(**changes))

    assert answer["error"] == "invalid_request"
    assert answer["iss"] == flow.issuer


@pytest.mark.protocol("O-01")
def test_a_wrong_verifier_gets_nothing(flow: Flow) -> None:
    answer = flow.redeem(flow.code(), code_verifier="x" * 64)

    assert answer.status_code == 400
    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.protocol("O-01")
@pytest.mark.parametrize("response_type", ["token", "id_token", "code token", '"\\', ""])
def test_there_is_no_implicit_grant(flow: Flow, response_type: str) -> None:
    answer = answer_in(flow.authorize(response_type=response_type))

    assert answer["error"] == "unsupported_response_type"


@pytest.mark.protocol("O-01")
@pytest.mark.parametrize("grant_type", ["password", "implicit", "urn:x"])
def test_there_are_no_other_grants(flow: Flow, grant_type: str) -> None:
    answer = flow.token(grant_type=grant_type, username="ben@acme.example", password=PASSWORD)

    assert answer.status_code == 400
    assert answer.json()["error"] == "unsupported_grant_type"


@pytest.mark.protocol("O-01")
def test_a_code_works_once_and_its_replay_ends_the_login(flow: Flow, cast: Cast) -> None:
    code = flow.code()
    first = flow.redeem(code).json()

    again = flow.redeem(code)

    assert again.json()["error"] == "invalid_grant"
    assert flow.refresh(first["refresh_token"]).json()["error"] == "invalid_grant"
    with acting_for(cast.acme.id):
        assert Grant.objects.get().revoked_because == "code_replayed"


@pytest.mark.protocol("O-01")
def test_a_code_lives_a_minute(flow: Flow, cast: Cast) -> None:
    code = flow.code()
    with acting_for(cast.acme.id):
        AuthorizationCode.objects.update(expires_at=timezone.now())

    answer = flow.redeem(code)

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.protocol("O-01")
def test_a_code_is_its_clients_own(flow: Flow) -> None:
    code = flow.code()
    flow.register()

    answer = flow.redeem(code)

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.protocol("O-02")
def test_the_redirect_is_compared_at_the_token_endpoint_too(flow: Flow) -> None:
    answer = flow.redeem(flow.code(), redirect_uri="https://app.example/other")

    assert answer.json()["error"] == "invalid_grant"


@pytest.mark.protocol("O-02")
@pytest.mark.parametrize(
    "uri",
    [
        "https://evil.example/callback",
        "https://app.example/callback/",
        "https://app.example/callback?x=1",
        "https://app.example:444/callback",
        "http://app.example/callback",
        "HTTPS://app.example/callback",
        "https://app.example.evil.example/callback",
        'https://app.example/"><script>',
        "",
    ],
)
def test_an_address_that_was_not_registered_is_never_followed(flow: Flow, uri: str) -> None:
    answer = flow.authorize(redirect_uri=uri)

    assert answer.status_code == 400
    assert "Location" not in answer
    assert b"<script>" not in answer.content


@pytest.mark.protocol("O-02")
def test_a_loopback_address_may_have_another_port(flow: Flow) -> None:
    flow.register(redirect_uris=["http://127.0.0.1:33418/callback"])
    flow.redirect_uri = "http://127.0.0.1:51004/callback"

    answer = flow.redeem(flow.code())

    assert answer.status_code == 200


def test_an_unknown_client_is_told_to_the_person_alone(flow: Flow) -> None:
    flow.client_id = "cli_01JD8Q9ZJ4X5T6V7W8Y9Z0A1B2"

    answer = flow.authorize()

    assert answer.status_code == 400
    assert "Location" not in answer


def test_a_client_of_another_tenant_is_unknown(flow: Flow, cast: Cast) -> None:
    there = Flow(flow.browser, tenant="globex")
    there.register()
    flow.client_id = there.client_id

    answer = flow.authorize()

    assert answer.status_code == 400
    assert "Location" not in answer


@pytest.mark.protocol("O-03", "A-06")
@pytest.mark.parametrize(
    "resource",
    [
        None,
        "https://elsewhere.example/mcp",
        settings.STOA_PUBLIC_URL,
        f"{settings.STOA_PUBLIC_URL}/t/acme",
        f"{settings.STOA_PUBLIC_URL}/t/acme/nothing/mcp",
        f"{settings.STOA_PUBLIC_URL}/t/globex/weather/mcp",
        f"{settings.STOA_PUBLIC_URL}/t/acme/weather/mcp/",
        f"{settings.STOA_PUBLIC_URL}/t/acme/weather/mcp#x",
        "http://[",
    ],
)
def test_a_foreign_resource_is_no_target(flow: Flow, resource: str | None) -> None:
    answer = answer_in(flow.authorize(resource=resource))

    assert answer["error"] == "invalid_target"


@pytest.mark.protocol("O-03")
def test_capitals_in_scheme_and_host_name_the_same_resource(flow: Flow) -> None:
    answer = flow.redeem(flow.code(resource=flow.resource.replace("http://", "HTTP://")))

    assert answer.status_code == 200


@pytest.mark.protocol("O-03")
def test_a_token_request_may_not_name_another_resource(flow: Flow, cast: Cast) -> None:
    with acting_for(cast.acme.id):
        Endpoint.objects.create(slug="maps")

    code = flow.code()
    other = flow.redeem(code, resource=flow.resource.replace("weather", "maps"))
    same = flow.redeem(code, resource=flow.resource)

    assert same.status_code == 200
    assert other.json()["error"] == "invalid_target"


@pytest.mark.protocol("O-09")
def test_unknown_scopes_are_left_out_and_none_known_is_refused(flow: Flow) -> None:
    some = flow.redeem(flow.code(scope="mcp:call admin offline_access")).json()
    none = answer_in(flow.authorize(scope="admin"))

    assert some["scope"] == "mcp:call"
    assert none["error"] == "invalid_scope"


@pytest.mark.protocol("O-08")
def test_a_client_that_did_not_ask_for_refresh_tokens_gets_none(flow: Flow) -> None:
    flow.register(grant_types=["authorization_code"])

    assert "refresh_token" not in flow.log_in()


def test_a_repeated_parameter_is_refused(flow: Flow) -> None:
    page = flow.browser.get(flow.authorize_url() + "&state=twice")
    token = flow.token(grant_type="refresh_token", refresh_token=["a", "b"])

    assert page.status_code == 400
    assert token.json()["error"] == "invalid_request"


@pytest.mark.protocol("O-16")
def test_a_confidential_client_needs_its_secret(flow: Flow) -> None:
    flow.register(token_endpoint_auth_method="client_secret_post")
    code, right = flow.code(), flow.client_secret

    flow.client_secret = "stoa_cs_wrong"
    wrong = flow.redeem(code)
    flow.client_secret = ""
    without = flow.redeem(code)
    flow.client_secret = right

    assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_client")
    assert (without.status_code, without.json()["error"]) == (401, "invalid_client")
    assert flow.redeem(code).status_code == 200


def test_nothing_is_kept_in_the_clear(flow: Flow, cast: Cast) -> None:
    flow.register(token_endpoint_auth_method="client_secret_post")
    code = flow.code()
    tokens = flow.redeem(code).json()

    with acting_for(cast.acme.id):
        kept = [
            str({name: bytes(value) if isinstance(value, memoryview) else value for name, value in row.items()})
            for model in (AuthorizationCode, Grant, RefreshToken)
            for row in model.objects.values()
        ]

    for secret in (code, flow.client_secret, tokens["access_token"], tokens["refresh_token"]):
        assert not any(secret in row for row in kept)


def test_another_tenants_rows_stay_its_own(flow: Flow, cast: Cast) -> None:
    flow.log_in()

    with acting_for(cast.globex.id):
        assert not Grant.objects.exists()
